//! A peer on the game's thread.

use super::endpoint::{Command, Disconnect};
use super::id_map::IdMap;
use super::peer_shared::{
    DROPPED, DROPPED_DATAGRAMS, OUTGOING, OUTGOING_OVERHEAD, PeerShared, REFUSED,
};
use crate::tcp::canonical;
use lodewire_enet::wire::MAX_PACKET_SIZE;
use lodewire_enet::{Delivery, PeerState};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A received packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The channel.
    pub channel: u8,
    /// The delivery mode.
    pub delivery: Delivery,
    /// The bytes.
    pub data: Box<[u8]>,
}

/// A statistic of a peer, as in Godot's `ENetPacketPeer.PeerStatistic`, and three more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Godot's names, and its documentation")]
pub enum PeerStatistic {
    PacketLoss = 0,
    PacketLossVariance,
    PacketLossEpoch,
    RoundTripTime,
    RoundTripTimeVariance,
    LastRoundTripTime,
    LastRoundTripTimeVariance,
    PacketThrottle,
    PacketThrottleLimit,
    PacketThrottleCounter,
    PacketThrottleEpoch,
    PacketThrottleAcceleration,
    PacketThrottleDeceleration,
    PacketThrottleInterval,
    /// Reliable packets or fragments that arrived while the receive budget was used up: the remote host repeats them.
    Refused,
    /// Unreliable packets dropped because the receive budget was used up.
    Dropped,
    /// Datagrams dropped because decompressing them would have taken too long.
    DroppedDatagrams,
}

impl PeerStatistic {
    /// Returns true for times, which are microseconds here and milliseconds in Godot.
    fn is_time(self) -> bool {
        matches!(
            self,
            Self::PacketLossEpoch
                | Self::RoundTripTime
                | Self::RoundTripTimeVariance
                | Self::LastRoundTripTime
                | Self::LastRoundTripTimeVariance
                | Self::PacketThrottleEpoch
        )
    }
}

/// The reason why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The peer is not connected, or is disconnecting.
    NotConnected,
    /// The connection has fewer channels.
    NoSuchChannel,
    /// The packet is longer than the protocol allows.
    TooLong,
    /// The peer's outgoing limit is reached.
    Full,
}

/// The peers of a host that are visible to the game, by id.
pub(super) type Registry = RefCell<IdMap<Rc<Peer>>>;

/// The remote side of a connection.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<PeerShared>,
    state: Cell<PeerState>,
    channels: Cell<usize>,
    unread: RefCell<VecDeque<Received>>,
    /// The channel and flags of the last packet read.
    last: Cell<(u8, u8)>,
    registry: Weak<Registry>,
    /// The game has ended the connection: no more events.
    ended_locally: Cell<bool>,
    /// The cause of the disconnect.
    reason: RefCell<String>,
    /// Bytes sent since the I/O thread last took the commands, and the number of times it had.
    burst: Cell<(u64, usize)>,
}

impl Peer {
    pub(super) fn new(
        shared: Arc<PeerShared>,
        state: PeerState,
        channels: usize,
        registry: &Rc<Registry>,
    ) -> Self {
        Self {
            shared,
            state: Cell::new(state),
            channels: Cell::new(channels),
            unread: RefCell::default(),
            last: Cell::new((0, 0)),
            registry: Rc::downgrade(registry),
            ended_locally: Cell::new(false),
            reason: RefCell::default(),
            burst: Cell::new((0, 0)),
        }
    }

    /// Returns an id that no other peer of its host has or had.
    pub fn id(&self) -> u32 {
        self.shared.id
    }

    pub(super) fn connected(&self, channels: usize) {
        self.state.set(PeerState::Connected);
        self.channels.set(channels);
    }

    pub(super) fn ended(&self) {
        self.state.set(PeerState::Disconnected);
    }

    pub(super) fn end_with_reason(&self, reason: Option<&str>) {
        self.ended();
        reason.unwrap_or_default().clone_into(&mut self.reason.borrow_mut());
    }

    /// Returns the cause of the disconnect in words; empty if one of the two sides disconnected.
    pub fn reason(&self) -> String {
        self.reason.borrow().clone()
    }

    /// Returns true if the game has ended the connection, by [`disconnect`](Self::disconnect),
    /// [`disconnect_now`](Self::disconnect_now) or [`reset`](Self::reset).
    pub fn is_ended_locally(&self) -> bool {
        self.ended_locally.get()
    }

    /// Drops a received packet of `len` bytes.
    pub(super) fn discard(&self, len: usize) {
        self.shared.consume(1, len);
    }

    pub(super) fn deliver(&self, received: Received) {
        self.unread.borrow_mut().push_back(received);
    }

    /// Returns the state of the connection, as events have reported and the game has requested.
    pub fn state(&self) -> PeerState {
        self.state.get()
    }

    /// Returns true unless the peer is disconnected.
    pub fn is_active(&self) -> bool {
        self.state.get() != PeerState::Disconnected
    }

    /// Returns the number of channels; until the connection is established, the requested number.
    pub fn channels(&self) -> usize {
        self.channels.get()
    }

    /// Returns the address of the remote side, IPv4-mapped addresses as IPv4.
    pub fn remote(&self) -> SocketAddr {
        canonical(self.shared.remote())
    }

    /// Returns the current value of a statistic. Times are in milliseconds, with fractions.
    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    pub fn statistic(&self, statistic: PeerStatistic) -> f64 {
        let index = match statistic {
            PeerStatistic::Refused => REFUSED,
            PeerStatistic::Dropped => DROPPED,
            PeerStatistic::DroppedDatagrams => DROPPED_DATAGRAMS,
            other => other as usize,
        };
        let value = self.shared.statistic(index) as f64;
        if statistic.is_time() { value / 1000.0 } else { value }
    }

    /// Returns the number of packets that can be read.
    pub fn available(&self) -> usize {
        self.unread.borrow().len()
    }

    /// Returns their length.
    pub(super) fn unread_bytes(&self) -> u64 {
        self.unread.borrow().iter().map(|packet| packet.data.len() as u64).sum()
    }

    /// Reads the next packet.
    pub fn receive(&self) -> Option<Received> {
        let mut unread = self.unread.borrow_mut();
        let received = unread.pop_front()?;
        if unread.is_empty() && unread.capacity() > 64 {
            *unread = VecDeque::new();
        }
        self.shared.consume(1, received.data.len());
        self.last.set((received.channel, received.delivery.flags()));
        Some(received)
    }

    /// Reads all available packets.
    pub fn receive_all(&self) -> VecDeque<Received> {
        let received = std::mem::take(&mut *self.unread.borrow_mut());
        let bytes = received.iter().map(|packet| packet.data.len()).sum();
        if !received.is_empty() {
            self.shared.consume(received.len(), bytes);
        }
        received
    }

    /// Returns the channel of the next packet, or of the last one read if there is none.
    pub fn packet_channel(&self) -> u8 {
        self.next_or_last().0
    }

    /// Returns ENet's flags of the next packet, or of the last one read if there is none.
    pub fn packet_flags(&self) -> u8 {
        self.next_or_last().1
    }

    fn next_or_last(&self) -> (u8, u8) {
        let next = self.unread.borrow().front().map(|next| (next.channel, next.delivery.flags()));
        next.unwrap_or_else(|| self.last.get())
    }

    /// Returns the bytes that are queued or not acknowledged.
    pub fn outgoing_bytes(&self) -> usize {
        let waiting = usize::try_from(self.shared.statistic(OUTGOING)).unwrap_or(usize::MAX);
        waiting.saturating_add(self.shared.queued.load(Ordering::Relaxed))
    }

    /// Sends a packet. No further call is needed.
    ///
    /// # Errors
    /// Returns a [`SendError`] if the packet is not sent.
    pub fn send(&self, channel: u8, delivery: Delivery, data: Arc<[u8]>) -> Result<(), SendError> {
        let fills_datagram = self.reserve(channel, data.len())?;
        let endpoint = &self.shared.endpoint;
        endpoint.send(Command::Send { id: self.id(), channel, delivery, data });
        if fills_datagram {
            endpoint.flush_now();
        }
        Ok(())
    }

    /// Charges a packet of `len` bytes to the outgoing limit. Returns true if the packets sent since the I/O thread
    /// last took the commands fill a datagram.
    pub(super) fn reserve(&self, channel: u8, len: usize) -> Result<bool, SendError> {
        if self.state.get() != PeerState::Connected {
            return Err(SendError::NotConnected);
        }
        if usize::from(channel) >= self.channels.get() {
            return Err(SendError::NoSuchChannel);
        }
        if len > MAX_PACKET_SIZE {
            return Err(SendError::TooLong);
        }
        let endpoint = &self.shared.endpoint;
        let limit = endpoint.max_outgoing_bytes.load(Ordering::Relaxed);
        let waiting = self.outgoing_bytes();
        if waiting > 0 && (waiting + len) as u64 > limit {
            return Err(SendError::Full);
        }
        self.shared.queued.fetch_add(len + OUTGOING_OVERHEAD, Ordering::Relaxed);
        let times_taken = endpoint.times_taken.load(Ordering::Relaxed);
        let (before, sent) = self.burst.get();
        let sent = if times_taken == before { sent + len } else { len };
        let fills_datagram = sent >= self.shared.mtu.load(Ordering::Relaxed);
        self.burst.set((times_taken, if fills_datagram { 0 } else { sent }));
        Ok(fills_datagram)
    }

    /// Disconnects the peer and drops queued packets. [`Event::Disconnect`](super::Event::Disconnect) follows when the
    /// remote side confirms. A peer that is not connected yet is dropped at once, without an event.
    pub fn disconnect(&self, data: u32) {
        match self.state.get() {
            PeerState::Connected | PeerState::DisconnectLater => {
                self.state.set(PeerState::Disconnecting);
                self.ended_locally.set(true);
                self.end(Disconnect::Graceful, data);
            }
            PeerState::Connecting => self.disconnect_now(data),
            _ => {}
        }
    }

    /// Disconnects the peer after all queued packets are acknowledged.
    pub fn disconnect_later(&self, data: u32) {
        match self.state.get() {
            PeerState::Connected | PeerState::DisconnectLater => {
                self.state.set(PeerState::DisconnectLater);
                self.end(Disconnect::Later, data);
            }
            _ => self.disconnect(data),
        }
    }

    /// Disconnects the peer at once, without an event. The remote side is notified once.
    pub fn disconnect_now(&self, data: u32) {
        if self.is_active() {
            self.end(Disconnect::Now, data);
            self.unregister();
        }
    }

    fn end(&self, how: Disconnect, data: u32) {
        let endpoint = &self.shared.endpoint;
        endpoint.command(Command::Disconnect { id: self.id(), how, data });
        endpoint.flush_now();
    }

    /// Drops the connection without notifying the remote side.
    pub fn reset(&self) {
        if self.is_active() {
            self.shared.endpoint.command(Command::Reset { id: self.id() });
            self.unregister();
        }
    }

    /// Removes the peer from the game's view.
    fn unregister(&self) {
        self.ended();
        self.ended_locally.set(true);
        if let Some(registry) = self.registry.upgrade() {
            registry.borrow_mut().remove(&self.id());
        }
    }

    /// Sends a ping, which also measures the round-trip time.
    pub fn ping(&self) {
        if self.state.get() == PeerState::Connected {
            self.shared.endpoint.command(Command::Ping { id: self.id() });
        }
    }

    /// Sets the ping interval; 0 stands for 500 ms.
    pub fn set_ping_interval(&self, millis: u32) {
        let id = self.id();
        self.shared.endpoint.command(Command::SetPingInterval { id, millis });
    }

    /// Sets the timeout: see [`lodewire_enet::Host::set_timeout`].
    pub fn set_timeout(&self, limit: u32, minimum: u32, maximum: u32) {
        let id = self.id();
        self.shared.endpoint.command(Command::SetTimeout { id, limit, minimum, maximum });
    }

    /// Configures the throttle: see [`lodewire_enet::Host::configure_throttle`].
    pub fn configure_throttle(&self, interval: u32, acceleration: u32, deceleration: u32) {
        let command =
            Command::ConfigureThrottle { id: self.id(), interval, acceleration, deceleration };
        self.shared.endpoint.command(command);
    }
}

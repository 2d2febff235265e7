//! A peer, as the game holds it.

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

/// A packet that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// On which channel.
    pub channel: u8,
    /// How it was sent.
    pub delivery: Delivery,
    /// Its bytes.
    pub data: Box<[u8]>,
}

/// A figure of a peer, as Godot's `ENetPacketPeer.PeerStatistic`, and three of our own.
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
    /// Reliable packets, or pieces of them, that came while too much waited for the game: the remote host repeats them.
    Refused,
    /// Unreliable packets that were dropped since too much waited for the game.
    Dropped,
    /// Datagrams that were dropped, since to decompress them would have taken too long.
    DroppedDatagrams,
}

impl PeerStatistic {
    /// Whether it is a time, in microseconds here and in milliseconds in Godot.
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

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is not there yet, or ends.
    NotConnected,
    /// The connection has fewer channels.
    NoSuchChannel,
    /// The packet is longer than the protocol allows.
    TooLong,
    /// Too much waits for the network.
    Full,
}

/// The peers of a host that the game knows, by their ids.
pub(super) type Registry = RefCell<IdMap<Rc<Peer>>>;

/// The other side of a connection.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<PeerShared>,
    state: Cell<PeerState>,
    channels: Cell<usize>,
    unread: RefCell<VecDeque<Received>>,
    /// The channel and the flags of the packet that was read last.
    last: Cell<(u8, u8)>,
    registry: Weak<Registry>,
    /// The game has ended the connection: nothing of it is to be told any more.
    ended_locally: Cell<bool>,
    /// Why the connection has ended.
    reason: RefCell<String>,
    /// Bytes that were sent since the I/O thread took the commands last, and which time that was.
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

    /// A number that no other peer of its host has or had.
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

    pub(super) fn ended_for(&self, reason: Option<&str>) {
        self.ended();
        reason.unwrap_or_default().clone_into(&mut self.reason.borrow_mut());
    }

    /// Why the connection has ended, in words; empty if one of the two sides asked for it.
    pub fn reason(&self) -> String {
        self.reason.borrow().clone()
    }

    /// Returns whether the game has ended the connection, by [`disconnect`](Self::disconnect),
    /// [`disconnect_now`](Self::disconnect_now) or [`reset`](Self::reset).
    pub fn is_ended_locally(&self) -> bool {
        self.ended_locally.get()
    }

    /// Drops a packet of `len` bytes that has come.
    pub(super) fn discard(&self, len: usize) {
        self.shared.consume(1, len);
    }

    pub(super) fn deliver(&self, received: Received) {
        self.unread.borrow_mut().push_back(received);
    }

    /// How far the connection has come, as the events have told and the game has asked for.
    pub fn state(&self) -> PeerState {
        self.state.get()
    }

    /// Whether there is a connection, or one begins or ends.
    pub fn is_active(&self) -> bool {
        self.state.get() != PeerState::Disconnected
    }

    /// How many channels the connection has; those that were asked for until it is there.
    pub fn channels(&self) -> usize {
        self.channels.get()
    }

    /// The address of the other side, as people write it.
    pub fn remote(&self) -> SocketAddr {
        canonical(self.shared.remote())
    }

    /// A figure, as of now. Times are milliseconds, with fractions.
    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    pub fn statistic(&self, statistic: PeerStatistic) -> f64 {
        let index = match statistic {
            PeerStatistic::Refused => REFUSED,
            PeerStatistic::Dropped => DROPPED,
            PeerStatistic::DroppedDatagrams => DROPPED_DATAGRAMS,
            other => other as usize,
        };
        let figure = self.shared.figure(index) as f64;
        if statistic.is_time() { figure / 1000.0 } else { figure }
    }

    /// How many packets can be read.
    pub fn available(&self) -> usize {
        self.unread.borrow().len()
    }

    /// How many bytes they have.
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

    /// Reads all packets that wait.
    pub fn receive_all(&self) -> VecDeque<Received> {
        let received = std::mem::take(&mut *self.unread.borrow_mut());
        let bytes = received.iter().map(|packet| packet.data.len()).sum();
        if !received.is_empty() {
            self.shared.consume(received.len(), bytes);
        }
        received
    }

    /// The channel of the next packet; of the one that was read last when there is none.
    pub fn packet_channel(&self) -> u8 {
        self.next_or_last().0
    }

    /// How the next packet was sent, in ENet's flags; the one that was read last when there is none.
    pub fn packet_flags(&self) -> u8 {
        self.next_or_last().1
    }

    fn next_or_last(&self) -> (u8, u8) {
        let next = self.unread.borrow().front().map(|next| (next.channel, next.delivery.flags()));
        next.unwrap_or_else(|| self.last.get())
    }

    /// How many bytes wait for the network, or to be acknowledged.
    pub fn outgoing_bytes(&self) -> usize {
        let waiting = usize::try_from(self.shared.figure(OUTGOING)).unwrap_or(usize::MAX);
        waiting.saturating_add(self.shared.queued.load(Ordering::Relaxed))
    }

    /// Sends a packet. It leaves without a further call.
    ///
    /// # Errors
    /// [`SendError`]; the packet is not sent then.
    pub fn send(&self, channel: u8, delivery: Delivery, data: Arc<[u8]>) -> Result<(), SendError> {
        let full = self.reserve(channel, data.len())?;
        let endpoint = &self.shared.endpoint;
        endpoint.send(Command::Send { id: self.id(), channel, delivery, data });
        if full {
            endpoint.hurry();
        }
        Ok(())
    }

    /// Counts a packet of `len` bytes that is about to be sent, if it may be. Says whether what was sent since the I/O
    /// thread looked last fills a datagram.
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
        let limit = endpoint.outgoing_limit.load(Ordering::Relaxed);
        let waiting = self.outgoing_bytes();
        if waiting > 0 && (waiting + len) as u64 > limit {
            return Err(SendError::Full);
        }
        self.shared.queued.fetch_add(len + OUTGOING_OVERHEAD, Ordering::Relaxed);
        let taken = endpoint.taken.load(Ordering::Relaxed);
        let (before, sent) = self.burst.get();
        let sent = if taken == before { sent + len } else { len };
        let full = sent >= self.shared.mtu.load(Ordering::Relaxed);
        self.burst.set((taken, if full { 0 } else { sent }));
        Ok(full)
    }

    /// Ends the connection. [`Event::Disconnect`](super::Event::Disconnect) follows when the other side has confirmed it;
    /// what waits to be sent is dropped. One that is not there yet is dropped at once, without an event.
    pub fn disconnect(&self, data: u32) {
        match self.state.get() {
            PeerState::Connected | PeerState::DisconnectLater => {
                self.state.set(PeerState::Disconnecting);
                self.ended_locally.set(true);
                self.end(Disconnect::Asked, data);
            }
            PeerState::Connecting => self.disconnect_now(data),
            _ => {}
        }
    }

    /// Ends the connection when what was sent has arrived.
    pub fn disconnect_later(&self, data: u32) {
        match self.state.get() {
            PeerState::Connected | PeerState::DisconnectLater => {
                self.state.set(PeerState::DisconnectLater);
                self.end(Disconnect::Later, data);
            }
            _ => self.disconnect(data),
        }
    }

    /// Ends the connection at once and without an event. The other side is told so once.
    pub fn disconnect_now(&self, data: u32) {
        if self.is_active() {
            self.end(Disconnect::Now, data);
            self.let_go();
        }
    }

    fn end(&self, how: Disconnect, data: u32) {
        let endpoint = &self.shared.endpoint;
        endpoint.command(Command::Disconnect { id: self.id(), how, data });
        endpoint.hurry();
    }

    /// Forgets the connection. The other side is told nothing.
    pub fn reset(&self) {
        if self.is_active() {
            self.shared.endpoint.command(Command::Reset { id: self.id() });
            self.let_go();
        }
    }

    /// Hears no more of the connection.
    fn let_go(&self) {
        self.ended();
        self.ended_locally.set(true);
        if let Some(registry) = self.registry.upgrade() {
            registry.borrow_mut().remove(&self.id());
        }
    }

    /// Asks the other side whether it is there, which also measures the round-trip time.
    pub fn ping(&self) {
        if self.state.get() == PeerState::Connected {
            self.shared.endpoint.command(Command::Ping { id: self.id() });
        }
    }

    /// Sets how often the other side is asked whether it is there; 0: every 500 ms.
    pub fn set_ping_interval(&self, millis: u32) {
        let id = self.id();
        self.shared.endpoint.command(Command::SetPingInterval { id, millis });
    }

    /// Sets when the other side is given up: see [`lodewire_enet::Host::set_timeout`].
    pub fn set_timeout(&self, limit: u32, minimum: u32, maximum: u32) {
        let id = self.id();
        self.shared.endpoint.command(Command::SetTimeout { id, limit, minimum, maximum });
    }

    /// Sets how the throttle works: see [`lodewire_enet::Host::configure_throttle`].
    pub fn configure_throttle(&self, interval: u32, acceleration: u32, deceleration: u32) {
        let command =
            Command::ConfigureThrottle { id: self.id(), interval, acceleration, deceleration };
        self.shared.endpoint.command(command);
    }
}

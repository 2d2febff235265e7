//! A host: one end of many connections.

mod bandwidth;
mod datagram;
mod ending;
mod half_open;
mod kept;
mod opening;
mod peers;
mod receiving;
mod sending;
mod timers;

pub use opening::DISCONNECT_FULL;

use crate::compression::Compressor;
use crate::config::HostConfig;
use crate::event::{Events, PeerKey};
use crate::packet::Delivery;
use crate::peer::{PACKET_OVERHEAD, Patience, Peer, PeerState, PeerStatistics};
use crate::time::Time;
use crate::wire::{Body, CommandKind, MAX_PACKET_SIZE, NO_PEER};
use half_open::HalfOpens;
pub use half_open::address_prefix;
use kept::Kept;
use peers::Peers;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use timers::Timers;

/// The most datagrams without a peer's own queue that wait to be sent: answers to CONNECT, and DISCONNECT of peers that are
/// gone. Beyond it they are dropped, as on the network.
const MAXIMUM_REPLIES: usize = 8192;
/// The most bytes that wait for a peer: whoever sends has a limit of his own, far below.
const MAXIMUM_OUTGOING: usize = 1 << 30;
/// The most pieces that a remote ENet of any version takes: it neither takes nor acknowledges what is farther ahead.
const MAXIMUM_PIECES: usize = 7 * 4096;

/// What a host counts, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostStatistics {
    /// Bytes of datagrams that were sent.
    pub sent_data: u64,
    /// Datagrams that were sent.
    pub sent_packets: u64,
    /// Bytes of datagrams that came.
    pub received_data: u64,
    /// Datagrams that came.
    pub received_packets: u64,
}

/// Why a connection cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// There are as many as [`HostConfig::peers`] says.
    Full,
}

/// Why a packet cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// There is no such connection, or it is not [connected](PeerState::Connected).
    NotConnected,
    /// The connection has fewer channels.
    NoSuchChannel,
    /// The packet is longer than [`MAX_PACKET_SIZE`], or has too many pieces.
    TooLong,
    /// More than a gibibyte waits already.
    Full,
}

/// One end of many connections. See [the crate](crate).
pub struct Host {
    config: HostConfig,
    random: ChaCha8Rng,
    compressor: Option<Compressor>,
    refusing: bool,
    peers: Peers,
    half_opens: HalfOpens,
    /// Connections that remote hosts asked for, by their address and number of their own.
    accepted: HashMap<(SocketAddr, [u8; 4]), u16>,
    /// The sessions that were last, of connections that this host asks for.
    last_session: u8,
    events: Events,
    timers: Timers,
    /// Peers that have something to send.
    ready: VecDeque<u16>,
    /// How many datagrams the first of them has sent in its turn.
    turn: u32,
    /// Peers whose statistics may have changed.
    touched: Vec<u16>,
    replies: VecDeque<(SocketAddr, Box<[u8]>)>,
    /// What all peers make this host keep.
    kept: Kept,
    /// Connections that have ended and that the caller is not done with: how many bytes wait for it.
    ended: HashMap<PeerKey, usize>,
    bandwidth_due: Option<Time>,
    bandwidth_epoch: Time,
    recalculate_bandwidth: bool,
    /// This host has a limit, or a peer has, or one of them had.
    has_limits: bool,
    statistics: HostStatistics,
    /// Room for what is compressed and decompressed.
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}

impl Host {
    /// A host without connections. `seed` is to come from the operating system's randomness: the numbers that an
    /// attacker must not guess come from it.
    pub fn new(config: HostConfig, seed: [u8; 32]) -> Self {
        let config = config.in_range();
        Self {
            half_opens: HalfOpens::new(config.max_half_open, config.max_half_open_per_address),
            kept: Kept::new(config.max_total_waiting_data, config.peers),
            has_limits: config.incoming_bandwidth != 0 || config.outgoing_bandwidth != 0,
            config,
            random: ChaCha8Rng::from_seed(seed),
            compressor: None,
            refusing: false,
            peers: Peers::default(),
            accepted: HashMap::new(),
            last_session: 0xFF,
            events: Events::default(),
            timers: Timers::default(),
            ready: VecDeque::new(),
            turn: 0,
            touched: Vec::new(),
            replies: VecDeque::new(),
            ended: HashMap::new(),
            bandwidth_due: None,
            bandwidth_epoch: Time::default(),
            recalculate_bandwidth: false,
            statistics: HostStatistics::default(),
            scratch: Vec::new(),
        }
    }

    /// Compresses datagrams from now on, and takes compressed ones; `None`: neither. Remote hosts must do the same.
    pub fn set_compressor(&mut self, compressor: Option<Compressor>) {
        self.compressor = compressor;
    }

    /// Sets the most channels of connections that remote hosts ask for from now on, 1 to 255.
    pub fn set_channel_limit(&mut self, limit: usize) {
        self.config.channel_limit = limit;
        self.config = std::mem::take(&mut self.config).in_range();
    }

    /// Sets the longest datagram of connections from now on, 576 to 4096 bytes.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.config.mtu = mtu;
        self.config = std::mem::take(&mut self.config).in_range();
    }

    /// Sets how many bytes may wait per peer.
    pub fn set_max_waiting_data(&mut self, limit: usize) {
        self.config.max_waiting_data = limit;
    }

    /// Refuses connections that remote hosts ask for, from now on or no longer. They are told so at once.
    pub fn set_refusing(&mut self, refusing: bool) {
        self.refusing = refusing;
    }

    /// What it counts.
    pub fn statistics(&self) -> HostStatistics {
        self.statistics
    }

    /// How many connections there are, those included that begin or end.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// How many connections other hosts have asked for whose addresses are not proven yet.
    pub fn half_open_count(&self) -> usize {
        self.half_opens.len()
    }

    /// How far a connection has come.
    pub fn state(&self, peer: PeerKey) -> PeerState {
        self.peers.get(peer).map_or(PeerState::Disconnected, |peer| peer.state)
    }

    /// The remote host's address.
    pub fn address(&self, peer: PeerKey) -> Option<SocketAddr> {
        self.peers.get(peer).map(|peer| peer.address)
    }

    /// How many channels a connection has.
    pub fn channel_count(&self, peer: PeerKey) -> usize {
        self.peers.get(peer).map_or(0, |peer| peer.channel_count)
    }

    /// The longest datagram of a connection.
    pub fn mtu(&self, peer: PeerKey) -> usize {
        self.peers.get(peer).map_or(self.config.mtu, |peer| peer.mtu)
    }

    /// What is known of a connection's quality.
    pub fn peer_statistics(&self, peer: PeerKey) -> Option<PeerStatistics> {
        self.peers.get(peer).map(Peer::statistics)
    }

    /// What all peers make this host keep, in bytes: packets that were told and not consumed, incomplete ones, and those
    /// that wait for an earlier one. It is never more than [`HostConfig::max_total_waiting_data`].
    pub fn buffered_bytes(&self) -> usize {
        self.kept.total()
    }

    /// Fills `events` with what has happened since the last call. What was in it is forgotten.
    pub fn poll_events(&mut self, events: &mut Events) {
        events.clear();
        if !self.events.is_empty() {
            std::mem::swap(events, &mut self.events);
        }
    }

    /// The next peer whose statistics may have changed since they were taken here last.
    pub fn poll_statistics(&mut self) -> Option<(PeerKey, PeerStatistics)> {
        loop {
            let slot = self.touched.pop()?;
            if let Some(peer) = self.peers.slot_mut(slot)
                && std::mem::take(&mut peer.is_touched)
            {
                let statistics = peer.statistics();
                return Some((self.peers.key(slot)?, statistics));
            }
        }
    }

    /// The caller is done with packets of a peer, of `bytes` bytes in all.
    pub fn release_capacity(&mut self, peer: PeerKey, packets: usize, bytes: usize) {
        let done = bytes.saturating_add(packets.saturating_mul(PACKET_OVERHEAD));
        if let Some(peer) = self.peers.get_mut(peer) {
            let kept = peer.kept();
            peer.waiting = peer.waiting.saturating_sub(done);
            self.kept.change(kept, peer.kept());
        } else if let Some(waiting) = self.ended.get_mut(&peer) {
            let before = *waiting;
            *waiting = waiting.saturating_sub(done);
            self.kept.change(before, *waiting);
        }
    }

    /// Asks for a connection to `address`, with 1 to 255 channels. [`Event::Connect`](crate::Event::Connect) tells that it is
    /// there, [`Event::Disconnect`](crate::Event::Disconnect) that it is not. `data` is told to the remote host.
    ///
    /// # Errors
    /// [`ConnectError::Full`].
    pub fn connect(
        &mut self,
        address: SocketAddr,
        channels: usize,
        data: u32,
    ) -> Result<PeerKey, ConnectError> {
        if self.is_full() {
            return Err(ConnectError::Full);
        }
        // A number that nobody can foretell, as those have that are offered to remote hosts.
        let id = self.random_id();
        let slot = self.peers.free_slot(id).ok_or(ConnectError::Full)?;
        let peer = self.ask(address, slot, channels, data);
        let key = self.peers.insert(slot, peer);
        self.make_ready(slot);
        Ok(key)
    }

    /// Sends a packet on a channel, of which a copy is made.
    ///
    /// # Errors
    /// [`SendError`]; nothing is sent then.
    pub fn send(
        &mut self,
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
        data: &[u8],
    ) -> Result<(), SendError> {
        self.queue(peer, channel, delivery, data, None)
    }

    /// The same without a copy of a packet that goes in pieces: for one that many are sent.
    ///
    /// # Errors
    /// [`SendError`]; nothing is sent then.
    pub fn send_shared(
        &mut self,
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
        data: &Arc<[u8]>,
    ) -> Result<(), SendError> {
        self.queue(peer, channel, delivery, data, Some(data))
    }

    fn queue(
        &mut self,
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
        data: &[u8],
        shared: Option<&Arc<[u8]>>,
    ) -> Result<(), SendError> {
        let overhead = self.head_len() + CommandKind::SendFragment.size();
        // ENet sends nothing more after `disconnect_later` either.
        let Some(found) =
            self.peers.get_mut(peer).filter(|found| found.state == PeerState::Connected)
        else {
            return Err(SendError::NotConnected);
        };
        if usize::from(channel) >= found.channel_count {
            return Err(SendError::NoSuchChannel);
        }
        // The longest piece of a packet, which is also the longest that goes in one.
        let piece = found.mtu - overhead;
        let len = data.len();
        if len > piece && (len > MAX_PACKET_SIZE || len.div_ceil(piece) > MAXIMUM_PIECES) {
            return Err(SendError::TooLong);
        }
        if found.outgoing_bytes > MAXIMUM_OUTGOING {
            return Err(SendError::Full);
        }
        found.queue_packet(channel, delivery, data, shared, piece);
        if !std::mem::replace(&mut found.is_ready, true) {
            self.ready.push_back(peer.slot);
        }
        Ok(())
    }

    /// Asks a peer whether it is there, which also measures the round-trip time.
    pub fn ping(&mut self, peer: PeerKey) {
        if let Some(found) = self.peers.get_mut(peer)
            && found.state == PeerState::Connected
        {
            found.queue_control(&Body::Ping);
            self.make_ready(peer.slot);
        }
    }

    /// Sets how often a peer is asked whether it is there, while nothing else is under way; zero: every 500 ms.
    pub fn set_ping_interval(&mut self, peer: PeerKey, interval: Duration) {
        if let Some(found) = self.peers.get_mut(peer) {
            found.set_ping_interval(interval);
            self.arm(peer.slot);
        }
    }

    /// Sets when a peer that does not answer is given up: when the time-out of a command has grown by the factor `limit`
    /// and the oldest that is not acknowledged has waited for `minimum` milliseconds, or when that has waited for
    /// `maximum`. Zeros stand for 32, 5000 and 30000.
    pub fn set_timeout(&mut self, peer: PeerKey, limit: u32, minimum: u32, maximum: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.patience = Patience::new(limit, minimum, maximum);
        }
    }

    /// Sets how the throttle works, here and at the remote host: over `interval` milliseconds the lowest round-trip time is
    /// found; by `acceleration` of 32 more unreliable packets are sent when it is better than the last one, by
    /// `deceleration` fewer when it is worse.
    pub fn configure_throttle(
        &mut self,
        peer: PeerKey,
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    ) {
        if let Some(found) = self.peers.get_mut(peer) {
            found.throttle.interval = interval;
            found.throttle.acceleration = acceleration;
            found.throttle.deceleration = deceleration;
            if found.state.takes_packets() {
                let body = Body::ThrottleConfigure { interval, acceleration, deceleration };
                found.queue_control(&body);
                self.make_ready(peer.slot);
            }
        }
    }

    /// Puts a peer among those that have something to send.
    fn make_ready(&mut self, slot: u16) {
        if let Some(peer) = self.peers.slot_mut(slot)
            && !std::mem::replace(&mut peer.is_ready, true)
        {
            self.ready.push_back(slot);
        }
    }

    /// Puts a peer among those whose statistics may have changed.
    fn touch(&mut self, slot: u16) {
        if let Some(peer) = self.peers.slot_mut(slot)
            && !std::mem::replace(&mut peer.is_touched, true)
        {
            self.touched.push(slot);
        }
    }

    /// Whether there is no place for one more connection.
    fn is_full(&self) -> bool {
        self.peers.len() + self.ended.len() >= self.config.peers
    }

    /// A number that nobody can foretell.
    fn random(&mut self) -> u32 {
        self.random.next_u32()
    }

    /// The same for a connection.
    #[expect(clippy::cast_possible_truncation, reason = "peer ids have 12 bits")]
    fn random_id(&mut self) -> u16 {
        (self.random() % u32::from(NO_PEER)) as u16
    }
}

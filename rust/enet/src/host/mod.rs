//! A host: one end of many connections.

mod bandwidth;
mod buffer_budget;
mod connect;
mod datagram;
mod disconnect;
mod half_open;
mod peers;
mod receive;
mod send;
mod timers;

pub use connect::DISCONNECT_FULL;

use crate::compression::Compressor;
use crate::config::HostConfig;
use crate::error::{ConnectError, SendError};
use crate::event::{Events, PeerKey};
use crate::packet::Delivery;
use crate::peer::{PACKET_OVERHEAD, Peer, PeerState, PeerStatistics, TimeoutConfig};
use crate::time::Time;
use crate::wire::{Body, CommandKind, MAX_PACKET_SIZE, NO_PEER};
use buffer_budget::BufferBudget;
use half_open::HalfOpenTable;
pub use half_open::address_prefix;
use peers::Peers;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use timers::Timers;

/// Maximum number of queued datagrams outside of peers: replies to CONNECT, and DISCONNECT of removed peers. Further
/// ones are dropped.
const MAX_REPLIES: usize = 8192;
/// Maximum number of bytes queued for a peer; senders are subject to a much lower limit.
const MAX_OUTGOING_BYTES: usize = 1 << 30;
/// Maximum number of fragments of a sent packet: an ENet host of any version neither accepts nor acknowledges fragments
/// beyond its window.
const MAX_SENT_FRAGMENTS: usize = 7 * 4096;

/// Counters of a host since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostStatistics {
    /// Bytes of datagrams sent.
    pub sent_data: u64,
    /// Datagrams sent.
    pub sent_packets: u64,
    /// Bytes of datagrams received.
    pub received_data: u64,
    /// Datagrams received.
    pub received_packets: u64,
}

/// One end of many connections. See [the crate](crate).
pub struct Host {
    config: HostConfig,
    random: ChaCha8Rng,
    compressor: Option<Compressor>,
    refusing: bool,
    peers: Peers,
    half_opens: HalfOpenTable,
    /// Slots of accepted connections, by remote address and connect id.
    accepted: HashMap<(SocketAddr, [u8; 4]), u16>,
    /// The last session ids of connections that this host requested.
    last_session: u8,
    events: Events,
    timers: Timers,
    /// Slots with data to send.
    ready: VecDeque<u16>,
    /// Datagrams sent by the first of them in its turn.
    turn_datagrams: u32,
    /// Slots whose statistics may have changed.
    stats_dirty: Vec<u16>,
    replies: VecDeque<(SocketAddr, Box<[u8]>)>,
    /// The memory budget of all peers.
    buffer_budget: BufferBudget,
    /// Ended connections that are not released, with their waiting bytes.
    ended: HashMap<PeerKey, usize>,
    bandwidth_due: Option<Time>,
    bandwidth_epoch: Time,
    recalculate_bandwidth: bool,
    /// True once this host or a peer has set a bandwidth limit.
    has_limits: bool,
    statistics: HostStatistics,
    /// A buffer for compression.
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}

impl Host {
    /// Creates a host without connections. `seed` must come from the operating system's randomness: ids that attackers
    /// must not guess are derived from it.
    pub fn new(config: HostConfig, seed: [u8; 32]) -> Self {
        let config = config.clamped();
        Self {
            half_opens: HalfOpenTable::new(config.max_half_open, config.max_half_open_per_address),
            buffer_budget: BufferBudget::new(config.max_total_waiting_data, config.peers),
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
            turn_datagrams: 0,
            stats_dirty: Vec::new(),
            replies: VecDeque::new(),
            ended: HashMap::new(),
            bandwidth_due: None,
            bandwidth_epoch: Time::default(),
            recalculate_bandwidth: false,
            statistics: HostStatistics::default(),
            scratch: Vec::new(),
        }
    }

    /// Sets the compressor of datagrams in both directions; `None` disables compression. Remote hosts must use the
    /// same.
    pub fn set_compressor(&mut self, compressor: Option<Compressor>) {
        self.compressor = compressor;
    }

    /// Sets the maximum number of channels of connections accepted from now on, 1 to 255.
    pub fn set_channel_limit(&mut self, limit: usize) {
        self.config.channel_limit = limit;
        self.config = std::mem::take(&mut self.config).clamped();
    }

    /// Sets the MTU of connections made from now on, 576 to 4096 bytes.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.config.mtu = mtu;
        self.config = std::mem::take(&mut self.config).clamped();
    }

    /// Sets the maximum number of waiting bytes per peer.
    pub fn set_max_waiting_data(&mut self, limit: usize) {
        self.config.max_waiting_data = limit;
    }

    /// Refuses or accepts new connections from now on. Refused hosts are notified at once.
    pub fn set_refusing(&mut self, refusing: bool) {
        self.refusing = refusing;
    }

    /// Returns the host's counters.
    pub fn statistics(&self) -> HostStatistics {
        self.statistics
    }

    /// Returns the number of peers, including those that are connecting or disconnecting.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Returns the number of half-open connections.
    pub fn half_open_count(&self) -> usize {
        self.half_opens.len()
    }

    /// Returns the state of a connection.
    pub fn state(&self, peer: PeerKey) -> PeerState {
        self.peers.get(peer).map_or(PeerState::Disconnected, |peer| peer.state)
    }

    /// Returns the remote host's address.
    pub fn address(&self, peer: PeerKey) -> Option<SocketAddr> {
        self.peers.get(peer).map(|peer| peer.address)
    }

    /// Returns the number of channels of a connection.
    pub fn channel_count(&self, peer: PeerKey) -> usize {
        self.peers.get(peer).map_or(0, |peer| peer.channel_count)
    }

    /// Returns the MTU of a connection.
    pub fn mtu(&self, peer: PeerKey) -> usize {
        self.peers.get(peer).map_or(self.config.mtu, |peer| peer.mtu)
    }

    /// Returns the statistics of a connection.
    pub fn peer_statistics(&self, peer: PeerKey) -> Option<PeerStatistics> {
        self.peers.get(peer).map(Peer::statistics)
    }

    /// Returns the bytes buffered for all peers: delivered packets that are not released, incomplete packets, and those
    /// that wait for an earlier one. Never more than [`HostConfig::max_total_waiting_data`].
    pub fn buffered_bytes(&self) -> usize {
        self.buffer_budget.total()
    }

    /// Replaces the content of `events` by the events since the last call.
    pub fn poll_events(&mut self, events: &mut Events) {
        events.clear();
        if !self.events.is_empty() {
            std::mem::swap(events, &mut self.events);
        }
    }

    /// Returns the next peer whose statistics may have changed since they were last returned here.
    pub fn poll_statistics(&mut self) -> Option<(PeerKey, PeerStatistics)> {
        loop {
            let slot = self.stats_dirty.pop()?;
            if let Some(peer) = self.peers.slot_mut(slot)
                && std::mem::take(&mut peer.is_stats_dirty)
            {
                let statistics = peer.statistics();
                return Some((self.peers.key(slot)?, statistics));
            }
        }
    }

    /// Releases the capacity of delivered packets of a peer that the caller has consumed, `bytes` bytes in total.
    pub fn release_capacity(&mut self, peer: PeerKey, packets: usize, bytes: usize) {
        let done = bytes.saturating_add(packets.saturating_mul(PACKET_OVERHEAD));
        if let Some(peer) = self.peers.get_mut(peer) {
            let buffered = peer.buffered_bytes();
            peer.waiting_data = peer.waiting_data.saturating_sub(done);
            self.buffer_budget.change(buffered, peer.buffered_bytes());
        } else if let Some(waiting_data) = self.ended.get_mut(&peer) {
            let before = *waiting_data;
            *waiting_data = waiting_data.saturating_sub(done);
            self.buffer_budget.change(before, *waiting_data);
        }
    }

    /// Requests a connection to `address` with 1 to 255 channels. [`Event::Connect`](crate::Event::Connect) or
    /// [`Event::Disconnect`](crate::Event::Disconnect) follows. `data` is sent to the remote host.
    ///
    /// # Errors
    /// Returns [`ConnectError::Full`] if all slots are in use.
    pub fn connect(
        &mut self,
        address: SocketAddr,
        channels: usize,
        data: u32,
    ) -> Result<PeerKey, ConnectError> {
        if self.is_full() {
            return Err(ConnectError::Full);
        }
        // An unpredictable id, like those offered to remote hosts.
        let id = self.random_id();
        let slot = self.peers.free_slot(id).ok_or(ConnectError::Full)?;
        let peer = self.connect_peer(address, slot, channels, data);
        let key = self.peers.insert(slot, peer);
        self.schedule_send(slot);
        Ok(key)
    }

    /// Copies a packet and queues it on a channel.
    ///
    /// # Errors
    /// Returns a [`SendError`] if nothing was queued.
    pub fn send(
        &mut self,
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
        data: &[u8],
    ) -> Result<(), SendError> {
        self.queue(peer, channel, delivery, data, None)
    }

    /// Queues a packet whose fragments share `data` instead of copying it: for a packet that is sent to many peers.
    ///
    /// # Errors
    /// Returns a [`SendError`] if nothing was queued.
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
        // Like ENet, sends nothing more after `disconnect_later`.
        let Some(found) =
            self.peers.get_mut(peer).filter(|found| found.state == PeerState::Connected)
        else {
            return Err(SendError::NotConnected);
        };
        if usize::from(channel) >= found.channel_count {
            return Err(SendError::NoSuchChannel);
        }
        // The maximum length of a fragment, and of a packet sent in one command.
        let fragment_len = found.mtu - overhead;
        let len = data.len();
        if len > fragment_len
            && (len > MAX_PACKET_SIZE || len.div_ceil(fragment_len) > MAX_SENT_FRAGMENTS)
        {
            return Err(SendError::TooLong);
        }
        if found.outgoing_bytes > MAX_OUTGOING_BYTES {
            return Err(SendError::Full);
        }
        found.queue_packet(channel, delivery, data, shared, fragment_len);
        if !std::mem::replace(&mut found.is_ready, true) {
            self.ready.push_back(peer.slot);
        }
        Ok(())
    }

    /// Sends a ping, which also measures the round-trip time.
    pub fn ping(&mut self, peer: PeerKey) {
        if let Some(found) = self.peers.get_mut(peer)
            && found.state == PeerState::Connected
        {
            found.queue_control(&Body::Ping);
            self.schedule_send(peer.slot);
        }
    }

    /// Sets the interval of pings while nothing else is in flight; zero stands for 500 ms.
    pub fn set_ping_interval(&mut self, peer: PeerKey, interval: Duration) {
        if let Some(found) = self.peers.get_mut(peer) {
            found.set_ping_interval(interval);
            self.arm_timer(peer.slot);
        }
    }

    /// Sets the timeout of a peer. It is disconnected when the retransmission timeout of a command has grown by the
    /// factor `limit` and the oldest unacknowledged command has waited for `minimum` milliseconds, or when that has
    /// waited for `maximum`. Zeros stand for 32, 5000 and 30000.
    pub fn set_timeout(&mut self, peer: PeerKey, limit: u32, minimum: u32, maximum: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.timeout_config = TimeoutConfig::new(limit, minimum, maximum);
        }
    }

    /// Configures the throttle here and at the remote host. Over `interval` milliseconds the lowest round-trip time is
    /// measured. The share of unreliable packets sent grows by `acceleration` of 32 while the round-trip time is
    /// better, and shrinks by `deceleration` while it is worse.
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
            if found.state.accepts_packets() {
                let body = Body::ThrottleConfigure { interval, acceleration, deceleration };
                found.queue_control(&body);
                self.schedule_send(peer.slot);
            }
        }
    }

    /// Queues a peer in `ready`.
    fn schedule_send(&mut self, slot: u16) {
        if let Some(peer) = self.peers.slot_mut(slot)
            && !std::mem::replace(&mut peer.is_ready, true)
        {
            self.ready.push_back(slot);
        }
    }

    /// Queues a peer in `stats_dirty`.
    fn mark_stats_dirty(&mut self, slot: u16) {
        if let Some(peer) = self.peers.slot_mut(slot)
            && !std::mem::replace(&mut peer.is_stats_dirty, true)
        {
            self.stats_dirty.push(slot);
        }
    }

    /// Returns true if all slots are in use.
    fn is_full(&self) -> bool {
        self.peers.len() + self.ended.len() >= self.config.peers
    }

    /// Returns an unpredictable number.
    fn random(&mut self) -> u32 {
        self.random.next_u32()
    }

    /// Returns an unpredictable peer id.
    #[expect(clippy::cast_possible_truncation, reason = "peer ids have 12 bits")]
    fn random_id(&mut self) -> u16 {
        (self.random() % u32::from(NO_PEER)) as u16
    }
}

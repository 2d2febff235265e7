//! A host on the game's thread.

use super::config::Config;
use super::driver::HostDriver;
use super::endpoint::{Command, Connect, Endpoint, FlushSignal};
use super::event::Event;
use super::inbox::{Arrival, Numbered};
use super::peer::{Peer, PeerStatistic, Received, Registry};
use super::peer_shared::PeerShared;
use super::simulator::Simulation;
use crate::dtls::{ClientConfig, ServerConfig};
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::{Stats, mean};
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use lodewire_enet::wire::MAX_CHANNEL_COUNT;
use lodewire_enet::{Compression, Delivery, PeerState};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The value of [`PeerStatistic::PacketLoss`] if all packets are lost (ENet's `ENET_PEER_PACKET_LOSS_SCALE`).
const PACKET_LOSS_SCALE: f64 = 65_536.0;

/// Maximum time that the game's thread waits for a flush.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A counter of a host, in the order of Godot's `ENetConnection.HostStatistic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Godot's names, and its documentation")]
pub enum HostStatistic {
    SentData = 0,
    SentPackets,
    ReceivedData,
    ReceivedPackets,
}

/// The reason why a connection cannot be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// All slots are in use.
    Full,
    /// The host's socket does not support the address family.
    Unreachable,
}

/// A host that is bound to a port. Dropping it sends queued packets, disconnects its peers and closes the port.
#[derive(Debug)]
pub struct Host {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    local: SocketAddr,
    peer_limit: usize,
    channel_limit: usize,
    peers: Rc<Registry>,
    /// Events taken from the inbox and not reported yet.
    arrivals: VecDeque<Numbered>,
    /// The values of the counters when they were last popped.
    popped_counters: [u64; 4],
    is_reading: bool,
    connect_timeout: Option<Duration>,
    is_secured: bool,
    failed: bool,
}

impl Host {
    /// Binds to `port`; 0 chooses a free one. Nothing is read, and no connection requested, before the first
    /// [`start_reading`](Self::start_reading), [`service`](Self::service) or, for a host that connects,
    /// [`flush`](Self::flush): settings made until then apply from the first datagram on.
    ///
    /// # Errors
    /// Returns a [`BindError`] if the port is unavailable.
    pub fn bind(bind: Bind, port: u16, config: &Config) -> Result<Self, BindError> {
        let socket = Socket::bind(bind, port)?;
        let local = socket.local();
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| BindError::System(std::io::Error::other(error.to_string())))?;
        let endpoint = Arc::new(Endpoint::default());
        let flush_interval = u32::try_from(config.flush_interval.as_micros()).unwrap_or(u32::MAX);
        endpoint.flush_interval.store(flush_interval, Ordering::Relaxed);
        endpoint.max_outgoing_bytes.store(config.max_outgoing_bytes as u64, Ordering::Relaxed);
        let peer_limit = config.host.peers;
        let channel_limit = config.host.channel_limit;
        let host = lodewire_enet::Host::new(config.host.clone(), seed);
        let driver = HostDriver::new(Arc::clone(&endpoint), socket, host, config);
        let add = |waker| {
            // Set once, before the driver is called.
            let _ = endpoint.waker.set(waker);
            Box::new(driver) as Box<dyn reactor::Driver>
        };
        let handle = reactor::add(add).map_err(BindError::System)?;
        Ok(Self {
            handle,
            endpoint,
            local,
            peer_limit,
            channel_limit,
            peers: Rc::default(),
            arrivals: VecDeque::new(),
            popped_counters: [0; 4],
            is_reading: false,
            connect_timeout: None,
            is_secured: false,
            failed: false,
        })
    }

    /// Returns the bound address and port.
    pub fn local_addr(&self) -> SocketAddr {
        canonical(self.local)
    }

    /// Returns the internal error that stopped the driver, if any.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// Starts reading from the socket.
    pub fn start_reading(&mut self) {
        if !std::mem::replace(&mut self.is_reading, true) {
            self.endpoint.command(Command::StartReading);
        }
    }

    /// Sets the timeout of connections requested from now on, including name lookups; `None`: as long as the protocol
    /// tries, some 31 seconds.
    pub fn set_connect_timeout(&mut self, timeout: Option<Duration>) {
        self.connect_timeout = timeout;
    }

    /// Requests a connection with 1 to 255 channels; `data` is sent to the remote host.
    ///
    /// # Errors
    /// Returns a [`ConnectError`] if no connection can be requested.
    pub fn connect(
        &mut self,
        address: SocketAddr,
        channels: usize,
        data: u32,
    ) -> Result<Rc<Peer>, ConnectError> {
        let own = self.local.ip();
        let to_v6 = matches!(address.ip().to_canonical(), IpAddr::V6(_));
        let speaks = match own {
            IpAddr::V4(_) => !to_v6,
            IpAddr::V6(own) => to_v6 || own.is_unspecified(),
        };
        if !speaks {
            return Err(ConnectError::Unreachable);
        }
        self.dial(Some(address), channels, data)
    }

    /// Requests a connection to a host whose addresses are [set](Self::set_resolved) later.
    ///
    /// # Errors
    /// Returns a [`ConnectError`] if no connection can be requested.
    pub fn connect_unresolved(
        &mut self,
        channels: usize,
        data: u32,
    ) -> Result<Rc<Peer>, ConnectError> {
        self.dial(None, channels, data)
    }

    /// Sets the addresses of a peer's host, the best first, or the error of the lookup, which ends in
    /// [`Event::Disconnect`].
    pub fn set_resolved(&self, peer: &Peer, addresses: Result<Vec<SocketAddr>, String>) {
        self.endpoint.command(Command::Resolved { id: peer.id(), addresses });
    }

    fn dial(
        &mut self,
        address: Option<SocketAddr>,
        channels: usize,
        data: u32,
    ) -> Result<Rc<Peer>, ConnectError> {
        if self.peers.borrow().len() >= self.peer_limit {
            return Err(ConnectError::Full);
        }
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let remote = address.unwrap_or(unknown);
        let shared = Arc::new(PeerShared::new(true, Arc::clone(&self.endpoint), remote));
        let peer = self.peer(&shared, PeerState::Connecting, channels);
        let timeout = self.connect_timeout;
        let connect = Connect { shared, address, channels, data, timeout };
        self.endpoint.command(Command::Connect(Box::new(connect)));
        self.endpoint.flush_now();
        Ok(peer)
    }

    /// Returns the next event, waiting up to `timeout`. Its effects on peers become visible now.
    pub fn service(&mut self, timeout: Duration) -> Option<Event> {
        self.start_reading();
        if let Some(event) = self.next_event() {
            return Some(event);
        }
        if timeout.is_zero() {
            return None;
        }
        let end = Instant::now() + timeout;
        // Events of peers that the game has dropped are skipped.
        while self.endpoint.wait(end) {
            if let Some(event) = self.next_event() {
                return Some(event);
            }
        }
        self.next_event()
    }

    /// Returns the next event without waiting.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if self.arrivals.is_empty() {
                lock(&self.endpoint.inbox).take(&mut self.arrivals);
            }
            match self.arrivals.pop_front() {
                Some((_, Some(arrival))) => {
                    if let Some(event) = self.apply(arrival) {
                        return Some(event);
                    }
                }
                Some((_, None)) => {}
                None => return self.fail(),
            }
        }
    }

    /// Applies an arrival to the game's view, and returns its event.
    fn apply(&mut self, arrival: Arrival) -> Option<Event> {
        match arrival {
            Arrival::Received { id, channel, delivery, data } => {
                let peer = self.peers.borrow().get(&id).cloned()?;
                if peer.is_ended_locally() {
                    peer.discard(data.len());
                    return None;
                }
                peer.deliver(Received { channel, delivery, data });
                Some(Event::Receive { peer, channel })
            }
            Arrival::Connected { peer: shared, channels, data } => {
                let known = self.peers.borrow().get(&shared.id).cloned();
                let peer = match known {
                    Some(peer) => peer,
                    // The game has dropped it before it was connected.
                    None if shared.is_dialed => return None,
                    None => self.peer(&shared, PeerState::Connected, channels),
                };
                peer.connected(channels);
                Some(Event::Connect { peer, data })
            }
            Arrival::Disconnected { id, data, reason } => {
                self.endpoint.command(Command::Release { id });
                let peer = self.peers.borrow_mut().remove(&id)?;
                peer.end_with_reason(reason.as_deref());
                Some(Event::Disconnect { peer, data, reason })
            }
        }
    }

    /// Disconnects the peers one at a time after an internal error or a shutdown of the network.
    fn fail(&mut self) -> Option<Event> {
        if !self.failed {
            self.failed = self.endpoint.is_closed();
        }
        if !self.failed {
            return None;
        }
        let id = *self.peers.borrow().keys().next()?;
        let peer = self.peers.borrow_mut().remove(&id)?;
        let reason = Some(self.failure().unwrap_or("the network has been shut down").to_owned());
        peer.end_with_reason(reason.as_deref());
        Some(Event::Disconnect { peer, data: 0, reason })
    }

    /// Creates a peer in the game's view.
    fn peer(&self, shared: &Arc<PeerShared>, state: PeerState, channels: usize) -> Rc<Peer> {
        let peer = Rc::new(Peer::new(Arc::clone(shared), state, channels, &self.peers));
        self.peers.borrow_mut().insert(shared.id, Rc::clone(&peer));
        peer
    }

    /// Returns the peers, including those that are connecting or disconnecting, in order of creation.
    pub fn peers(&self) -> Vec<Rc<Peer>> {
        let mut peers: Vec<_> = self.peers.borrow().values().cloned().collect();
        peers.sort_unstable_by_key(|peer| peer.id());
        peers
    }

    /// Returns the metrics of the host.
    pub fn stats(&self) -> Stats {
        let counter = |statistic| self.endpoint.counter(statistic as usize);
        let mut stats = Stats {
            handshakes: self.endpoint.handshakes.load(Ordering::Relaxed),
            packets_in: counter(HostStatistic::ReceivedPackets),
            packets_out: counter(HostStatistic::SentPackets),
            bytes_in: counter(HostStatistic::ReceivedData),
            bytes_out: counter(HostStatistic::SentData),
            ..Stats::default()
        };
        let peers = self.peers.borrow();
        let is_there = |peer: &&Rc<Peer>| peer.state() != PeerState::Connecting;
        for peer in peers.values() {
            stats.buffered_in += peer.unread_bytes();
            stats.buffered_out += peer.outgoing_bytes() as u64;
        }
        stats.peers = peers.values().filter(is_there).count();
        stats.handshakes += peers.len() - stats.peers;
        let mean_of =
            |statistic| mean(peers.values().filter(is_there).map(|peer| peer.statistic(statistic)));
        stats.round_trip = mean_of(PeerStatistic::RoundTripTime)
            .map(|millis| Duration::from_secs_f64(millis.max(0.0) / 1000.0));
        stats.loss = mean_of(PeerStatistic::PacketLoss).map(|loss| loss / PACKET_LOSS_SCALE);
        stats
    }

    /// Returns the maximum number of channels of accepted connections.
    pub fn channel_limit(&self) -> usize {
        self.channel_limit
    }

    /// Sends a packet to all connected peers that have the channel, except those whose outgoing limit is reached.
    /// Returns their number.
    pub fn broadcast(&self, channel: u8, delivery: Delivery, data: Arc<[u8]>) -> usize {
        self.send_to(&mut self.peers.borrow().values(), channel, delivery, data)
    }

    /// Sends a packet to some of the peers, like [`broadcast`](Self::broadcast).
    pub fn send_to(
        &self,
        peers: &mut dyn Iterator<Item = &Rc<Peer>>,
        channel: u8,
        delivery: Delivery,
        data: Arc<[u8]>,
    ) -> usize {
        let mut fills_datagram = false;
        let takes = |peer: &Rc<Peer>| {
            fills_datagram |= peer.reserve(channel, data.len()).ok()?;
            Some(peer.id())
        };
        let ids: Vec<u32> = peers.filter_map(takes).collect();
        let reached = ids.len();
        if reached > 0 {
            self.endpoint.send(Command::Broadcast { ids, channel, delivery, data });
        }
        if fills_datagram {
            self.endpoint.flush_now();
        }
        reached
    }

    /// Sends queued packets, and waits until the system has them. Returns false after a shutdown of the network, or if
    /// the I/O thread takes longer than a second.
    pub fn flush(&self) -> bool {
        let flushed = Arc::new(FlushSignal::default());
        self.endpoint.command(Command::Flush(Arc::clone(&flushed)));
        self.endpoint.flush_now();
        flushed.wait(FLUSH_TIMEOUT)
    }

    /// Sends a datagram outside of ENet.
    pub fn send_raw(&self, to: SocketAddr, data: Vec<u8>) {
        self.endpoint.command(Command::SendRaw { to, data });
    }

    /// Returns the change of a counter since it was last popped, modulo 2^32 as in the engine.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
    pub fn pop_statistic(&mut self, statistic: HostStatistic) -> u32 {
        let index = statistic as usize;
        let counter = self.endpoint.counter(index);
        let before = std::mem::replace(&mut self.popped_counters[index], counter);
        counter.wrapping_sub(before) as u32
    }

    /// Sets the bandwidths in bytes per second; 0 means unlimited.
    pub fn set_bandwidth(&self, incoming: u32, outgoing: u32) {
        self.endpoint.command(Command::SetBandwidth { incoming, outgoing });
    }

    /// Sets the maximum number of channels of connections accepted from now on.
    pub fn set_channel_limit(&mut self, limit: usize) {
        self.channel_limit = limit.clamp(1, MAX_CHANNEL_COUNT);
        self.endpoint.command(Command::SetChannelLimit(limit));
    }

    /// Sets the compression of datagrams. Both ends must use the same.
    pub fn set_compression(&self, mode: Compression) {
        self.endpoint.command(Command::SetCompression(mode));
    }

    /// Refuses or accepts new connections from now on. Refused hosts are notified at once.
    pub fn set_refusing(&self, refusing: bool) {
        self.endpoint.command(Command::SetRefusing(refusing));
    }

    /// Encrypts all datagrams with DTLS from now on, as the server. Returns false without any change if DTLS is enabled
    /// already: another setup would disconnect the peers.
    pub fn secure_server(&mut self, setup: ServerConfig) -> bool {
        self.secure(Command::SecureServer(setup))
    }

    /// Encrypts all datagrams with DTLS from now on, as a client of one server or of several with the same certificate.
    /// Returns as [`secure_server`](Self::secure_server).
    pub fn secure_client(&mut self, setup: ClientConfig) -> bool {
        self.secure(Command::SecureClient(setup))
    }

    fn secure(&mut self, command: Command) -> bool {
        let is_first = !std::mem::replace(&mut self.is_secured, true);
        if is_first {
            self.endpoint.command(command);
        }
        is_first
    }

    /// Sets the MTU of connections made from now on.
    pub fn set_mtu(&self, mtu: usize) {
        self.endpoint.command(Command::SetMtu(mtu));
    }

    /// Sets the maximum number of bytes per peer that wait for the game.
    pub fn set_max_waiting_data(&self, limit: usize) {
        self.endpoint.command(Command::SetWaitingLimit(limit));
    }

    /// Sets the maximum number of outgoing bytes per peer.
    pub fn set_max_outgoing_bytes(&self, limit: usize) {
        self.endpoint.max_outgoing_bytes.store(limit as u64, Ordering::Relaxed);
    }

    /// Sets the maximum time for which outgoing packets are gathered.
    pub fn set_flush_interval(&self, flush_interval: Duration) {
        let flush_interval = u32::try_from(flush_interval.as_micros()).unwrap_or(u32::MAX);
        self.endpoint.flush_interval.store(flush_interval, Ordering::Relaxed);
    }

    /// Simulates a bad network, for testing the game.
    pub fn simulate(&self, simulation: Simulation) {
        self.endpoint.command(Command::Simulate(simulation));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Ending the driver sends queued commands. Undelivered events hold the endpoint, which holds them.
        self.handle.end();
        self.endpoint.clear();
        for (_, peer) in self.peers.borrow_mut().drain() {
            peer.ended();
        }
    }
}

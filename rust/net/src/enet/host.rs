//! A host, as the game holds it.

use super::driver::HostDriver;
use super::endpoint::{Command, Connect, Endpoint, Flushed};
use super::inbox::{Arrival, Numbered};
use super::peer::{Peer, PeerStatistic, Received, Registry};
use super::peer_shared::PeerShared;
use super::simulator::Simulation;
use crate::dtls::{ClientSetup, ServerSetup};
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::{Stats, mean};
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use lodewire_enet::wire::MAX_CHANNEL_COUNT;
use lodewire_enet::{Compression, Delivery, HostConfig, PeerState};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What [`PeerStatistic::PacketLoss`] is for packets that are all lost (ENet's `ENET_PEER_PACKET_LOSS_SCALE`).
const PACKET_LOSS_SCALE: f64 = 65_536.0;

/// How long the game's thread waits for the I/O thread to send what waits.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// How a host behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// How the protocol does.
    pub host: HostConfig,
    /// How long what is to be sent is gathered, at the most.
    pub gather: Duration,
    /// How many bytes may wait for the network, per peer. One packet may be longer.
    pub outgoing_limit: usize,
    /// Answer every packet with itself, on the I/O thread: to measure the protocol and the driver alone.
    pub echo: bool,
}

impl Default for Config {
    /// A millisecond, which a burst fits into; 64 MiB for the network.
    fn default() -> Self {
        Self {
            host: HostConfig::default(),
            gather: Duration::from_millis(1),
            outgoing_limit: 64 << 20,
            echo: false,
        }
    }
}

/// Something that happened, which the game is told of.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection is there.
    Connect {
        /// The new peer, or the one that was asked for.
        peer: Rc<Peer>,
        /// The number of the host that asked; 0 there.
        data: u32,
    },
    /// A connection has ended, or could not be made.
    Disconnect {
        /// The peer that was.
        peer: Rc<Peer>,
        /// The number of the host that ended it; 0 there.
        data: u32,
        /// In words, unless one of the two ends asked for it.
        reason: Option<String>,
    },
    /// A packet can be read from a peer.
    Receive {
        /// The peer.
        peer: Rc<Peer>,
        /// The channel on which it came.
        channel: u8,
    },
}

/// What a host counts, in the order of Godot's `ENetConnection.HostStatistic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Godot's names, and its documentation")]
pub enum HostStatistic {
    SentData = 0,
    SentPackets,
    ReceivedData,
    ReceivedPackets,
}

/// Why a connection cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// There are as many peers as the host may have.
    Full,
    /// The address is of a family that the host's own is not.
    Unreachable,
}

/// A host that is bound to a port. Dropping it sends what was asked for, tells its peers that they are disconnected, and
/// closes the port.
#[derive(Debug)]
pub struct Host {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    local: SocketAddr,
    peer_limit: usize,
    channel_limit: usize,
    peers: Rc<Registry>,
    /// What was taken over and not told yet.
    arrivals: VecDeque<Numbered>,
    /// What the counters were when they were taken last.
    popped: [u64; 4],
    is_reading: bool,
    connect_timeout: Option<Duration>,
    is_secured: bool,
    failed: bool,
}

impl Host {
    /// Binds to `port`; 0 takes one that is free. Nothing is read, and no connection asked for, before the first
    /// [`start_reading`](Self::start_reading), [`service`](Self::service) or [`flush`](Self::flush) of a host that connects: what is set
    /// up until then holds from the first datagram on.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(bind: Bind, port: u16, config: &Config) -> Result<Self, BindError> {
        let socket = Socket::bind(bind, port)?;
        let local = socket.local();
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| BindError::System(std::io::Error::other(error.to_string())))?;
        let endpoint = Arc::new(Endpoint::default());
        let gather = u32::try_from(config.gather.as_micros()).unwrap_or(u32::MAX);
        endpoint.gather.store(gather, Ordering::Relaxed);
        endpoint.outgoing_limit.store(config.outgoing_limit as u64, Ordering::Relaxed);
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
            popped: [0; 4],
            is_reading: false,
            connect_timeout: None,
            is_secured: false,
            failed: false,
        })
    }

    /// The address and port that it is bound to.
    pub fn local_addr(&self) -> SocketAddr {
        canonical(self.local)
    }

    /// Why it serves no longer, if it failed by a fault of its own.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// Begins to read what comes.
    pub fn start_reading(&mut self) {
        if !std::mem::replace(&mut self.is_reading, true) {
            self.endpoint.command(Command::StartReading);
        }
    }

    /// How long connections that are asked for from now on may take, the lookup of a name included; none: as long as the
    /// protocol tries, some 31 seconds.
    pub fn set_connect_timeout(&mut self, timeout: Option<Duration>) {
        self.connect_timeout = timeout;
    }

    /// Asks for a connection with 1 to 255 channels; the other side is told `data`.
    ///
    /// # Errors
    /// [`ConnectError`].
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

    /// The same to a host whose addresses are [told](Self::set_resolved) later.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect_unresolved(
        &mut self,
        channels: usize,
        data: u32,
    ) -> Result<Rc<Peer>, ConnectError> {
        self.dial(None, channels, data)
    }

    /// The addresses of the host that a peer is to be, the best first, or why there are none: that ends in
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
        self.endpoint.hurry();
        Ok(peer)
    }

    /// The next thing that happened, for which it sleeps up to `timeout`. What it tells of is seen at the peers from then
    /// on.
    pub fn service(&mut self, timeout: Duration) -> Option<Event> {
        self.start_reading();
        if let Some(event) = self.next_event() {
            return Some(event);
        }
        if timeout.is_zero() {
            return None;
        }
        let end = Instant::now() + timeout;
        // What concerns a peer that the game has let go of is no event, and is waited past.
        while self.endpoint.wait(end) {
            if let Some(event) = self.next_event() {
                return Some(event);
            }
        }
        self.next_event()
    }

    /// The next thing that happened, without sleeping.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if self.arrivals.is_empty() {
                lock(&self.endpoint.inbox).take(&mut self.arrivals);
            }
            match self.arrivals.pop_front() {
                Some((_, Some(arrival))) => {
                    if let Some(event) = self.tell(arrival) {
                        return Some(event);
                    }
                }
                Some((_, None)) => {}
                None => return self.fail(),
            }
        }
    }

    /// Makes an arrival visible.
    fn tell(&mut self, arrival: Arrival) -> Option<Event> {
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
                    // The game has let go of it before it was there.
                    None if shared.is_dialed => return None,
                    None => self.peer(&shared, PeerState::Connected, channels),
                };
                peer.connected(channels);
                Some(Event::Connect { peer, data })
            }
            Arrival::Disconnected { id, data, reason } => {
                self.endpoint.command(Command::Release { id });
                let peer = self.peers.borrow_mut().remove(&id)?;
                peer.ended_for(reason.as_deref());
                Some(Event::Disconnect { peer, data, reason })
            }
        }
    }

    /// After a fault of our own, and after the network was shut down, the peers are told to be gone.
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
        peer.ended_for(reason.as_deref());
        Some(Event::Disconnect { peer, data: 0, reason })
    }

    /// A peer that the game knows from now on.
    fn peer(&self, shared: &Arc<PeerShared>, state: PeerState, channels: usize) -> Rc<Peer> {
        let peer = Rc::new(Peer::new(Arc::clone(shared), state, channels, &self.peers));
        self.peers.borrow_mut().insert(shared.id, Rc::clone(&peer));
        peer
    }

    /// The peers that there are, those included that begin or end, in the order in which they began.
    pub fn peers(&self) -> Vec<Rc<Peer>> {
        let mut peers: Vec<_> = self.peers.borrow().values().cloned().collect();
        peers.sort_unstable_by_key(|peer| peer.id());
        peers
    }

    /// What it is doing.
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

    /// The most channels of connections that other hosts ask for.
    pub fn channel_limit(&self) -> usize {
        self.channel_limit
    }

    /// Sends a packet to all peers that are connected and have the channel. Says to how many; one for which too much
    /// waits is left out.
    pub fn broadcast(&self, channel: u8, delivery: Delivery, data: Arc<[u8]>) -> usize {
        self.send_to(&mut self.peers.borrow().values(), channel, delivery, data)
    }

    /// The same to some of its peers.
    pub fn send_to(
        &self,
        peers: &mut dyn Iterator<Item = &Rc<Peer>>,
        channel: u8,
        delivery: Delivery,
        data: Arc<[u8]>,
    ) -> usize {
        let mut hurry = false;
        let takes = |peer: &Rc<Peer>| {
            hurry |= peer.reserve(channel, data.len()).ok()?;
            Some(peer.id())
        };
        let ids: Vec<u32> = peers.filter_map(takes).collect();
        let reached = ids.len();
        if reached > 0 {
            self.endpoint.send(Command::Broadcast { ids, channel, delivery, data });
        }
        if hurry {
            self.endpoint.hurry();
        }
        reached
    }

    /// Sends what waits, and returns when the system has it. Returns whether it has: not after the network was shut down, nor
    /// when the I/O thread does not come to it within a second.
    pub fn flush(&self) -> bool {
        let flushed = Arc::new(Flushed::default());
        self.endpoint.command(Command::Flush(Arc::clone(&flushed)));
        self.endpoint.hurry();
        flushed.wait(FLUSH_TIMEOUT)
    }

    /// Sends a datagram that is none of ENet's.
    pub fn send_raw(&self, to: SocketAddr, data: Vec<u8>) {
        self.endpoint.command(Command::SendRaw { to, data });
    }

    /// A counter since it was taken here last, modulo 2^32 as in the engine.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
    pub fn pop_statistic(&mut self, statistic: HostStatistic) -> u32 {
        let index = statistic as usize;
        let counter = self.endpoint.counter(index);
        let before = std::mem::replace(&mut self.popped[index], counter);
        counter.wrapping_sub(before) as u32
    }

    /// Sets the bandwidths, in bytes a second; 0: no limit.
    pub fn set_bandwidth(&self, incoming: u32, outgoing: u32) {
        self.endpoint.command(Command::SetBandwidth { incoming, outgoing });
    }

    /// Sets the most channels of connections that other hosts ask for from now on.
    pub fn set_channel_limit(&mut self, limit: usize) {
        self.channel_limit = limit.clamp(1, MAX_CHANNEL_COUNT);
        self.endpoint.command(Command::SetChannelLimit(limit));
    }

    /// Compresses datagrams from now on. Both ends must do the same.
    pub fn set_compression(&self, mode: Compression) {
        self.endpoint.command(Command::SetCompression(mode));
    }

    /// Refuses connections that other hosts ask for, or no longer. They are told so at once.
    pub fn set_refusing(&self, refusing: bool) {
        self.endpoint.command(Command::SetRefusing(refusing));
    }

    /// Encrypts all that goes over the wire from now on with DTLS, as the server. Returns false, and changes nothing, if it is
    /// encrypted already: another setup would cut off the peers that there are.
    pub fn secure_server(&mut self, setup: ServerSetup) -> bool {
        self.secure(Command::SecureServer(setup))
    }

    /// The same as a client, of one server or of several with the same certificate.
    pub fn secure_client(&mut self, setup: ClientSetup) -> bool {
        self.secure(Command::SecureClient(setup))
    }

    fn secure(&mut self, command: Command) -> bool {
        let is_first = !std::mem::replace(&mut self.is_secured, true);
        if is_first {
            self.endpoint.command(command);
        }
        is_first
    }

    /// Sets the longest datagram of connections from now on.
    pub fn set_mtu(&self, mtu: usize) {
        self.endpoint.command(Command::SetMtu(mtu));
    }

    /// Sets how many bytes of a peer may wait for the game.
    pub fn set_max_waiting_data(&self, limit: usize) {
        self.endpoint.command(Command::SetWaitingLimit(limit));
    }

    /// Sets how many bytes may wait for the network, per peer.
    pub fn set_outgoing_limit(&self, limit: usize) {
        self.endpoint.outgoing_limit.store(limit as u64, Ordering::Relaxed);
    }

    /// Sets how long what is to be sent is gathered, at the most.
    pub fn set_gather(&self, gather: Duration) {
        let gather = u32::try_from(gather.as_micros()).unwrap_or(u32::MAX);
        self.endpoint.gather.store(gather, Ordering::Relaxed);
    }

    /// Makes the network worse, for a test of the game.
    pub fn simulate(&self, simulation: Simulation) {
        self.endpoint.command(Command::Simulate(simulation));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // What was asked for goes out with the driver's end. What was not told holds the endpoint, which holds it.
        self.handle.end();
        self.endpoint.clear();
        for (_, peer) in self.peers.borrow_mut().drain() {
            peer.ended();
        }
    }
}

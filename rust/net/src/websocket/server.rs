//! A server: the game's handle.

use super::admission::ServerPolicy;
use super::endpoint::{Command, EndpointShared, PollBatch, Settings};
use super::origins::Origins;
use super::outgoing_message::OutgoingMessage;
use super::peer::{Peer, PeerEvent};
use super::peer_shared::PeerShared;
use super::proxies::Proxies;
use super::request::{PendingRequest, RequestShared};
use super::server_driver::ServerDriver;
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::{Stats, mean};
use crate::tcp::{self, Bind, BindError};
use crate::tls::ServerTls;
use lodewire_websocket::{CloseCode, CloseFrame};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Maximum number of polls for which new peers are held back until the ends of others have been reported.
const MAX_HELD_POLLS: usize = 2;

/// An event of a server, in the order in which they are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A message can be read from the peer with this id.
    Data(i32),
    /// The peer has started the closing handshake. [`Disconnected`](Self::Disconnected) follows.
    CloseRequest {
        /// The id of the peer.
        id: i32,
        /// The code and reason of its Close frame.
        close: CloseFrame,
    },
    /// The connection is closed. The peer can be accessed until the next call of [`Server::next_event`].
    Disconnected {
        /// The id of the peer.
        id: i32,
        /// Close frames were exchanged.
        clean: bool,
    },
    /// A client requests to connect; it waits until the request is accepted, rejected or dropped.
    Request(Rc<PendingRequest>),
    /// A client has connected.
    Connected(i32),
}

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The settings of its connections.
    pub settings: Settings,
    /// The supported sub-protocols; if empty, no sub-protocol is negotiated.
    pub protocols: Vec<String>,
    /// Additional headers of every response, for which [`is_valid_header`](lodewire_websocket::is_valid_header) must
    /// hold.
    pub headers: Vec<(String, String)>,
    /// The origins from which browsers may connect.
    pub origins: Origins,
    /// Timeout from accepting a connection to the end of its opening request.
    pub handshake_timeout: Duration,
    /// The key and certificates for `wss://`; `None` for `ws://`.
    pub tls: Option<ServerTls>,
    /// Maximum number of peers; further clients are rejected with 503.
    pub max_clients: usize,
    /// Hold every valid request for the game's decision.
    pub hold_requests: bool,
    /// Maximum number of held requests; further ones are rejected with 503.
    pub max_pending_requests: usize,
    /// The proxies through which clients connect.
    pub proxies: Proxies,
    /// The path of health checks, if they are enabled, for which [`is_health_path`](super::is_health_path) must hold.
    pub health_path: Option<Arc<str>>,
    /// Time without a poll of the game after which health checks fail; `None` for no limit.
    pub health_timeout: Option<Duration>,
    /// Let other processes listen on the same port: the system distributes the clients.
    pub reuse_port: bool,
}

impl Default for Config {
    /// `ws://` for 4096 clients of any origin, with 3 seconds for the request, which is accepted if it is valid.
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            protocols: Vec::new(),
            headers: Vec::new(),
            origins: Origins::default(),
            handshake_timeout: Duration::from_secs(3),
            tls: None,
            max_clients: 4096,
            hold_requests: false,
            max_pending_requests: 256,
            proxies: Proxies::default(),
            health_path: None,
            health_timeout: None,
            reuse_port: false,
        }
    }
}

/// A listening server. Dropping it closes its port and its connections, with a Close frame of code 1000, before the
/// drop returns.
#[derive(Debug)]
pub struct Server {
    handle: DriverHandle,
    endpoint: Arc<EndpointShared>,
    policy: Arc<ServerPolicy>,
    port: u16,
    peers: HashMap<i32, Rc<Peer>>,
    poll_queue: PollQueue,
    /// Peers whose Close frame is answered once the game has read the messages before it.
    close_pending: VecDeque<Rc<Peer>>,
    /// Those of them that were checked after the last poll, and are still pending.
    still_close_pending: VecDeque<Rc<Peer>>,
    /// The peer of the last [`ServerEvent::Disconnected`].
    departing: Option<i32>,
    failed: bool,
}

/// The events of the last poll that have not been reported.
#[derive(Debug, Default)]
struct PollQueue {
    active: VecDeque<Rc<Peer>>,
    connected: VecDeque<Arc<PeerShared>>,
    /// For how many polls the first of them has been held back.
    held_polls: usize,
    /// They are held back because the end of another peer has not been reported yet: a player who reconnects is not
    /// reported before the end of the old connection.
    is_holding: bool,
    requests: VecDeque<Arc<RequestShared>>,
    /// Peers with arrivals that have not been reported as connected: reported with the next poll.
    undelivered: Vec<Arc<PeerShared>>,
}

impl Server {
    /// Listens on `port`; 0 selects a free one.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn listen(bind: Bind, port: u16, config: Config) -> Result<Self, BindError> {
        let (listener, local) = tcp::listen(bind, port, config.reuse_port)?;
        let endpoint = Arc::new(EndpointShared::new(config.settings.clone()));
        let policy = Arc::new(ServerPolicy::new(config));
        let driver = ServerDriver::new(listener, Arc::clone(&endpoint), Arc::clone(&policy));
        Self::start(Box::new(driver), endpoint, policy, local.port()).map_err(BindError::System)
    }

    fn start(
        driver: Box<dyn reactor::Driver>,
        endpoint: Arc<EndpointShared>,
        policy: Arc<ServerPolicy>,
        port: u16,
    ) -> std::io::Result<Self> {
        let handle = reactor::add(|waker| {
            // Set once, before the driver is called.
            let _ = endpoint.waker.set(waker);
            driver
        })?;
        Ok(Self {
            handle,
            endpoint,
            policy,
            port,
            peers: HashMap::new(),
            poll_queue: PollQueue::default(),
            close_pending: VecDeque::new(),
            still_close_pending: VecDeque::new(),
            departing: None,
            failed: false,
        })
    }

    /// Returns the port that it listens on.
    pub fn local_port(&self) -> u16 {
        self.port
    }

    /// Returns the cause, if the driver of the server has failed.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// Sets the timeout for opening requests of new connections.
    pub fn set_handshake_timeout(&self, timeout: Duration) {
        self.policy.set_handshake_timeout(timeout);
    }

    /// Sets whether new clients are rejected with 503.
    pub fn set_refusing(&self, refusing: bool) {
        self.policy.refusing.store(refusing, Ordering::Relaxed);
    }

    /// Sets whether health checks fail, so that load balancers send no more clients.
    pub fn set_draining(&self, draining: bool) {
        self.policy.draining.store(draining, Ordering::Relaxed);
    }

    /// Returns the peer with this id.
    pub fn peer(&self, id: i32) -> Option<&Rc<Peer>> {
        self.peers.get(&id)
    }

    /// Removes a peer at once and without an event. It is sent a Close frame of code 1000, unless it is already
    /// closing.
    pub fn forget(&mut self, id: i32) {
        if let Some(peer) = self.peers.remove(&id) {
            peer.close(CloseCode::NORMAL, "");
            peer.mark_closed();
        }
    }

    /// Returns the number of times that the game has closed a peer.
    pub(super) fn discards(&self) -> usize {
        self.endpoint.discards.load(Ordering::Relaxed)
    }

    /// Collects the events since the last poll, for [`next_event`](Self::next_event).
    pub fn poll(&mut self) {
        self.policy.note_poll();
        let batch = std::mem::take(&mut *lock(&self.endpoint.poll_batch));
        self.poll_queue.is_holding = false;
        self.poll_queue.held_polls =
            if self.poll_queue.connected.is_empty() { 0 } else { self.poll_queue.held_polls + 1 };
        self.poll_queue.connected.extend(batch.connected);
        self.poll_queue.requests.extend(batch.requests);
        let mut active = std::mem::take(&mut self.poll_queue.undelivered);
        active.extend(batch.active);
        let mut changed = Vec::with_capacity(active.len());
        for shared in active {
            match self.peers.get(&shared.id).filter(|peer| peer.is(&shared)) {
                Some(peer) => {
                    peer.collect();
                    changed.push(Rc::clone(peer));
                }
                None if shared.abandoned.load(Ordering::Relaxed) => {}
                None => self.poll_queue.undelivered.push(shared),
            }
        }
        if !self.failed
            && let Some(failure) = self.handle.failure()
        {
            self.failed = true;
            self.poll_queue.connected.clear();
            self.poll_queue.requests.clear();
            self.poll_queue.undelivered.clear();
            changed = self.peers.values().cloned().collect();
            for peer in &changed {
                peer.collect();
                peer.fail(failure);
            }
        }
        changed.sort_unstable_by_key(|peer| peer.id());
        self.poll_queue.active.extend(changed);
    }

    /// Sends a message to every peer except those in `except`, encoded once. Returns the number of recipients; peers
    /// whose queue is full are skipped.
    pub fn broadcast(&self, message: OutgoingMessage, except: &[i32]) -> usize {
        let len = message.len();
        let accepts = |peer: &&Rc<Peer>| !except.contains(&peer.id()) && peer.reserve(len).is_ok();
        let keys: Vec<_> = self.peers.values().filter(accepts).map(|peer| peer.key()).collect();
        let recipients = keys.len();
        if recipients > 0 {
            self.endpoint.command(Command::Broadcast { keys, message });
        }
        recipients
    }

    /// Returns the connected peers.
    pub fn peers(&self) -> impl Iterator<Item = &Rc<Peer>> {
        self.peers.values()
    }

    /// Returns the number of received bytes that the game has not read, including incomplete messages and peers that
    /// have gone.
    pub fn buffered_in(&self) -> usize {
        self.endpoint.buffered_in()
    }

    /// Returns the number of bytes queued for the network, for all peers.
    pub fn buffered_out(&self) -> usize {
        self.endpoint.buffered_out()
    }

    /// Returns the number of occupied slots of [`max_clients`](Config::max_clients), including peers whose end has not
    /// been reported to the game.
    pub fn peer_slots(&self) -> usize {
        self.endpoint.peer_slots()
    }

    /// Returns how many of the [occupied slots](Self::peer_slots) are of peers whose connection has ended, or that the
    /// game has closed.
    pub fn departing(&self) -> usize {
        self.endpoint.departing()
    }

    /// Returns its statistics.
    pub fn stats(&self) -> Stats {
        stats_of(&self.endpoint, self.peers.values())
    }

    /// Holds new peers back until the next poll, because the end of another is reported with it.
    pub(super) fn hold_connected(&mut self) {
        self.poll_queue.is_holding = true;
    }

    /// Returns the next event of the last poll: first each peer's messages, close request and end, by ascending id;
    /// then connection requests; then new peers, whose first message is reported with the next poll. While the end of a
    /// peer waits for the game to read, new peers are held back for up to two polls.
    pub fn next_event(&mut self) -> Option<ServerEvent> {
        if let Some(id) = self.departing.take() {
            self.peers.remove(&id);
        }
        while let Some(peer) = self.poll_queue.active.front() {
            let id = peer.id();
            // Events of a peer that was removed meanwhile are dropped.
            let known = self.peers.get(&id).is_some_and(|known| Rc::ptr_eq(known, peer));
            match peer.next_event().filter(|_| known) {
                Some(PeerEvent::Message) => return Some(ServerEvent::Data(id)),
                Some(PeerEvent::CloseRequest(close)) => {
                    return Some(ServerEvent::CloseRequest { id, close });
                }
                Some(PeerEvent::Failing) => {}
                Some(PeerEvent::Closed { clean }) => {
                    self.departing = Some(id);
                    return Some(ServerEvent::Disconnected { id, clean });
                }
                None => {
                    let peer = self.poll_queue.active.pop_front()?;
                    if let Some(clean) = peer.finish_close() {
                        return Some(self.disconnected(&peer, clean));
                    }
                    if peer.is_close_pending() {
                        self.close_pending.push_back(peer);
                    }
                }
            }
        }
        // The game may have read the messages before a Close frame meanwhile. Each peer is checked once per poll.
        while let Some(peer) = self.close_pending.pop_front() {
            if let Some(clean) = peer.finish_close() {
                return Some(self.disconnected(&peer, clean));
            }
            if peer.is_close_pending() {
                self.still_close_pending.push_back(peer);
            }
        }
        if let Some(shared) = self.poll_queue.requests.pop_front() {
            return Some(ServerEvent::Request(Rc::new(PendingRequest::new(shared))));
        }
        let is_holding = self.poll_queue.is_holding || !self.still_close_pending.is_empty();
        if (!is_holding || self.poll_queue.held_polls >= MAX_HELD_POLLS)
            && let Some(shared) = self.poll_queue.connected.pop_front()
        {
            // If it has ended already, that is reported with the next poll.
            self.poll_queue.is_holding |= shared.is_ending();
            let id = shared.id;
            self.peers.insert(id, Rc::new(Peer::new(shared)));
            return Some(ServerEvent::Connected(id));
        }
        std::mem::swap(&mut self.close_pending, &mut self.still_close_pending);
        // Frees the capacity that a burst has left behind.
        self.poll_queue.active = VecDeque::new();
        if self.poll_queue.connected.is_empty() {
            self.poll_queue.connected = VecDeque::new();
        }
        None
    }

    /// Reports the end of a peer whose Close frame or protocol error is answered now: nothing can change it any more.
    fn disconnected(&mut self, peer: &Peer, clean: bool) -> ServerEvent {
        peer.mark_closed();
        let id = peer.id();
        self.departing = Some(id);
        ServerEvent::Disconnected { id, clean }
    }
}

/// Returns the statistics of a server or client with these peers.
pub(super) fn stats_of<'a>(
    endpoint: &EndpointShared,
    peers: impl Iterator<Item = &'a Rc<Peer>>,
) -> Stats {
    let mut stats = endpoint.counters.stats();
    stats.peers = 0;
    let mut round_trips = Vec::new();
    for peer in peers {
        let (buffered_in, buffered_out) = peer.buffered();
        stats.peers += 1;
        stats.buffered_in += buffered_in;
        stats.buffered_out += buffered_out;
        round_trips.extend(peer.round_trip().map(|time| time.as_secs_f64()));
    }
    stats.round_trip = mean(round_trips.into_iter()).map(Duration::from_secs_f64);
    stats
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.end();
        for peer in self.peers.values() {
            peer.detach(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
        }
        // Peers hold their server: entries that are never polled would keep it alive.
        *lock(&self.endpoint.poll_batch) = PollBatch::default();
    }
}

#[cfg(test)]
mod tests;

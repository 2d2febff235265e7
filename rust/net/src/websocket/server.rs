//! A server, as the game holds it.

use super::admission::Rules;
use super::endpoint::{Command, Endpoint, News, Settings};
use super::origins::Origins;
use super::peer::{Peer, Step};
use super::peer_shared::PeerShared;
use super::proxies::Proxies;
use super::request::{PendingRequest, RequestShared};
use super::server_driver::ServerDriver;
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::{Stats, mean};
use crate::tcp::{self, Bind, BindError};
use crate::tls::ServerTls;
use lodewire_websocket::{CloseCode, CloseFrame, MessageKind};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// For how many polls a new peer waits until the game was told of the ends of others, at most.
const MOST_HOLDS: usize = 2;

/// What happened, in the order in which the game is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// A message can be read from the peer with this id.
    Data(i32),
    /// The peer began the closing handshake. [`Disconnected`](Self::Disconnected) follows.
    CloseRequest {
        /// The peer's id.
        id: i32,
        /// Its code and reason.
        close: CloseFrame,
    },
    /// The connection has ended. The peer is still there until the next call of [`Server::next_event`].
    Disconnected {
        /// The peer's id.
        id: i32,
        /// Close frames went both ways.
        clean: bool,
    },
    /// A client asks to connect; it waits until it is accepted, refused or dropped.
    Request(Rc<PendingRequest>),
    /// A client has connected.
    Connected(i32),
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// How its connections behave.
    pub settings: Settings,
    /// The sub-protocols it speaks; none: no sub-protocol is negotiated.
    pub protocols: Vec<String>,
    /// Header lines that every answer carries, of which [`is_valid_header`](lodewire_websocket::is_valid_header) holds.
    pub headers: Vec<(String, String)>,
    /// From which origins browsers may connect.
    pub origins: Origins,
    /// How long a client may take from its connection to the end of its opening request.
    pub handshake_timeout: Duration,
    /// The key and certificates for `wss://`; none: `ws://`.
    pub tls: Option<ServerTls>,
    /// The most peers at once; the next client is refused with 503.
    pub max_clients: usize,
    /// Every request that follows the rules waits for the game's word.
    pub ask: bool,
    /// The most requests that wait for it; the next is refused with 503.
    pub max_waiting: usize,
    /// The proxies that clients come through.
    pub proxies: Proxies,
    /// Where load balancers ask whether the server is well, of which [`is_health_path`](super::is_health_path) holds;
    /// none: nowhere.
    pub health_path: Option<Arc<str>>,
    /// How long the game may not poll until the server is not well; none: for ever.
    pub health_timeout: Option<Duration>,
    /// Other processes may listen on the same port: the system deals out the clients.
    pub reuse_port: bool,
}

impl Default for Config {
    /// `ws://` for 4096 clients from anywhere, with 3 seconds for the request, which is accepted if it follows the rules.
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            protocols: Vec::new(),
            headers: Vec::new(),
            origins: Origins::default(),
            handshake_timeout: Duration::from_secs(3),
            tls: None,
            max_clients: 4096,
            ask: false,
            max_waiting: 256,
            proxies: Proxies::default(),
            health_path: None,
            health_timeout: None,
            reuse_port: false,
        }
    }
}

/// A server that listens. Dropping it closes its port and its connections, each with a Close of code 1000, before it
/// returns.
#[derive(Debug)]
pub struct Server {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    rules: Arc<Rules>,
    port: u16,
    peers: HashMap<i32, Rc<Peer>>,
    turn: Turn,
    /// Peers whose Close is to be answered once the game has read what came before.
    finishing: VecDeque<Rc<Peer>>,
    /// Those of them that the current turn has looked at, and that go on.
    unfinished: VecDeque<Rc<Peer>>,
    /// The peer of the last [`ServerEvent::Disconnected`].
    leaving: Option<i32>,
    failed: bool,
}

/// What is still to be told of the last poll.
#[derive(Debug, Default)]
struct Turn {
    active: VecDeque<Rc<Peer>>,
    connected: VecDeque<Arc<PeerShared>>,
    /// In how many polls the first of them was held back.
    holds: usize,
    /// They are told with a later poll, since a peer that has ended before is still to be told to be gone: so a player who
    /// comes back is not told before the end of his old connection.
    is_holding: bool,
    requests: VecDeque<Arc<RequestShared>>,
    /// Peers that had something before they were told to be connected: their turn is the next poll.
    early: Vec<Arc<PeerShared>>,
}

impl Server {
    /// Listens on `port`; 0 takes one that is free.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn listen(bind: Bind, port: u16, config: Config) -> Result<Self, BindError> {
        let (listener, local) = tcp::listen(bind, port, config.reuse_port)?;
        let endpoint = Arc::new(Endpoint::new(config.settings.clone()));
        let rules = Arc::new(Rules::new(config));
        let driver = ServerDriver::new(listener, Arc::clone(&endpoint), Arc::clone(&rules));
        Self::start(Box::new(driver), endpoint, rules, local.port()).map_err(BindError::System)
    }

    fn start(
        driver: Box<dyn reactor::Driver>,
        endpoint: Arc<Endpoint>,
        rules: Arc<Rules>,
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
            rules,
            port,
            peers: HashMap::new(),
            turn: Turn::default(),
            finishing: VecDeque::new(),
            unfinished: VecDeque::new(),
            leaving: None,
            failed: false,
        })
    }

    /// The port that it listens on.
    pub fn local_port(&self) -> u16 {
        self.port
    }

    /// Why it serves no longer, if it failed by a fault of its own.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// How long a client may take for its opening request, from the next one on.
    pub fn set_handshake_timeout(&self, timeout: Duration) {
        self.rules.set_handshake_timeout(timeout);
    }

    /// Answers new clients with 503 from now on, or no longer.
    pub fn set_refusing(&self, refusing: bool) {
        self.rules.refusing.store(refusing, Ordering::Relaxed);
    }

    /// Tells load balancers from now on that it is not well, so that they send nobody more, or no longer does.
    pub fn set_draining(&self, draining: bool) {
        self.rules.draining.store(draining, Ordering::Relaxed);
    }

    /// The peer with this id.
    pub fn peer(&self, id: i32) -> Option<&Rc<Peer>> {
        self.peers.get(&id)
    }

    /// Lets go of a peer at once and without an event. It is sent a Close of code 1000, unless it is closing already.
    pub fn forget(&mut self, id: i32) {
        if let Some(peer) = self.peers.remove(&id) {
            peer.close(CloseCode::NORMAL, "");
            peer.end();
        }
    }

    /// How often the game has closed a peer.
    pub(super) fn discards(&self) -> usize {
        self.endpoint.discards.load(Ordering::Relaxed)
    }

    /// Collects what has happened since the last poll, for [`next_event`](Self::next_event).
    pub fn poll(&mut self) {
        self.rules.note_poll();
        let news = std::mem::take(&mut *lock(&self.endpoint.news));
        self.turn.is_holding = false;
        self.turn.holds = if self.turn.connected.is_empty() { 0 } else { self.turn.holds + 1 };
        self.turn.connected.extend(news.connected);
        self.turn.requests.extend(news.requests);
        let mut active = std::mem::take(&mut self.turn.early);
        active.extend(news.active);
        let mut told = Vec::with_capacity(active.len());
        for shared in active {
            match self.peers.get(&shared.id).filter(|peer| peer.is(&shared)) {
                Some(peer) => {
                    peer.collect();
                    told.push(Rc::clone(peer));
                }
                None if shared.forgotten.load(Ordering::Relaxed) => {}
                None => self.turn.early.push(shared),
            }
        }
        if !self.failed
            && let Some(why) = self.handle.failure()
        {
            self.failed = true;
            self.turn.connected.clear();
            self.turn.requests.clear();
            self.turn.early.clear();
            told = self.peers.values().cloned().collect();
            for peer in &told {
                peer.collect();
                peer.fail(why);
            }
        }
        told.sort_unstable_by_key(|peer| peer.id());
        self.turn.active.extend(told);
    }

    /// Sends a message to every peer but those in `except`, encoded once. Says how many it was sent to; a peer for which
    /// too much waits is left out.
    pub fn broadcast(&self, kind: MessageKind, payload: Vec<u8>, except: &[i32]) -> usize {
        let takes =
            |peer: &&Rc<Peer>| !except.contains(&peer.id()) && peer.reserve(payload.len()).is_ok();
        let keys: Vec<_> = self.peers.values().filter(takes).map(|peer| peer.key()).collect();
        let reached = keys.len();
        if reached > 0 {
            self.endpoint.command(Command::Broadcast { keys, kind, payload });
        }
        reached
    }

    /// The peers that are connected.
    pub fn peers(&self) -> impl Iterator<Item = &Rc<Peer>> {
        self.peers.values()
    }

    /// What peers have sent and the game has not taken, in bytes, with what is held for incomplete messages and for peers
    /// that have gone.
    pub fn held(&self) -> usize {
        self.endpoint.held()
    }

    /// How many bytes wait for the network, of all peers.
    pub fn queued(&self) -> usize {
        self.endpoint.queued()
    }

    /// How many places of [`max_clients`](Config::max_clients) are taken: also by peers of whose end the game does not know.
    pub fn places(&self) -> usize {
        self.endpoint.places()
    }

    /// How many of the [`places`](Self::places) are of peers whose connection has ended, or that the game has closed.
    pub fn leaving(&self) -> usize {
        self.endpoint.leaving()
    }

    /// What it is doing.
    pub fn stats(&self) -> Stats {
        stats_of(&self.endpoint, self.peers.values())
    }

    /// A peer that has ended is told to be gone with the next poll: so are the new ones, after it.
    pub(super) fn hold_connected(&mut self) {
        self.turn.is_holding = true;
    }

    /// The next event of the last poll: first each peer's messages, close request and end, by ascending id; then the
    /// clients that ask to connect; then the new peers, whose first message comes with the next poll. While the end of a
    /// peer waits for the game to read, new peers wait for up to two polls.
    pub fn next_event(&mut self) -> Option<ServerEvent> {
        if let Some(id) = self.leaving.take() {
            self.peers.remove(&id);
        }
        while let Some(peer) = self.turn.active.front() {
            let id = peer.id();
            // A peer that was forgotten meanwhile has nothing more to tell.
            let known = self.peers.get(&id).is_some_and(|known| Rc::ptr_eq(known, peer));
            match peer.step().filter(|_| known) {
                Some(Step::Message) => return Some(ServerEvent::Data(id)),
                Some(Step::CloseRequest(close)) => {
                    return Some(ServerEvent::CloseRequest { id, close });
                }
                Some(Step::Failing) => {}
                Some(Step::Closed { clean }) => {
                    self.leaving = Some(id);
                    return Some(ServerEvent::Disconnected { id, clean });
                }
                None => {
                    let peer = self.turn.active.pop_front()?;
                    if let Some(clean) = peer.finish() {
                        return Some(self.end(&peer, clean));
                    }
                    if peer.is_finishing() {
                        self.finishing.push_back(peer);
                    }
                }
            }
        }
        // The game may have read meanwhile what came before the end of some. Each is looked at once a turn.
        while let Some(peer) = self.finishing.pop_front() {
            if let Some(clean) = peer.finish() {
                return Some(self.end(&peer, clean));
            }
            if peer.is_finishing() {
                self.unfinished.push_back(peer);
            }
        }
        if let Some(shared) = self.turn.requests.pop_front() {
            return Some(ServerEvent::Request(Rc::new(PendingRequest::new(shared))));
        }
        let is_holding = self.turn.is_holding || !self.unfinished.is_empty();
        if (!is_holding || self.turn.holds >= MOST_HOLDS)
            && let Some(shared) = self.turn.connected.pop_front()
        {
            // One that has ended already is told so with the next poll.
            self.turn.is_holding |= shared.is_ending();
            let id = shared.id;
            self.peers.insert(id, Rc::new(Peer::new(shared)));
            return Some(ServerEvent::Connected(id));
        }
        std::mem::swap(&mut self.finishing, &mut self.unfinished);
        // A burst's room is not kept for the next one.
        self.turn.active = VecDeque::new();
        if self.turn.connected.is_empty() {
            self.turn.connected = VecDeque::new();
        }
        None
    }

    /// The end of a peer whose Close, or fault, is answered now: nothing that follows could change it.
    fn end(&mut self, peer: &Peer, clean: bool) -> ServerEvent {
        peer.end();
        let id = peer.id();
        self.leaving = Some(id);
        ServerEvent::Disconnected { id, clean }
    }
}

/// What an end is doing that has these peers.
pub(super) fn stats_of<'a>(
    endpoint: &Endpoint,
    peers: impl Iterator<Item = &'a Rc<Peer>>,
) -> Stats {
    let mut stats = endpoint.counters.stats();
    stats.peers = 0;
    let mut round_trips = Vec::new();
    for peer in peers {
        let (waiting_in, waiting_out) = peer.waiting();
        stats.peers += 1;
        stats.buffered_in += waiting_in;
        stats.buffered_out += waiting_out;
        round_trips.extend(peer.round_trip().map(|time| time.as_secs_f64()));
    }
    stats.round_trip = mean(round_trips.into_iter()).map(Duration::from_secs_f64);
    stats
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.end();
        for peer in self.peers.values() {
            peer.abandon(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
        }
        // Peers know their server: what nobody will poll any more would hold it for ever.
        *lock(&self.endpoint.news) = News::default();
    }
}

#[cfg(test)]
mod tests;

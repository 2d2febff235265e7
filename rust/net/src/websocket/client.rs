//! A client, as the game holds it.

use super::client_driver::ClientDriver;
use super::endpoint::{Endpoint, Settings};
use super::peer::{Peer, Step};
use super::peer_shared::PeerShared;
use super::server::stats_of;
use super::target::Target;
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::Stats;
use crate::tls::{ClientTls, TlsError};
use lodewire_websocket::{
    ClientHandshake, ClientRequest, CloseCode, CloseFrame, HandshakeError, InvalidRequest,
};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How a client connects.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// How its connection behaves.
    pub settings: Settings,
    /// The sub-protocols that it offers, the preferred one first.
    pub protocols: Vec<String>,
    /// Header lines for its request.
    pub headers: Vec<(String, String)>,
    /// Whom it trusts; needed for `wss://`.
    pub tls: Option<ClientTls>,
    /// How long it may take from the first address to the server's answer.
    pub timeout: Duration,
}

/// Why a client cannot begin to connect.
#[derive(Debug)]
pub enum ConnectError {
    /// The request would not be what it seems.
    BadRequest(InvalidRequest),
    /// The host's name is not one that a certificate could be for, or the client has no trust for `wss://`.
    Tls(TlsError),
    /// The system gives no thread, no event queue or no randomness.
    System(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConnectError {}

/// Why a connection could not be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// In words for a developer.
    pub why: String,
    /// The HTTP status with which the server answered instead of opening the connection; none if it did not answer.
    pub status: Option<u16>,
    /// The first line of the text that came with the status, or else the phrase after it, such as `Service Unavailable`: at
    /// most 128 bytes, without control characters.
    pub reason: String,
}

impl Failure {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), ..Self::default() }
    }
}

impl From<HandshakeError> for Failure {
    fn from(error: HandshakeError) -> Self {
        let why = error.to_string();
        match error {
            HandshakeError::Rejected { status, reason, .. } => {
                Self { why, status: Some(status), reason }
            }
            _ => Self::new(why),
        }
    }
}

/// What happened, in the order in which the game is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The connection is open.
    Established,
    /// It could not be opened, and why. Nothing follows.
    Failed(Failure),
    /// A message can be read.
    Data,
    /// The server began the closing handshake. [`Closed`](Self::Closed) follows.
    CloseRequest(CloseFrame),
    /// The connection has ended. Nothing follows.
    Closed {
        /// Close frames went both ways.
        clean: bool,
    },
}

/// A connection to a server. Dropping it closes it with a Close of code 1000.
#[derive(Debug)]
pub struct Client {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    peer: Option<Rc<Peer>>,
    connected: Option<Arc<PeerShared>>,
    /// Something has come that is not collected yet.
    active: bool,
    /// What the last poll collected is being told.
    telling: bool,
    failed: Option<Failure>,
    /// It failed, or its end was told.
    over: bool,
}

impl Client {
    /// Begins to connect to `target` at one of `addresses`, whichever answers first.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(
        target: &Target,
        addresses: &[IpAddr],
        config: ClientConfig,
    ) -> Result<Self, ConnectError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|error| ConnectError::System(io::Error::other(error)))?;
        let request = ClientRequest {
            host: target.authority.clone(),
            target: target.path.clone(),
            protocols: config.protocols,
            headers: config.headers,
            deflate: config.settings.deflate.clone(),
        };
        let mut out = Vec::new();
        let handshake =
            ClientHandshake::new(request, nonce, &mut out).map_err(ConnectError::BadRequest)?;
        let tls = match (target.tls, config.tls) {
            (false, _) => None,
            (true, Some(tls)) => {
                ClientTls::check_name(&target.host).map_err(ConnectError::Tls)?;
                Some((tls, target.host.clone()))
            }
            (true, None) => return Err(ConnectError::Tls(TlsError::NoCertificate)),
        };
        // There is one peer, whose own limits are enough.
        let mut settings = config.settings;
        settings.limits.in_total = usize::MAX;
        settings.limits.out_total = usize::MAX;
        let endpoint = Arc::new(Endpoint::new(settings));
        let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, target.port)).collect();
        let driver = ClientDriver::new(
            Arc::clone(&endpoint),
            target.place(),
            addresses,
            tls,
            (handshake, out),
            config.timeout,
        );
        let add = |waker| {
            // Set once, before the driver is called.
            let _ = endpoint.waker.set(waker);
            Box::new(driver) as Box<dyn reactor::Driver>
        };
        let handle = reactor::add(add).map_err(ConnectError::System)?;
        Ok(Self {
            handle,
            endpoint,
            peer: None,
            connected: None,
            active: false,
            telling: false,
            failed: None,
            over: false,
        })
    }

    /// What it is doing.
    pub fn stats(&self) -> Stats {
        let mut stats = stats_of(&self.endpoint, self.peer().into_iter());
        stats.handshakes = usize::from(stats.peers == 0);
        stats
    }

    /// The server, once the connection is established.
    pub fn peer(&self) -> Option<&Rc<Peer>> {
        self.peer.as_ref()
    }

    /// Collects what has happened since the last poll, for [`next_event`](Self::next_event).
    pub fn poll(&mut self) {
        let news = std::mem::take(&mut *lock(&self.endpoint.news));
        if let Some(shared) = news.connected.into_iter().next() {
            self.connected = Some(shared);
        }
        if news.failed.is_some() {
            self.failed = news.failed;
        }
        self.active |= !news.active.is_empty();
        let fault = self.handle.failure().filter(|_| !self.over).map(str::to_owned);
        match (&self.peer, fault) {
            (Some(peer), Some(why)) => {
                peer.collect();
                peer.fail(&why);
                self.telling = true;
            }
            (None, Some(why)) => self.failed = Some(Failure::new(why)),
            (Some(peer), None) if self.active => {
                self.active = false;
                self.telling = true;
                peer.collect();
            }
            _ => {}
        }
    }

    /// The next event of the last poll. The first message comes with the poll after
    /// [`Established`](ClientEvent::Established).
    pub fn next_event(&mut self) -> Option<ClientEvent> {
        if self.over {
            return None;
        }
        if let Some(peer) = self.peer.as_ref().filter(|_| self.telling) {
            loop {
                match peer.step() {
                    Some(Step::Message) => return Some(ClientEvent::Data),
                    Some(Step::CloseRequest(close)) => {
                        return Some(ClientEvent::CloseRequest(close));
                    }
                    Some(Step::Failing) => {}
                    Some(Step::Closed { clean }) => {
                        self.over = true;
                        return Some(ClientEvent::Closed { clean });
                    }
                    None => {
                        self.telling = false;
                        break;
                    }
                }
            }
        }
        if let Some(shared) = self.connected.take() {
            self.peer = Some(Rc::new(Peer::new(shared)));
            return Some(ClientEvent::Established);
        }
        if let Some(why) = self.failed.take() {
            self.over = true;
            return Some(ClientEvent::Failed(why));
        }
        // The poll has ended: what the game has read to its end may be answered with a Close. The end itself is told when
        // what the game has sent is out.
        if let Some(peer) = &self.peer {
            peer.finish();
        }
        None
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.handle.end();
        if let Some(peer) = &self.peer {
            peer.abandon(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
        }
    }
}

//! A client: the game's handle.

use super::client_driver::ClientDriver;
use super::endpoint::{EndpointShared, Settings};
use super::peer::{Peer, PeerEvent};
use super::peer_shared::PeerShared;
use super::server::stats_of;
use super::url::WebSocketUrl;
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

/// The configuration of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The settings of its connection.
    pub settings: Settings,
    /// The sub-protocols to offer, in order of preference.
    pub protocols: Vec<String>,
    /// Additional headers of the request.
    pub headers: Vec<(String, String)>,
    /// The TLS configuration; required for `wss://`.
    pub tls: Option<ClientTls>,
    /// The timeout from the first connection attempt to the server's response.
    pub timeout: Duration,
}

/// The error of a client that cannot start to connect.
#[derive(Debug)]
pub enum ConnectError {
    /// The request is invalid.
    BadRequest(InvalidRequest),
    /// The host name cannot be in a certificate, or there is no TLS configuration for `wss://`.
    Tls(TlsError),
    /// The system cannot provide a thread, an event queue or random bytes.
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

/// The failure to open a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// A message for developers.
    pub message: String,
    /// The HTTP status of the server's response, if it sent one instead of opening the connection.
    pub status: Option<u16>,
    /// The first line of the body of that response, or else its reason phrase, such as `Service Unavailable`: at most
    /// 128 bytes, without control characters.
    pub reason: String,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

impl From<HandshakeError> for Failure {
    fn from(error: HandshakeError) -> Self {
        let message = error.to_string();
        match error {
            HandshakeError::Rejected { status, reason, .. } => {
                Self { message, status: Some(status), reason }
            }
            _ => Self::new(message),
        }
    }
}

/// An event of a client, in the order in which they are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The connection is open.
    Established,
    /// The connection could not be opened. No event follows.
    Failed(Failure),
    /// A message can be read.
    Data,
    /// The server has started the closing handshake. [`Closed`](Self::Closed) follows.
    CloseRequest(CloseFrame),
    /// The connection is closed. No event follows.
    Closed {
        /// Close frames were exchanged.
        clean: bool,
    },
}

/// A connection to a server. Dropping it sends a Close frame with code 1000.
#[derive(Debug)]
pub struct Client {
    handle: DriverHandle,
    endpoint: Arc<EndpointShared>,
    peer: Option<Rc<Peer>>,
    connected: Option<Arc<PeerShared>>,
    /// The inbox has changed and has not been collected yet.
    active: bool,
    /// Events of the last poll are being reported.
    emitting: bool,
    failed: Option<Failure>,
    /// The failure or the close has been reported.
    ended: bool,
}

impl Client {
    /// Starts to connect to the first of `addresses` that responds.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(
        target: &WebSocketUrl,
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
        // There is only one peer, for which its own limits suffice.
        let mut settings = config.settings;
        settings.limits.in_total = usize::MAX;
        settings.limits.out_total = usize::MAX;
        let endpoint = Arc::new(EndpointShared::new(settings));
        let addresses = addresses.iter().map(|ip| SocketAddr::new(*ip, target.port)).collect();
        let driver = ClientDriver::new(
            Arc::clone(&endpoint),
            target.host_and_port(),
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
            emitting: false,
            failed: None,
            ended: false,
        })
    }

    /// Returns its statistics.
    pub fn stats(&self) -> Stats {
        let mut stats = stats_of(&self.endpoint, self.peer().into_iter());
        stats.handshakes = usize::from(stats.peers == 0);
        stats
    }

    /// Returns the server as a peer, once the connection is established.
    pub fn peer(&self) -> Option<&Rc<Peer>> {
        self.peer.as_ref()
    }

    /// Collects the events since the last poll, for [`next_event`](Self::next_event).
    pub fn poll(&mut self) {
        let batch = std::mem::take(&mut *lock(&self.endpoint.poll_batch));
        if let Some(shared) = batch.connected.into_iter().next() {
            self.connected = Some(shared);
        }
        if batch.failed.is_some() {
            self.failed = batch.failed;
        }
        self.active |= !batch.active.is_empty();
        let failure = self.handle.failure().filter(|_| !self.ended).map(str::to_owned);
        match (&self.peer, failure) {
            (Some(peer), Some(failure)) => {
                peer.collect();
                peer.fail(&failure);
                self.emitting = true;
            }
            (None, Some(failure)) => self.failed = Some(Failure::new(failure)),
            (Some(peer), None) if self.active => {
                self.active = false;
                self.emitting = true;
                peer.collect();
            }
            _ => {}
        }
    }

    /// Returns the next event of the last poll. The first message is reported with the poll after
    /// [`Established`](ClientEvent::Established).
    pub fn next_event(&mut self) -> Option<ClientEvent> {
        if self.ended {
            return None;
        }
        if let Some(peer) = self.peer.as_ref().filter(|_| self.emitting) {
            loop {
                match peer.next_event() {
                    Some(PeerEvent::Message) => return Some(ClientEvent::Data),
                    Some(PeerEvent::CloseRequest(close)) => {
                        return Some(ClientEvent::CloseRequest(close));
                    }
                    Some(PeerEvent::Failing) => {}
                    Some(PeerEvent::Closed { clean }) => {
                        self.ended = true;
                        return Some(ClientEvent::Closed { clean });
                    }
                    None => {
                        self.emitting = false;
                        break;
                    }
                }
            }
        }
        if let Some(shared) = self.connected.take() {
            self.peer = Some(Rc::new(Peer::new(shared)));
            return Some(ClientEvent::Established);
        }
        if let Some(failure) = self.failed.take() {
            self.ended = true;
            return Some(ClientEvent::Failed(failure));
        }
        // No event is left: if the game has read everything, a received Close frame is answered now. The close is
        // reported after everything that the game has sent is written.
        if let Some(peer) = &self.peer {
            peer.finish_close();
        }
        None
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.handle.end();
        if let Some(peer) = &self.peer {
            peer.detach(CloseFrame { code: CloseCode::NORMAL, reason: String::new() });
        }
    }
}

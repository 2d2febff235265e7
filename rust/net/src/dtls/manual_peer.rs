//! Peers whose datagrams the game passes, since their sockets are the engine's.

use super::connection_table::Acceptance;
use super::packet_queue::PacketQueue;
use super::{ClientConfig, ConnectionTable, Event, Key, Limits, SendError, ServerConfig, Status};
use lodewire_dtls::ClientHelloVerification;
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::time::Instant;

/// A server without a socket: it makes peers from the datagrams that the game passes.
#[derive(Clone, Debug)]
pub struct Acceptor {
    acceptance: Acceptance,
    limits: Limits,
}

/// The result of [`Acceptor::accept`].
#[derive(Debug)]
pub enum AcceptResult {
    /// The datagram is ignored.
    Ignored,
    /// The datagram must be answered with this one. No peer was created.
    Reply(Vec<u8>),
    /// The client's address is verified: this is its peer.
    Peer(Box<ManualPeer>),
}

/// A peer without a socket. The caller passes it datagrams, calls [`poll`](Self::poll) often, and sends what
/// [`transmit`](Self::transmit) returns. Its jobs run on the workers.
pub struct ManualPeer {
    connections: ConnectionTable,
    address: SocketAddr,
    key: Option<Key>,
    status: Status,
    packets: PacketQueue,
    certificates: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for ManualPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ManualPeer")
            .field("address", &self.address)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Creates an acceptor. Returns `None` if random bytes could not be obtained.
    pub fn new(config: &ServerConfig, limits: Limits) -> Option<Self> {
        let acceptance = Acceptance::new(config, &limits, Instant::now())?;
        Some(Self { acceptance, limits })
    }

    /// Handles a datagram from an address without a peer.
    pub fn accept(&self, address: SocketAddr, datagram: &[u8]) -> AcceptResult {
        let now = Instant::now();
        let hello = match self.acceptance.verify_client_hello(now, address, datagram) {
            ClientHelloVerification::Ignored => return AcceptResult::Ignored,
            ClientHelloVerification::HelloVerifyRequest(answer) => {
                return AcceptResult::Reply(answer);
            }
            ClientHelloVerification::Verified(hello) => hello,
        };
        let connections = ConnectionTable::new(Some(self.acceptance.clone()), self.limits);
        let mut peer = ManualPeer::new(connections, address, &self.limits);
        peer.connections.accept(now, address, hello, &mut datagram.to_vec());
        peer.key = peer.connections.association_at(address);
        if peer.key.is_some() {
            peer.status = Status::Handshaking;
            return AcceptResult::Peer(Box::new(peer));
        }
        let mut alert = Vec::new();
        peer.transmit(|datagram| alert = datagram.to_vec());
        if alert.is_empty() { AcceptResult::Ignored } else { AcceptResult::Reply(alert) }
    }
}

impl ManualPeer {
    fn new(connections: ConnectionTable, address: SocketAddr, limits: &Limits) -> Self {
        Self {
            connections,
            address,
            key: None,
            status: Status::Disconnected(String::new()),
            packets: PacketQueue::new(limits.max_buffered_bytes),
            certificates: Vec::new(),
        }
    }

    /// Connects to a server.
    pub fn connect(config: &ClientConfig, limits: Limits) -> Self {
        // Only the game's socket knows the server's address.
        let server = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut peer = Self::new(ConnectionTable::client_only(limits), server, &limits);
        match peer.connections.connect(Instant::now(), server, config.to_protocol(&limits)) {
            Ok(key) => {
                peer.key = Some(key);
                peer.status = Status::Handshaking;
            }
            Err(error) => peer.status = Status::Failed(error.to_string()),
        }
        peer
    }

    /// Handles a datagram from the peer, and decrypts it in place.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &mut [u8]) {
        self.connections.handle_datagram(now, self.address, datagram);
    }

    /// Handles expired timeouts and finished jobs, and updates the state and the received packets.
    pub fn poll(&mut self, now: Instant) {
        self.connections.close_evicted();
        self.connections.handle_finished_jobs(now);
        self.connections.handle_timeout(now);
        while let Some(event) = self.connections.poll_event() {
            match event {
                Event::Connected(key) if Some(key) == self.key => {
                    self.status = Status::Connected;
                    self.certificates = self.connections.certificates(key);
                }
                // The client has connected again. A peer does not become another one, so the client must retry.
                Event::Connected(key) => self.connections.close(key),
                Event::Received(key, packet) if Some(key) == self.key => self.packets.push(&packet),
                Event::Closed { key, reason, .. } if Some(key) == self.key => {
                    self.key = None;
                    self.status = reason.into();
                }
                Event::Received(..) | Event::Closed { .. } => {}
            }
        }
    }

    /// Calls `send` with each datagram to send.
    pub fn transmit(&mut self, mut send: impl FnMut(&[u8])) {
        if !self.connections.outgoing.is_empty() {
            self.connections.outgoing.iter().for_each(|(_, datagram)| send(datagram));
            self.connections.outgoing.clear();
        }
    }

    /// Returns the status, as of the last [`poll`](Self::poll).
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Sends a packet, which [`transmit`](Self::transmit) returns.
    ///
    /// # Errors
    /// [`SendError`]; never [`Full`](SendError::Full).
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let key = self.key.filter(|_| self.status == Status::Connected);
        self.connections.send(Instant::now(), key.ok_or(SendError::NotConnected)?, packet)
    }

    /// Takes the next received packet.
    pub fn receive(&mut self) -> Option<&[u8]> {
        self.packets.pop()
    }

    /// Returns the number of received packets.
    pub fn available(&self) -> usize {
        self.packets.len()
    }

    /// Returns how many packets were dropped because the receive buffer was full.
    pub fn dropped(&self) -> u64 {
        self.packets.dropped()
    }

    /// Returns the certificates that the peer presented, its own first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Closes the connection. [`transmit`](Self::transmit) returns the `close_notify`.
    pub fn disconnect(&mut self) {
        self.connections.close_all();
        self.key = None;
        self.status = Status::Disconnected(String::new());
    }
}

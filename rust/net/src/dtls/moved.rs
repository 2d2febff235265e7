//! Peers whose datagrams the game moves, since their sockets are the engine's.

use super::associations::Accepting;
use super::inbox::Inbox;
use super::{Associations, ClientSetup, Event, Key, Limits, SendError, ServerSetup, Status};
use lodewire_dtls::Greeting;
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::time::Instant;

/// A server that has no socket: it makes peers of what the game hands to it.
#[derive(Clone, Debug)]
pub struct Acceptor {
    accepting: Accepting,
    limits: Limits,
}

/// What a datagram of a stranger comes to.
#[derive(Debug)]
pub enum Taken {
    /// Nothing.
    Nothing,
    /// It is to be answered with this datagram, and forgotten.
    Answer(Vec<u8>),
    /// The client has proven that it is where it says: this is its peer.
    Peer(Box<Moved>),
}

/// A peer that has no socket. The caller hands it datagrams and calls [`poll`](Self::poll) often, and sends what
/// [`transmit`](Self::transmit) gives. What takes long in its handshake is done by the workers.
pub struct Moved {
    associations: Associations,
    address: SocketAddr,
    key: Option<Key>,
    status: Status,
    inbox: Inbox,
    certificates: Vec<CertificateDer<'static>>,
}

impl std::fmt::Debug for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moved")
            .field("address", &self.address)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// A server that is set up so; `None` if the system has no randomness.
    pub fn new(setup: &ServerSetup, limits: Limits) -> Option<Self> {
        let accepting = Accepting::new(setup, &limits, Instant::now())?;
        Some(Self { accepting, limits })
    }

    /// Looks at a datagram of somebody who has no peer.
    pub fn take(&self, address: SocketAddr, datagram: &[u8]) -> Taken {
        let now = Instant::now();
        let hello = match self.accepting.greet(now, address, datagram) {
            Greeting::Ignored => return Taken::Nothing,
            Greeting::Answer(answer) => return Taken::Answer(answer),
            Greeting::Proven(hello) => hello,
        };
        let associations = Associations::new(Some(self.accepting.clone()), self.limits);
        let mut peer = Moved::new(associations, address, &self.limits);
        peer.associations.accept(now, address, hello, &mut datagram.to_vec());
        peer.key = peer.associations.at(address);
        if peer.key.is_some() {
            peer.status = Status::Handshaking;
            return Taken::Peer(Box::new(peer));
        }
        let mut refusal = Vec::new();
        peer.transmit(|datagram| refusal = datagram.to_vec());
        if refusal.is_empty() { Taken::Nothing } else { Taken::Answer(refusal) }
    }
}

impl Moved {
    fn new(associations: Associations, address: SocketAddr, limits: &Limits) -> Self {
        Self {
            associations,
            address,
            key: None,
            status: Status::Disconnected(String::new()),
            inbox: Inbox::new(limits.waiting),
            certificates: Vec::new(),
        }
    }

    /// Asks a server for a connection.
    pub fn connect(setup: &ClientSetup, limits: Limits) -> Self {
        // Where it is, the game's socket knows.
        let server = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut peer = Self::new(Associations::dial(limits), server, &limits);
        match peer.associations.connect(Instant::now(), server, setup.config(&limits)) {
            Ok(key) => {
                peer.key = Some(key);
                peer.status = Status::Handshaking;
            }
            Err(error) => peer.status = Status::Failed(error.to_string()),
        }
        peer
    }

    /// Takes a datagram from the other side, and opens it where it is.
    pub fn handle(&mut self, now: Instant, datagram: &mut [u8]) {
        self.associations.handle(now, self.address, datagram);
    }

    /// Does what is to be done by `now`, and sees what has happened.
    pub fn poll(&mut self, now: Instant) {
        self.associations.drop_evicted();
        self.associations.take_finished(now);
        self.associations.expire(now);
        while let Some(event) = self.associations.next_event() {
            match event {
                Event::Connected(key) if Some(key) == self.key => {
                    self.status = Status::Connected;
                    self.certificates = self.associations.certificates(key);
                }
                // The client has begun anew: a peer does not become another, so it has to do so once more.
                Event::Connected(key) => self.associations.close(key),
                Event::Received(key, packet) if Some(key) == self.key => self.inbox.push(&packet),
                Event::Ended { key, end, .. } if Some(key) == self.key => {
                    self.key = None;
                    self.status = end.into();
                }
                Event::Received(..) | Event::Ended { .. } => {}
            }
        }
    }

    /// Calls `send` with each datagram that is to go to the other side.
    pub fn transmit(&mut self, mut send: impl FnMut(&[u8])) {
        if !self.associations.outgoing.is_empty() {
            self.associations.outgoing.iter().for_each(|(_, datagram)| send(datagram));
            self.associations.outgoing.clear();
        }
    }

    /// How far it has come, as of the last [`poll`](Self::poll).
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Sends a packet: it is among what [`transmit`](Self::transmit) gives.
    ///
    /// # Errors
    /// [`SendError`]; never [`Full`](SendError::Full).
    pub fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        let key = self.key.filter(|_| self.status == Status::Connected);
        self.associations.send(Instant::now(), key.ok_or(SendError::NotConnected)?, packet)
    }

    /// The next packet that has come.
    pub fn receive(&mut self) -> Option<&[u8]> {
        self.inbox.pop()
    }

    /// How many packets wait.
    pub fn available(&self) -> usize {
        self.inbox.len()
    }

    /// How many packets were lost since too many waited.
    pub fn dropped(&self) -> u64 {
        self.inbox.dropped()
    }

    /// What the other side has shown, its own certificate first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Ends the connection: what tells the other side is among what [`transmit`](Self::transmit) gives.
    pub fn disconnect(&mut self) {
        self.associations.close_all();
        self.key = None;
        self.status = Status::Disconnected(String::new());
    }
}

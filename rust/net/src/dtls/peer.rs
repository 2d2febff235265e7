//! A peer with a socket of its own or of its server's, as the game holds it.

use super::driver::EndpointDriver;
use super::endpoint::{Command, Endpoint, PeerShared};
use super::inbox::{Inbox, PACKET_OVERHEAD};
use super::{Associations, ClientSetup, Limits, SendError, Status};
use crate::reactor::{self, DriverHandle, lock};
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use rustls_pki_types::CertificateDer;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The other side of a connection. What the network does to it is seen by [`poll`](Self::poll). Dropping it ends the
/// connection.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<PeerShared>,
    /// Of a client, which has it alone.
    driver: Option<DriverHandle>,
    status: Status,
    /// What was taken over, and not read yet.
    packets: Inbox,
    outgoing_limit: usize,
}

impl Peer {
    pub(super) fn new(shared: Arc<PeerShared>, limits: &Limits) -> Self {
        Self {
            shared,
            driver: None,
            status: Status::Handshaking,
            packets: Inbox::new(limits.waiting),
            outgoing_limit: limits.outgoing,
        }
    }

    /// Connects to a server, whose addresses are to be [told](Self::resolved): they are tried one after the other.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn connect(setup: &ClientSetup, limits: Limits) -> Result<Self, BindError> {
        let socket = Socket::bind(Bind::Any, 0)?;
        let endpoint = Arc::new(Endpoint::default());
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let shared = Arc::new(PeerShared::new(&endpoint, unknown, limits.waiting));
        let associations = Associations::dial(limits);
        let mut driver = EndpointDriver::new(Arc::clone(&endpoint), socket, associations, limits);
        driver.dial(Arc::clone(&shared), setup.config(&limits));
        let add = |waker| {
            // Set once, before the driver is called.
            let _ = endpoint.waker.set(waker);
            Box::new(driver) as Box<dyn reactor::Driver>
        };
        let handle = reactor::add(add).map_err(BindError::System)?;
        let mut peer = Self::new(shared, &limits);
        peer.driver = Some(handle);
        Ok(peer)
    }

    /// The addresses of the server, the best first, or why there are none.
    pub fn resolved(&self, addresses: Result<Vec<SocketAddr>, String>) {
        self.shared.endpoint.command(Command::Resolved(addresses));
    }

    /// Sees what has happened.
    pub fn poll(&mut self) {
        if !self.shared.has_news.swap(false, Ordering::Acquire) {
            if let Some(why) = self.driver.as_ref().and_then(DriverHandle::failure) {
                self.status = Status::Failed(why.to_owned());
            }
            // Who is idle keeps no room.
            if self.packets.release() {
                let mut mailbox = lock(&self.shared.mailbox);
                mailbox.inbox.release();
                mailbox.inbox.elsewhere = 0;
                self.shared.count(&mut mailbox);
            }
            return;
        }
        let mut mailbox = lock(&self.shared.mailbox);
        self.packets.take(&mut mailbox.inbox);
        mailbox.inbox.elsewhere = self.packets.waiting();
        self.shared.told(&mut mailbox);
        // What was still on the way when the game ended it changes nothing.
        if !self.status.is_over() && self.status != mailbox.status {
            self.status = mailbox.status.clone();
        }
    }

    /// How far it has come, as of the last [`poll`](Self::poll).
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Sends a packet, soon and by another thread.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, packet: &[u8]) -> Result<(), SendError> {
        if self.status != Status::Connected {
            return Err(SendError::NotConnected);
        }
        if packet.len() > self.shared.longest.load(Ordering::Relaxed) {
            return Err(SendError::TooLong);
        }
        let cost = packet.len() + PACKET_OVERHEAD;
        if self.shared.outgoing.load(Ordering::Relaxed) + cost > self.outgoing_limit {
            return Err(SendError::Full);
        }
        self.shared.outgoing.fetch_add(cost, Ordering::Relaxed);
        let command = Command::Send { id: self.shared.id, packet: packet.to_vec() };
        self.shared.endpoint.command(command);
        Ok(())
    }

    /// The next packet that has come.
    pub fn receive(&mut self) -> Option<&[u8]> {
        self.packets.pop()
    }

    /// How many packets wait.
    pub fn available(&self) -> usize {
        self.packets.len()
    }

    /// How many packets were lost since too many waited.
    pub fn dropped(&self) -> u64 {
        lock(&self.shared.mailbox).inbox.dropped()
    }

    /// What the other side has shown, its own certificate first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        lock(&self.shared.mailbox).certificates.clone()
    }

    /// The address of the other side.
    pub fn remote(&self) -> SocketAddr {
        canonical(lock(&self.shared.mailbox).remote)
    }

    /// Ends the connection.
    pub fn disconnect(&mut self) {
        if !self.status.is_over() {
            self.shared.endpoint.command(Command::Close { id: self.shared.id });
            self.status = Status::Disconnected(String::new());
            self.shared.tell(|mailbox| mailbox.status = Status::Disconnected(String::new()));
        }
        self.shared.leave();
        // It sends what is to be sent first.
        self.driver = None;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.disconnect();
    }
}

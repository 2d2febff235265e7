//! A peer on its own socket or its server's, as the game holds it.

use super::driver::EndpointDriver;
use super::endpoint::{Command, Endpoint, PeerShared};
use super::packet_queue::{PACKET_OVERHEAD, PacketQueue};
use super::{ClientConfig, ConnectionTable, Limits, SendError, Status};
use crate::reactor::{self, DriverHandle, lock};
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use rustls_pki_types::CertificateDer;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The peer of a connection. Its state changes only in [`poll`](Self::poll). Dropping it closes the connection.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<PeerShared>,
    /// The driver of a client, which no other peer uses.
    driver: Option<DriverHandle>,
    status: Status,
    /// The packets that were taken over and not read yet.
    packets: PacketQueue,
    max_outgoing_bytes: usize,
}

impl Peer {
    pub(super) fn new(shared: Arc<PeerShared>, limits: &Limits) -> Self {
        Self {
            shared,
            driver: None,
            status: Status::Handshaking,
            packets: PacketQueue::new(limits.max_buffered_bytes),
            max_outgoing_bytes: limits.max_outgoing_bytes,
        }
    }

    /// Connects to a server, whose addresses are passed to [`resolved`](Self::resolved): they are tried in order.
    ///
    /// # Errors
    /// [`BindError`], if the socket could not be created.
    pub fn connect(config: &ClientConfig, limits: Limits) -> Result<Self, BindError> {
        let socket = Socket::bind(Bind::Any, 0)?;
        let endpoint = Arc::new(Endpoint::default());
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let shared = Arc::new(PeerShared::new(&endpoint, unknown, limits.max_buffered_bytes));
        let connections = ConnectionTable::client_only(limits);
        let mut driver = EndpointDriver::new(Arc::clone(&endpoint), socket, connections, limits);
        driver.dial(Arc::clone(&shared), config.to_protocol(&limits));
        let add = |waker| {
            // Set once, before the driver runs.
            let _ = endpoint.waker.set(waker);
            Box::new(driver) as Box<dyn reactor::Driver>
        };
        let handle = reactor::add(add).map_err(BindError::System)?;
        let mut peer = Self::new(shared, &limits);
        peer.driver = Some(handle);
        Ok(peer)
    }

    /// Sets the addresses of the server, the preferred one first, or the reason why there are none.
    pub fn resolved(&self, addresses: Result<Vec<SocketAddr>, String>) {
        self.shared.endpoint.command(Command::Resolved(addresses));
    }

    /// Updates the state and the received packets.
    pub fn poll(&mut self) {
        if !self.shared.is_dirty.swap(false, Ordering::Acquire) {
            if let Some(reason) = self.driver.as_ref().and_then(DriverHandle::failure) {
                self.status = Status::Failed(reason.to_owned());
            }
            // An idle peer retains no memory.
            if self.packets.release() {
                let mut inbox = lock(&self.shared.inbox);
                inbox.queue.release();
                inbox.queue.taken_bytes = 0;
                self.shared.update_total(&mut inbox);
            }
            return;
        }
        let mut inbox = lock(&self.shared.inbox);
        self.packets.take_all(&mut inbox.queue);
        inbox.queue.taken_bytes = self.packets.buffered_bytes();
        self.shared.mark_delivered(&mut inbox);
        // The game has closed the peer already: later changes are ignored.
        if !self.status.is_closed() && self.status != inbox.status {
            self.status = inbox.status.clone();
        }
    }

    /// Returns the status, as of the last [`poll`](Self::poll).
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Queues a packet, which another thread sends soon.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, packet: &[u8]) -> Result<(), SendError> {
        if self.status != Status::Connected {
            return Err(SendError::NotConnected);
        }
        if packet.len() > self.shared.max_packet_size.load(Ordering::Relaxed) {
            return Err(SendError::TooLong);
        }
        let cost = packet.len() + PACKET_OVERHEAD;
        if self.shared.outgoing_bytes.load(Ordering::Relaxed) + cost > self.max_outgoing_bytes {
            return Err(SendError::Full);
        }
        self.shared.outgoing_bytes.fetch_add(cost, Ordering::Relaxed);
        let command = Command::Send { id: self.shared.id, packet: packet.to_vec() };
        self.shared.endpoint.command(command);
        Ok(())
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
        lock(&self.shared.inbox).queue.dropped()
    }

    /// Returns the certificates that the peer presented, its own first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        lock(&self.shared.inbox).certificates.clone()
    }

    /// Returns the address of the peer.
    pub fn remote(&self) -> SocketAddr {
        canonical(lock(&self.shared.inbox).remote)
    }

    /// Closes the connection.
    pub fn disconnect(&mut self) {
        if !self.status.is_closed() {
            self.shared.endpoint.command(Command::Close { id: self.shared.id });
            self.status = Status::Disconnected(String::new());
            self.shared.update(|inbox| inbox.status = Status::Disconnected(String::new()));
        }
        self.shared.abandon();
        // The driver sends what is queued first.
        self.driver = None;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.disconnect();
    }
}

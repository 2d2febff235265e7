//! A server with its own socket, as the game holds it.

use super::admission::Admission;
use super::driver::EndpointDriver;
use super::endpoint::{Command, Endpoint, PeerShared};
use super::{ConnectionTable, Limits, Peer, ServerConfig};
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::Stats;
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// A server that listens on a port. Dropping it closes its connections, and releases the port.
#[derive(Debug)]
pub struct Server {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    local: SocketAddr,
    limits: Limits,
    admission: Admission,
    /// The client that [`is_connection_available`](Self::is_connection_available) has reported: the next
    /// [`take`](Self::take) returns it, even if it has disconnected.
    announced: RefCell<Option<Arc<PeerShared>>>,
    /// The peers that the game has taken.
    taken: RefCell<Vec<Weak<PeerShared>>>,
}

impl Server {
    /// Listens on `port`; 0 picks a free port.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn listen(
        bind: Bind,
        port: u16,
        config: &ServerConfig,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let socket = Socket::bind(bind, port)?;
        let local = socket.local();
        let connections = ConnectionTable::server(config, limits)
            .ok_or_else(|| BindError::System(io::Error::other("failed to obtain random bytes")))?;
        let endpoint = Arc::new(Endpoint::default());
        let admission = connections.admission().unwrap_or_default();
        let driver = EndpointDriver::new(Arc::clone(&endpoint), socket, connections, limits);
        let add = |waker| {
            // Set once, before the driver runs.
            let _ = endpoint.waker.set(waker);
            Box::new(driver) as Box<dyn reactor::Driver>
        };
        let handle = reactor::add(add).map_err(BindError::System)?;
        handle.wake();
        Ok(Self {
            handle,
            endpoint,
            local,
            limits,
            admission,
            announced: RefCell::default(),
            taken: RefCell::default(),
        })
    }

    /// Returns the address and port that the server listens on.
    pub fn local_addr(&self) -> SocketAddr {
        canonical(self.local)
    }

    /// Returns the reason of an internal failure, after which the server is closed.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// Returns true if a client is waiting. The next [`take`](Self::take) returns one then, though it may have
    /// disconnected.
    pub fn is_connection_available(&self) -> bool {
        let mut announced = self.announced.borrow_mut();
        if announced.is_none() {
            *announced = lock(&self.endpoint.accepted).pop_front();
        }
        announced.is_some()
    }

    /// Takes the next connected client.
    pub fn take(&self) -> Option<Peer> {
        let announced = self.announced.take();
        let shared = announced.or_else(|| lock(&self.endpoint.accepted).pop_front())?;
        let mut taken = self.taken.borrow_mut();
        // Dropped peers are removed when the capacity is reached, at an amortized constant cost per peer.
        if taken.len() == taken.capacity() {
            taken.retain(|peer| peer.strong_count() > 0);
            let len = taken.len();
            taken.reserve(len + 16);
        }
        taken.push(Arc::downgrade(&shared));
        Some(Peer::new(shared, &self.limits))
    }

    /// Returns the server's statistics.
    pub fn stats(&self) -> Stats {
        let mut stats = self.endpoint.counters.stats();
        stats.handshakes = self.admission.count();
        let mut pending: Vec<_> = lock(&self.endpoint.accepted).iter().cloned().collect();
        pending.extend(self.announced.borrow().clone());
        let taken = self.taken.borrow();
        for peer in taken.iter().filter_map(Weak::upgrade).chain(pending) {
            let queue = &lock(&peer.inbox).queue;
            stats.buffered_in += (queue.buffered_bytes() + queue.taken_bytes) as u64;
            stats.buffered_out += peer.outgoing_bytes.load(Ordering::Relaxed) as u64;
        }
        stats
    }

    /// Sets whether new clients are refused.
    pub fn set_refusing(&self, refusing: bool) {
        self.endpoint.command(Command::SetRefusing(refusing));
    }
}

#[cfg(test)]
mod tests;

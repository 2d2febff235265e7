//! A server with a socket of its own, as the game holds it.

use super::admission::Admission;
use super::driver::EndpointDriver;
use super::endpoint::{Command, Endpoint, PeerShared};
use super::{Associations, Limits, Peer, ServerSetup};
use crate::reactor::{self, DriverHandle, lock};
use crate::stats::Stats;
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// A server that listens on a port. Dropping it ends its connections, and frees the port.
#[derive(Debug)]
pub struct Server {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    local: SocketAddr,
    limits: Limits,
    admission: Admission,
    /// The client of which the game has heard that it is there: it is not taken back when it ends meanwhile.
    announced: RefCell<Option<Arc<PeerShared>>>,
    /// Those that the game has taken.
    taken: RefCell<Vec<Weak<PeerShared>>>,
}

impl Server {
    /// Listens on `port`; 0 takes one that is free.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn listen(
        bind: Bind,
        port: u16,
        setup: &ServerSetup,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let socket = Socket::bind(bind, port)?;
        let local = socket.local();
        let associations = Associations::serve(setup, limits)
            .ok_or_else(|| BindError::System(io::Error::other("the system has no randomness")))?;
        let endpoint = Arc::new(Endpoint::default());
        let admission = associations.admission().unwrap_or_default();
        let driver = EndpointDriver::new(Arc::clone(&endpoint), socket, associations, limits);
        let add = |waker| {
            // Set once, before the driver is called.
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

    /// The address and port that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        canonical(self.local)
    }

    /// Why it serves no longer, if it failed by a fault of its own.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// Returns whether a client waits to be taken: if so, the next [`take`](Self::take) returns one, though it may have ended.
    pub fn is_connection_available(&self) -> bool {
        let mut announced = self.announced.borrow_mut();
        if announced.is_none() {
            *announced = lock(&self.endpoint.accepted).pop_front();
        }
        announced.is_some()
    }

    /// The next client that has connected.
    pub fn take(&self) -> Option<Peer> {
        let announced = self.announced.take();
        let shared = announced.or_else(|| lock(&self.endpoint.accepted).pop_front())?;
        let mut taken = self.taken.borrow_mut();
        // Those that are gone make room, at a cost per peer that does not grow with their number.
        if taken.len() == taken.capacity() {
            taken.retain(|peer| peer.strong_count() > 0);
            let len = taken.len();
            taken.reserve(len + 16);
        }
        taken.push(Arc::downgrade(&shared));
        Some(Peer::new(shared, &self.limits))
    }

    /// What it is doing.
    pub fn stats(&self) -> Stats {
        let mut stats = self.endpoint.counters.stats();
        stats.handshakes = self.admission.count();
        let mut waiting: Vec<_> = lock(&self.endpoint.accepted).iter().cloned().collect();
        waiting.extend(self.announced.borrow().clone());
        let taken = self.taken.borrow();
        for peer in taken.iter().filter_map(Weak::upgrade).chain(waiting) {
            let inbox = &lock(&peer.mailbox).inbox;
            stats.buffered_in += (inbox.waiting() + inbox.elsewhere) as u64;
            stats.buffered_out += peer.outgoing.load(Ordering::Relaxed) as u64;
        }
        stats
    }

    /// Whether new clients are turned away.
    pub fn set_refusing(&self, refusing: bool) {
        self.endpoint.command(Command::SetRefusing(refusing));
    }
}

#[cfg(test)]
mod tests;

//! A server with a socket of its own, as the game holds it.

use super::driver::EndpointDriver;
use super::endpoint::{Command, Endpoint};
use super::{Associations, Limits, Peer, ServerSetup};
use crate::reactor::{self, DriverHandle, lock};
use crate::tcp::{Bind, BindError, canonical};
use crate::udp::Socket;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// A server that listens on a port. Dropping it ends its connections, and frees the port.
#[derive(Debug)]
pub struct Server {
    handle: DriverHandle,
    endpoint: Arc<Endpoint>,
    local: SocketAddr,
    limits: Limits,
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
        let driver = EndpointDriver::new(Arc::clone(&endpoint), socket, associations, limits);
        let handle = reactor::add(Box::new(driver)).map_err(BindError::System)?;
        // Set once, before anything can be commanded.
        let _ = endpoint.waker.set(handle.waker());
        handle.wake();
        Ok(Self { handle, endpoint, local, limits })
    }

    /// The address and port that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        canonical(self.local)
    }

    /// Why it serves no longer, if it failed by a fault of its own.
    pub fn failure(&self) -> Option<&str> {
        self.handle.failure()
    }

    /// Whether a client waits to be taken.
    pub fn is_connection_available(&self) -> bool {
        !lock(&self.endpoint.accepted).is_empty()
    }

    /// The next client that has connected.
    pub fn take(&self) -> Option<Peer> {
        let shared = lock(&self.endpoint.accepted).pop_front()?;
        Some(Peer::new(shared, &self.limits))
    }

    /// Whether new clients are turned away.
    pub fn set_refusing(&self, refusing: bool) {
        self.endpoint.command(Command::SetRefusing(refusing));
    }
}

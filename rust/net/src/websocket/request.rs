//! Opening requests that are held for the game's decision.

use super::endpoint::{Command, EndpointShared, Key};
use lodewire_websocket::{HandshakeRejection, Request};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A held request, shared by both threads.
#[derive(Debug)]
pub(super) struct RequestShared {
    pub(super) key: Key,
    pub(super) request: Request,
    pub(super) remote: SocketAddr,
    endpoint: Arc<EndpointShared>,
    /// The request is answered, or the client has disconnected.
    pub(super) is_closed: AtomicBool,
}

impl RequestShared {
    pub(super) fn new(
        key: Key,
        request: Request,
        remote: SocketAddr,
        endpoint: Arc<EndpointShared>,
    ) -> Self {
        Self { key, request, remote, endpoint, is_closed: AtomicBool::new(false) }
    }
}

/// A client that requests to connect. Dropping it without an answer rejects the request with 403.
#[derive(Debug)]
pub struct PendingRequest {
    shared: Arc<RequestShared>,
    answered: Cell<bool>,
}

impl PendingRequest {
    pub(super) fn new(shared: Arc<RequestShared>) -> Self {
        Self { shared, answered: Cell::new(false) }
    }

    /// Returns the request.
    pub fn request(&self) -> &Request {
        &self.shared.request
    }

    /// Returns the address of the client.
    pub fn remote(&self) -> SocketAddr {
        self.shared.remote
    }

    /// Returns true if the request is still pending.
    pub fn is_pending(&self) -> bool {
        !self.answered.get() && !self.shared.is_closed.load(Ordering::Relaxed)
    }

    /// Accepts the request, with additional `headers` in the response. Returns true if it was still pending.
    pub fn accept(&self, headers: Vec<(String, String)>) -> bool {
        self.answer(|key| Command::Accept { key, headers })
    }

    /// Rejects the request. Returns true if it was still pending.
    pub fn reject(&self, rejection: HandshakeRejection) -> bool {
        self.answer(|key| Command::Reject { key, rejection })
    }

    fn answer(&self, command: impl FnOnce(Key) -> Command) -> bool {
        let is_pending = self.is_pending();
        if is_pending {
            self.answered.set(true);
            self.shared.endpoint.command(command(self.shared.key));
        }
        is_pending
    }
}

impl PartialEq for PendingRequest {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for PendingRequest {}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.reject(HandshakeRejection::new(
            lodewire_websocket::StatusCode::Forbidden,
            "rejected by the application",
        ));
    }
}

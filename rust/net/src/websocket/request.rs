//! A client's opening request that waits for the game's word.

use super::endpoint::{Command, Endpoint, Key};
use lodewire_websocket::{HandshakeRejection, Request};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request that waits, as both threads know it.
#[derive(Debug)]
pub(super) struct RequestShared {
    pub(super) key: Key,
    pub(super) request: Request,
    pub(super) remote: SocketAddr,
    endpoint: Arc<Endpoint>,
    /// It is answered, or its client has gone.
    pub(super) gone: AtomicBool,
}

impl RequestShared {
    pub(super) fn new(
        key: Key,
        request: Request,
        remote: SocketAddr,
        endpoint: Arc<Endpoint>,
    ) -> Self {
        Self { key, request, remote, endpoint, gone: AtomicBool::new(false) }
    }
}

/// A client that asks to connect. Dropping it without an answer refuses it with 403.
#[derive(Debug)]
pub struct PendingRequest {
    shared: Arc<RequestShared>,
    answered: Cell<bool>,
}

impl PendingRequest {
    pub(super) fn new(shared: Arc<RequestShared>) -> Self {
        Self { shared, answered: Cell::new(false) }
    }

    /// What the client asks.
    pub fn request(&self) -> &Request {
        &self.shared.request
    }

    /// Where it asks from.
    pub fn remote(&self) -> SocketAddr {
        self.shared.remote
    }

    /// Whether it still waits for an answer.
    pub fn is_waiting(&self) -> bool {
        !self.answered.get() && !self.shared.gone.load(Ordering::Relaxed)
    }

    /// Accepts it; `headers` are sent along with the answer. Says whether it was still waiting.
    pub fn accept(&self, headers: Vec<(String, String)>) -> bool {
        self.answer(|key| Command::Accept { key, headers })
    }

    /// Refuses it. Says whether it was still waiting.
    pub fn refuse(&self, refusal: HandshakeRejection) -> bool {
        self.answer(|key| Command::Refuse { key, refusal })
    }

    fn answer(&self, command: impl FnOnce(Key) -> Command) -> bool {
        let waiting = self.is_waiting();
        if waiting {
            self.answered.set(true);
            self.shared.endpoint.command(command(self.shared.key));
        }
        waiting
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
        self.refuse(HandshakeRejection::new(
            lodewire_websocket::StatusCode::Forbidden,
            "the server says no",
        ));
    }
}

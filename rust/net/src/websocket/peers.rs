//! Who is a peer of a server: what becomes of the requests that follow the rules.

use super::shared::{Key, PeerShared, ServerShared};
use crate::reactor::lock;
use lodewire_websocket::{Refusal, Request, Status};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The peers of a server.
pub(super) struct Peers {
    shared: Arc<ServerShared>,
    ids: HashSet<i32>,
    /// The connection that is being served.
    pub(super) key: Key,
}

impl Peers {
    pub(super) fn new(shared: Arc<ServerShared>) -> Self {
        Self { shared, ids: HashSet::new(), key: Key { slot: 0, serial: 0 } }
    }

    /// Decides on a request: the peer it becomes, and the answer in `out`, or a refusal.
    pub(super) fn accept(
        &mut self,
        request: &Request,
        remote: SocketAddr,
        out: &mut Vec<u8>,
    ) -> Result<Arc<PeerShared>, Refusal> {
        if self.shared.refusing.load(Ordering::Relaxed) {
            let why = "the server takes no new connections";
            return Err(Refusal::new(Status::ServiceUnavailable, why));
        }
        let protocol = request.negotiate(&self.shared.protocols)?.map(str::to_owned);
        let id = self.unused_id()?;
        request.accept(protocol.as_deref(), out);
        let shared = Arc::clone(&self.shared);
        let peer = Arc::new(PeerShared::new(id, self.key, remote, protocol, shared));
        self.ids.insert(id);
        lock(&self.shared.news).connected.push(Arc::clone(&peer));
        Ok(peer)
    }

    /// The connection has ended: its id may be given again.
    pub(super) fn leave(&mut self, peer: &PeerShared) {
        self.ids.remove(&peer.id);
    }

    /// A random id as the engine's multiplayer has them: 31 bits, neither 0 (everybody) nor 1 (the server).
    fn unused_id(&self) -> Result<i32, Refusal> {
        loop {
            let random = getrandom::u32().map_err(|_| {
                Refusal::new(Status::ServiceUnavailable, "the system has no randomness")
            })?;
            let id = (random >> 1).cast_signed();
            if id > 1 && !self.ids.contains(&id) {
                return Ok(id);
            }
        }
    }
}

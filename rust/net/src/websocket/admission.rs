//! Admission control: decides which clients become peers of a server.

use super::connection::Opened;
use super::endpoint::{EndpointShared, Key};
use super::peer_shared::PeerShared;
use super::request::RequestShared;
use super::server::Config;
use crate::reactor::lock;
use lodewire_websocket::{HandshakeRejection, Request, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The policy of a server, shared by both threads.
#[derive(Debug)]
pub(super) struct ServerPolicy {
    pub(super) config: Config,
    /// In microseconds.
    handshake_timeout: AtomicU64,
    pub(super) refusing: AtomicBool,
    /// The server is about to shut down: health checks fail, and clients are still accepted.
    pub(super) draining: AtomicBool,
    started: Instant,
    /// The time of the game's last poll, in milliseconds after `started`.
    polled: AtomicU64,
}

impl ServerPolicy {
    pub(super) fn new(config: Config) -> Self {
        let policy = Self {
            handshake_timeout: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            started: Instant::now(),
            polled: AtomicU64::new(0),
            config,
        };
        policy.set_handshake_timeout(policy.config.handshake_timeout);
        policy
    }

    /// Notes a poll of the game.
    pub(super) fn note_poll(&self) {
        if self.config.health_path.is_some() {
            let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.polled.store(now, Ordering::Relaxed);
        }
    }

    /// Returns true if the game has polled within the health timeout, if one is set.
    fn is_polled(&self, now: Instant) -> bool {
        let polled = self.started + Duration::from_millis(self.polled.load(Ordering::Relaxed));
        let timeout = self.config.health_timeout;
        timeout.is_none_or(|timeout| now.saturating_duration_since(polled) <= timeout)
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        Duration::from_micros(self.handshake_timeout.load(Ordering::Relaxed))
    }

    pub(super) fn set_handshake_timeout(&self, timeout: Duration) {
        let micros = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        self.handshake_timeout.store(micros, Ordering::Relaxed);
    }
}

/// The decision on a request.
pub(super) enum Decision {
    /// The connection is open; the response is encoded.
    Accept(Opened),
    /// The game must decide.
    Hold(Arc<RequestShared>),
}

/// Decides on requests, and assigns ids to peers.
pub(super) struct Admission {
    policy: Arc<ServerPolicy>,
    endpoint: Arc<EndpointShared>,
    pending: usize,
}

impl Admission {
    pub(super) fn new(policy: Arc<ServerPolicy>, endpoint: Arc<EndpointShared>) -> Self {
        Self { policy, endpoint, pending: 0 }
    }

    /// Decides on a new request. The response that opens the connection is appended to `out`.
    pub(super) fn evaluate(
        &mut self,
        key: Key,
        request: Request,
        remote: SocketAddr,
        out: &mut Vec<u8>,
    ) -> Result<Decision, HandshakeRejection> {
        let config = &self.policy.config;
        let remote = config.proxies.client_of(&request, remote)?;
        config.origins.check(request.origin())?;
        self.check_capacity()?;
        // Checked first, so that the game is not asked about a request without a common sub-protocol.
        request.negotiate_protocol(&config.protocols)?;
        if config.hold_requests {
            if self.pending >= config.max_pending_requests {
                let reason = "too many pending requests";
                return Err(HandshakeRejection::new(StatusCode::ServiceUnavailable, reason));
            }
            self.pending += 1;
            let endpoint = Arc::clone(&self.endpoint);
            let held = Arc::new(RequestShared::new(key, request, remote, endpoint));
            lock(&self.endpoint.poll_batch).requests.push(Arc::clone(&held));
            return Ok(Decision::Hold(held));
        }
        self.admit(key, request, remote, &[], out).map(Decision::Accept)
    }

    /// Returns the result of a health check: whether the server accepts more clients.
    pub(super) fn is_healthy(&self, now: Instant) -> bool {
        !self.policy.draining.load(Ordering::Relaxed)
            && self.policy.is_polled(now)
            && self.check_capacity().is_ok()
    }

    fn check_capacity(&self) -> Result<(), HandshakeRejection> {
        if self.policy.refusing.load(Ordering::Relaxed) {
            let reason = "the server takes no new connections";
            return Err(HandshakeRejection::new(StatusCode::ServiceUnavailable, reason));
        }
        if self.endpoint.is_at_capacity(self.policy.config.max_clients) {
            return Err(HandshakeRejection::new(
                StatusCode::ServiceUnavailable,
                "the server is full",
            ));
        }
        Ok(())
    }

    /// Admits a held request that the game has accepted.
    pub(super) fn accept(
        &self,
        held: &RequestShared,
        headers: &[(String, String)],
        out: &mut Vec<u8>,
    ) -> Result<Opened, HandshakeRejection> {
        self.check_capacity()?;
        self.admit(held.key, held.request.clone(), held.remote, headers, out)
    }

    /// Ends the wait of a held request. If it has not been reported to the game yet, it never is.
    pub(super) fn resolved(&mut self, held: &Arc<RequestShared>) {
        self.pending -= 1;
        held.is_closed.store(true, Ordering::Relaxed);
        lock(&self.endpoint.poll_batch).requests.retain(|other| !Arc::ptr_eq(other, held));
    }

    fn admit(
        &self,
        key: Key,
        request: Request,
        remote: SocketAddr,
        headers: &[(String, String)],
        out: &mut Vec<u8>,
    ) -> Result<Opened, HandshakeRejection> {
        let config = &self.policy.config;
        let protocol = request.negotiate_protocol(&config.protocols)?.map(Box::from);
        let id = unused_id(&self.endpoint)?;
        let mut all = config.headers.clone();
        all.extend_from_slice(headers);
        let options = self.endpoint.settings.deflate.as_ref();
        let deflate = options.and_then(|options| request.negotiate_deflate(options));
        request.accept(protocol.as_deref(), deflate.as_ref(), &all, out);
        let endpoint = Arc::clone(&self.endpoint);
        let peer = Arc::new(PeerShared::new(id, key, remote, protocol, Some(request), endpoint));
        lock(&self.endpoint.poll_batch).connected.push(Arc::clone(&peer));
        Ok(Opened { peer, deflate })
    }
}

/// Returns a random id as in the engine's multiplayer: 31 bits, neither 0 (all peers) nor 1 (the server).
fn unused_id(endpoint: &EndpointShared) -> Result<i32, HandshakeRejection> {
    loop {
        let random = getrandom::u32().map_err(|_| {
            HandshakeRejection::new(StatusCode::ServiceUnavailable, "failed to obtain random bytes")
        })?;
        let id = (random >> 1).cast_signed();
        if id > 1 && !endpoint.has_id(id) {
            return Ok(id);
        }
    }
}

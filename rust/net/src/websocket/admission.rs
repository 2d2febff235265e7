//! Which clients become peers of a server.

use super::connection::Opened;
use super::endpoint::{Endpoint, Key};
use super::peer_shared::PeerShared;
use super::request::RequestShared;
use super::server::Config;
use crate::reactor::lock;
use lodewire_websocket::{HandshakeRejection, Request, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a server asks of its clients, as both threads know it.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) config: Config,
    /// In microseconds.
    handshake_timeout: AtomicU64,
    pub(super) refusing: AtomicBool,
    /// The server is about to end: it tells load balancers so, and takes clients as before.
    pub(super) draining: AtomicBool,
    began: Instant,
    /// When the game has polled last, in milliseconds after `began`.
    polled: AtomicU64,
}

impl Rules {
    pub(super) fn new(config: Config) -> Self {
        let rules = Self {
            handshake_timeout: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            began: Instant::now(),
            polled: AtomicU64::new(0),
            config,
        };
        rules.set_handshake_timeout(rules.config.handshake_timeout);
        rules
    }

    /// The game has polled.
    pub(super) fn note_poll(&self) {
        if self.config.health_path.is_some() {
            let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.polled.store(now, Ordering::Relaxed);
        }
    }

    /// Whether the game has polled lately, as far as that is asked for.
    fn is_polled(&self, now: Instant) -> bool {
        let polled = self.began + Duration::from_millis(self.polled.load(Ordering::Relaxed));
        let patience = self.config.health_timeout;
        patience.is_none_or(|patience| now.saturating_duration_since(polled) <= patience)
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        Duration::from_micros(self.handshake_timeout.load(Ordering::Relaxed))
    }

    pub(super) fn set_handshake_timeout(&self, timeout: Duration) {
        let micros = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        self.handshake_timeout.store(micros, Ordering::Relaxed);
    }
}

/// What becomes of a request.
pub(super) enum Verdict {
    /// The connection is open; the answer is encoded.
    Open(Opened),
    /// The game has to say.
    Wait(Arc<RequestShared>),
}

/// Decides on requests, and gives peers their ids.
pub(super) struct Admission {
    rules: Arc<Rules>,
    endpoint: Arc<Endpoint>,
    waiting: usize,
}

impl Admission {
    pub(super) fn new(rules: Arc<Rules>, endpoint: Arc<Endpoint>) -> Self {
        Self { rules, endpoint, waiting: 0 }
    }

    /// Decides on a request as it comes. An answer that opens the connection goes to `out`.
    pub(super) fn judge(
        &mut self,
        key: Key,
        request: Request,
        remote: SocketAddr,
        out: &mut Vec<u8>,
    ) -> Result<Verdict, HandshakeRejection> {
        let config = &self.rules.config;
        let remote = config.proxies.client_of(&request, remote)?;
        config.origins.check(request.origin())?;
        self.check_room()?;
        // Before the game is asked: what cannot be spoken about is not its concern.
        request.negotiate_protocol(&config.protocols)?;
        if config.ask {
            if self.waiting >= config.max_waiting {
                let why = "too many clients wait for an answer";
                return Err(HandshakeRejection::new(StatusCode::ServiceUnavailable, why));
            }
            self.waiting += 1;
            let endpoint = Arc::clone(&self.endpoint);
            let waiting = Arc::new(RequestShared::new(key, request, remote, endpoint));
            lock(&self.endpoint.news).requests.push(Arc::clone(&waiting));
            return Ok(Verdict::Wait(waiting));
        }
        self.admit(key, request, remote, &[], out).map(Verdict::Open)
    }

    /// What a load balancer is told: whether more clients may be sent here.
    pub(super) fn is_well(&self, now: Instant) -> bool {
        !self.rules.draining.load(Ordering::Relaxed)
            && self.rules.is_polled(now)
            && self.check_room().is_ok()
    }

    fn check_room(&self) -> Result<(), HandshakeRejection> {
        if self.rules.refusing.load(Ordering::Relaxed) {
            let why = "the server takes no new connections";
            return Err(HandshakeRejection::new(StatusCode::ServiceUnavailable, why));
        }
        if self.endpoint.has_no_place(self.rules.config.max_clients) {
            return Err(HandshakeRejection::new(
                StatusCode::ServiceUnavailable,
                "the server is full",
            ));
        }
        Ok(())
    }

    /// The game has accepted a request that waited.
    pub(super) fn accept(
        &self,
        waiting: &RequestShared,
        headers: &[(String, String)],
        out: &mut Vec<u8>,
    ) -> Result<Opened, HandshakeRejection> {
        self.check_room()?;
        self.admit(waiting.key, waiting.request.clone(), waiting.remote, headers, out)
    }

    /// A request does not wait any more. If the game was not told of it, it never will be.
    pub(super) fn answered(&mut self, waiting: &Arc<RequestShared>) {
        self.waiting -= 1;
        waiting.gone.store(true, Ordering::Relaxed);
        lock(&self.endpoint.news).requests.retain(|other| !Arc::ptr_eq(other, waiting));
    }

    fn admit(
        &self,
        key: Key,
        request: Request,
        remote: SocketAddr,
        headers: &[(String, String)],
        out: &mut Vec<u8>,
    ) -> Result<Opened, HandshakeRejection> {
        let config = &self.rules.config;
        let protocol = request.negotiate_protocol(&config.protocols)?.map(Box::from);
        let id = unused_id(&self.endpoint)?;
        let mut all = config.headers.clone();
        all.extend_from_slice(headers);
        let options = self.endpoint.settings.deflate.as_ref();
        let deflate = options.and_then(|options| request.negotiate_deflate(options));
        request.accept(protocol.as_deref(), deflate.as_ref(), &all, out);
        let endpoint = Arc::clone(&self.endpoint);
        let peer = Arc::new(PeerShared::new(id, key, remote, protocol, Some(request), endpoint));
        lock(&self.endpoint.news).connected.push(Arc::clone(&peer));
        Ok(Opened { peer, deflate })
    }
}

/// A random id as the engine's multiplayer has them: 31 bits, neither 0 (everybody) nor 1 (the server).
fn unused_id(endpoint: &Endpoint) -> Result<i32, HandshakeRejection> {
    loop {
        let random = getrandom::u32().map_err(|_| {
            HandshakeRejection::new(StatusCode::ServiceUnavailable, "the system has no randomness")
        })?;
        let id = (random >> 1).cast_signed();
        if id > 1 && !endpoint.has_id(id) {
            return Ok(id);
        }
    }
}

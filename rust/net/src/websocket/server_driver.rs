//! The driver of a server on the I/O thread: accepts and serves connections.

mod commands;
mod shutdown;
mod tls_handshake_limit;

use super::admission::{Admission, Decision, ServerPolicy};
use super::connection::{Connection, PeerHandshake, Progress, Turn};
use super::endpoint::{EndpointShared, Key};
use super::proxies::ExpectedPreamble;
use super::request::RequestShared;
use crate::deadlines::Deadlines;
use crate::jobs::{self, Finished, Jobs};
use crate::reactor::{Context, Driver, Readiness};
use crate::tcp::canonical;
use crate::tls::{Processed, process_packets};
use crate::transport::Transport;
use commands::Commands;
use lodewire_websocket::{IncomingRequest, Role, ServerHandshake};
use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use shutdown::Shutdown;
use slab::Slab;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tls_handshake_limit::TlsHandshakeLimit;

/// The key of the listener; that of a connection is its slot plus one.
const LISTENER: usize = 0;

/// Maximum number of connections in their opening handshake. Beyond it the oldest is dropped, so that a flood of silent
/// connections does not keep clients out.
const MAX_PENDING: usize = 4096;

/// Maximum number of connections accepted per turn, unless the time slice ends earlier.
const ACCEPTS_PER_TURN: usize = 256;

/// Pause in accepting when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of compressors kept for connections with context takeover, at about 270 KiB each. Beyond it the
/// oldest is freed.
const MAX_COMPRESSORS: usize = 64;

/// Time for which throttled connections are not read.
const THROTTLE_PAUSE: Duration = Duration::from_millis(50);

/// Growth of the receive buffer, in bytes, after which the longest incomplete message is searched again.
const INCOMPLETE_SEARCH_STEP: usize = 64 << 10;

/// Maximum capacity of the output buffer that is kept for the next connection.
const MAX_SPARE_CAPACITY: usize = 256 * 1024;

pub(super) struct ServerDriver {
    listener: TcpListener,
    listening: bool,
    accept_at: Option<Instant>,
    endpoint: Arc<EndpointShared>,
    policy: Arc<ServerPolicy>,
    connections: Slab<Entry>,
    /// Connections in the order in which they were accepted, including some that are past their handshake.
    pending: VecDeque<Key>,
    pending_count: usize,
    deadlines: Deadlines<usize>,
    /// An output buffer that is passed from connection to connection.
    spare_buffer: Vec<u8>,
    admission: Admission,
    handshakes: Jobs<Key, Processed>,
    tls_handshakes: TlsHandshakeLimit,
    /// Finished jobs that have not been handled yet.
    finished: VecDeque<Finished<Key, Processed>>,
    commands: Commands,
    shutdown: Option<Shutdown>,
    /// Connections that have, or had, a compressor.
    compressing: VecDeque<Key>,
    last_generation: u64,
    /// Connections that are throttled because the receive buffer is half full, and until when.
    throttled: Vec<Key>,
    throttled_until: Option<Instant>,
    /// The size of the receive buffer at the last search for the longest incomplete message.
    searched_at: usize,
}

struct Entry {
    generation: u64,
    connection: Connection,
    alive: jobs::Alive,
    /// Its request is held for the game's decision.
    held_request: Option<Arc<RequestShared>>,
    /// The deadline that is in the timer queue.
    scheduled: Option<Instant>,
    /// The connection is in the queue of those with output.
    is_dirty: bool,
    /// The address for which its TLS handshake counts as unfinished.
    tls_counted_for: Option<IpAddr>,
}

impl ServerDriver {
    pub(super) fn new(
        listener: TcpListener,
        endpoint: Arc<EndpointShared>,
        policy: Arc<ServerPolicy>,
    ) -> Self {
        Self {
            listener,
            listening: false,
            accept_at: None,
            connections: Slab::new(),
            pending: VecDeque::new(),
            pending_count: 0,
            deadlines: Deadlines::new(),
            spare_buffer: Vec::new(),
            admission: Admission::new(Arc::clone(&policy), Arc::clone(&endpoint)),
            handshakes: Jobs::new(),
            tls_handshakes: TlsHandshakeLimit::default(),
            finished: VecDeque::new(),
            commands: Commands::default(),
            shutdown: None,
            compressing: VecDeque::new(),
            endpoint,
            policy,
            last_generation: 0,
            throttled: Vec::new(),
            throttled_until: None,
            searched_at: 0,
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>) {
        for _ in 0..ACCEPTS_PER_TURN {
            if cx.is_spent() {
                break;
            }
            match self.listener.accept() {
                Ok((stream, remote)) => self.on_accept(cx, stream, canonical(remote)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The client has disconnected already, which Windows reports as a reset.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted
                            | ErrorKind::ConnectionAborted
                            | ErrorKind::ConnectionReset
                    ) => {}
                // Out of descriptors or memory: pending connections stay in the backlog.
                Err(_) => {
                    self.accept_at = Some(cx.now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        cx.reschedule(LISTENER);
    }

    fn on_accept(&mut self, cx: &mut Context<'_>, mut stream: TcpStream, remote: SocketAddr) {
        let policy = Arc::clone(&self.policy);
        let config = &policy.config;
        let expects_proxy_header = match config.proxies.expected_preamble(remote.ip()) {
            ExpectedPreamble::None => false,
            ExpectedPreamble::ProxyProtocol => true,
            ExpectedPreamble::Refused => return,
        };
        if config.tls.is_some() && !expects_proxy_header && !self.may_begin_tls(cx.now, remote.ip())
        {
            return;
        }
        let session = match &config.tls {
            None => None,
            Some(tls) => match tls.session() {
                Ok(session) => Some(session),
                Err(_) => return,
            },
        };
        if self.pending_count >= MAX_PENDING {
            self.drop_oldest_pending();
        }
        let slot = self.connections.vacant_key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if cx.register(&mut stream, slot + 1, interest).is_err() {
            return;
        }
        self.last_generation += 1;
        let key = Key { slot, generation: self.last_generation };
        let deadline = cx.now + policy.handshake_timeout();
        let handshake = ServerHandshake::with_health_path(config.health_path.clone());
        let transport = Transport::new(stream, session);
        let connection =
            Connection::accepted(transport, handshake, remote, expects_proxy_header, deadline);
        let generation = key.generation;
        let alive = jobs::Alive::default();
        self.connections.insert(Entry {
            generation,
            connection,
            alive,
            held_request: None,
            scheduled: None,
            is_dirty: false,
            tls_counted_for: None,
        });
        let connections = &self.connections;
        while self.pending.front().is_some_and(|key| !is_pending(connections, *key)) {
            self.pending.pop_front();
        }
        self.pending.push_back(key);
        self.pending_count += 1;
        if self.pending.len() > 2 * MAX_PENDING {
            let connections = &self.connections;
            self.pending.retain(|key| is_pending(connections, *key));
        }
        // The request has often arrived already.
        let readiness = Readiness { readable: true, read_closed: false, writable: true };
        self.serve(cx, slot, |connection, turn| connection.on_ready(readiness, turn));
    }

    fn drop_oldest_pending(&mut self) {
        while let Some(key) = self.pending.pop_front() {
            if is_pending(&self.connections, key) {
                self.connections.remove(key.slot);
                self.pending_count -= 1;
                return;
            }
        }
    }

    /// Lets a connection work, and acts on its progress.
    fn serve(
        &mut self,
        cx: &mut Context<'_>,
        slot: usize,
        work: impl FnOnce(&mut Connection, &mut Turn<'_>) -> Progress,
    ) {
        let Some(entry) = self.connections.get_mut(slot) else {
            return;
        };
        let key = Key { slot, generation: entry.generation };
        let connection = &mut entry.connection;
        let was_pending = connection.is_pending();
        connection.take_buffer(&mut self.spare_buffer);
        let mut turn = Turn::new(cx);
        let progress = match work(connection, &mut turn) {
            Progress::Handshake(PeerHandshake::Request(IncomingRequest::HealthCheck(check), _)) => {
                connection.respond_health(check, self.admission.is_healthy(cx.now), cx.now)
            }
            Progress::Handshake(PeerHandshake::Request(
                IncomingRequest::Upgrade(request),
                remote,
            )) => {
                let mut response = Vec::new();
                match self.admission.evaluate(key, request, remote, &mut response) {
                    Ok(Decision::Accept(opened)) => {
                        connection.open(Role::Server, opened, &response, &mut turn)
                    }
                    Ok(Decision::Hold(held)) => {
                        entry.held_request = Some(held);
                        connection.wait_for_game()
                    }
                    Err(rejection) => connection.reject(&rejection, cx.now),
                }
            }
            progress => progress,
        };
        connection.return_buffer(&mut self.spare_buffer);
        if self.spare_buffer.capacity() > MAX_SPARE_CAPACITY {
            self.spare_buffer = Vec::new();
        }
        if was_pending && !connection.is_pending() {
            self.pending_count -= 1;
        }
        self.endpoint.counters.set_handshakes(self.pending_count);
        match progress {
            Progress::Waiting | Progress::Handshake(_) => {}
            Progress::MoreToRead => cx.reschedule(slot + 1),
            Progress::Throttled => {
                self.throttled.push(key);
                self.throttled_until.get_or_insert(cx.now + THROTTLE_PAUSE);
            }
            Progress::NeedsWorker(session) => {
                if entry.tls_counted_for.is_none()
                    && let Some(remote) = entry.connection.remote()
                {
                    if !self.tls_handshakes.begin(cx.now, remote.ip(), &self.policy.config.proxies)
                    {
                        return self.remove(slot);
                    }
                    entry.tls_counted_for = Some(remote.ip());
                }
                let work = move || process_packets(session);
                self.handshakes.start(key, &entry.alive, work, self.endpoint.waker.get());
            }
            Progress::Closed => return self.remove(slot),
        }
        let Some(entry) = self.connections.get_mut(slot) else {
            return;
        };
        let deadline = entry.connection.deadline;
        if entry.scheduled != deadline {
            entry.scheduled = deadline;
            if let Some(at) = deadline {
                self.deadlines.set(at, slot);
            }
        }
    }

    fn remove(&mut self, slot: usize) {
        let Some(entry) = self.connections.try_remove(slot) else {
            return;
        };
        if entry.connection.is_pending() {
            self.pending_count -= 1;
            self.endpoint.counters.set_handshakes(self.pending_count);
        }
        if let Some(held) = entry.held_request {
            self.admission.resolved(&held);
        }
    }

    /// Drops the longest incomplete message when the receive buffer is half full, if it holds more than a peer's share:
    /// complete messages only wait for the game, but a peer can leave a message incomplete for any time.
    fn relieve_memory_pressure(&mut self, cx: &mut Context<'_>) {
        if !self.endpoint.is_half_full() {
            self.searched_at = 0;
            return;
        }
        if self.endpoint.buffered_in() < self.searched_at.saturating_add(INCOMPLETE_SEARCH_STEP) {
            return;
        }
        let share = self.endpoint.share();
        let longest =
            self.connections.iter().max_by_key(|(_, entry)| entry.connection.incomplete());
        if let Some((slot, entry)) = longest
            && entry.connection.incomplete() > share
        {
            self.serve(cx, slot, |connection, turn| connection.drop_incomplete(turn.now));
        }
        self.searched_at = self.endpoint.buffered_in();
    }

    /// Frees the oldest compressors beyond the maximum.
    fn limit_compressors(&mut self) {
        while self.compressing.len() > MAX_COMPRESSORS
            && let Some(key) = self.compressing.pop_front()
        {
            if let Some(entry) = self.entry(key) {
                entry.connection.release_compressor();
            }
        }
    }

    fn entry(&mut self, key: Key) -> Option<&mut Entry> {
        self.connections.get_mut(key.slot).filter(|entry| entry.generation == key.generation)
    }
}

fn is_pending(connections: &Slab<Entry>, key: Key) -> bool {
    connections
        .get(key.slot)
        .is_some_and(|entry| entry.generation == key.generation && entry.connection.is_pending())
}

impl Driver for ServerDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
        if key == LISTENER {
            self.accept(cx);
        } else {
            self.serve(cx, key - 1, |connection, turn| connection.on_ready(readiness, turn));
            self.relieve_memory_pressure(cx);
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        if !self.listening {
            self.listening = true;
            if cx.register(&mut self.listener, LISTENER, Interest::READABLE).is_err() {
                // Retried after a pause.
                self.listening = false;
                self.accept_at = Some(cx.now + ACCEPT_PAUSE);
            }
        }
        if !self.run_commands(cx)
            && let Some(waker) = self.endpoint.waker.get()
        {
            // After the other drivers have been served.
            waker.wake();
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.throttled_until.take_if(|at| *at <= cx.now).is_some() {
            for key in std::mem::take(&mut self.throttled) {
                if self.entry(key).is_some() {
                    cx.reschedule(key.slot + 1);
                }
            }
        }
        if self.accept_at.is_some_and(|at| at <= cx.now) {
            self.accept_at = None;
            if self.listening { self.accept(cx) } else { self.on_wake(cx) }
        }
        // The rest follows in the next turn.
        while !cx.is_spent()
            && let Some((at, slot)) = self.deadlines.pop_due(cx.now)
        {
            if self.connections.get(slot).is_some_and(|entry| entry.scheduled == Some(at)) {
                self.serve(cx, slot, |connection, turn| connection.on_timeout(turn.now));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.accept_at, self.throttled_until, self.deadlines.next()].into_iter().flatten().min()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        self.shut_down(cx)
    }
}

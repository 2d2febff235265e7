//! A server on the I/O thread: it accepts, and serves its connections.

mod commands;
mod ending;
mod unfinished;

use super::admission::{Admission, Rules, Verdict};
use super::connection::{Connection, Life, Opening, Turn};
use super::endpoint::{Endpoint, Key};
use super::proxies::Greeting;
use super::request::RequestShared;
use crate::deadlines::Deadlines;
use crate::jobs::{self, Finished, Jobs};
use crate::reactor::{Context, Driver, Readiness};
use crate::tcp::canonical;
use crate::tls::{Processed, process};
use crate::transport::Transport;
use commands::Commands;
use ending::Ending;
use lodewire_websocket::{IncomingRequest, Role, ServerHandshake};
use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use slab::Slab;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use unfinished::Unfinished;

/// The listener's key; a connection's is its slot plus one.
const LISTENER: usize = 0;

/// The most clients that may be in their opening handshake at once. Beyond it the one that has taken longest is dropped:
/// a flood of silent connections keeps nobody out.
const MAX_PENDING: usize = 4096;

/// How many connections are accepted before the others have their turn, if that time is not spent earlier.
const ACCEPTS_PER_TURN: usize = 256;

/// How long accepting pauses when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The most compressors that are kept for connections whose messages refer to earlier ones, at some 270 KiB each. Beyond it
/// the one that has been kept longest is freed.
const MAX_COMPRESSORS: usize = 64;

/// How long connections are not read for which there is no room.
const CROWDED_PAUSE: Duration = Duration::from_millis(50);

/// How much more must be held until the longest incomplete message is looked for again.
const RELIEF_STEP: usize = 64 << 10;

/// The longest buffer that is kept for the next connection that writes.
const MAX_SPARE: usize = 256 * 1024;

pub(super) struct ServerDriver {
    listener: TcpListener,
    listening: bool,
    accept_at: Option<Instant>,
    endpoint: Arc<Endpoint>,
    rules: Arc<Rules>,
    connections: Slab<Entry>,
    /// Connections in the order in which they were accepted, those that are past their handshake included.
    pending: VecDeque<Key>,
    pending_count: usize,
    deadlines: Deadlines<usize>,
    /// Room to encode into, passed from connection to connection.
    spare: Vec<u8>,
    admission: Admission,
    handshakes: Jobs<Key, Processed>,
    unfinished: Unfinished,
    /// What came back from the workers and is not looked at yet.
    finished: VecDeque<Finished<Key, Processed>>,
    commands: Commands,
    ending: Option<Ending>,
    /// Connections that keep a compressor, or did.
    compressing: VecDeque<Key>,
    last_serial: u64,
    /// Connections that are not read since all peers together hold too much, and until when.
    crowded: Vec<Key>,
    crowded_until: Option<Instant>,
    /// How much was held when the longest incomplete message was looked for last.
    relieved_at: usize,
}

struct Entry {
    serial: u64,
    connection: Connection,
    alive: jobs::Alive,
    /// Its request waits for the game.
    waiting: Option<Arc<RequestShared>>,
    /// The deadline that stands in the heap for it.
    armed: Option<Instant>,
    /// It stands among those that have something to write.
    is_dirty: bool,
    /// For whom its TLS handshake counts as unfinished.
    counted: Option<IpAddr>,
}

impl ServerDriver {
    pub(super) fn new(listener: TcpListener, endpoint: Arc<Endpoint>, rules: Arc<Rules>) -> Self {
        Self {
            listener,
            listening: false,
            accept_at: None,
            connections: Slab::new(),
            pending: VecDeque::new(),
            pending_count: 0,
            deadlines: Deadlines::new(),
            spare: Vec::new(),
            admission: Admission::new(Arc::clone(&rules), Arc::clone(&endpoint)),
            handshakes: Jobs::new(),
            unfinished: Unfinished::default(),
            finished: VecDeque::new(),
            commands: Commands::default(),
            ending: None,
            compressing: VecDeque::new(),
            endpoint,
            rules,
            last_serial: 0,
            crowded: Vec::new(),
            crowded_until: None,
            relieved_at: 0,
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>) {
        for _ in 0..ACCEPTS_PER_TURN {
            if cx.is_spent() {
                break;
            }
            match self.listener.accept() {
                Ok((stream, remote)) => self.welcome(cx, stream, canonical(remote)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The client has gone already. Windows calls it a reset.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted
                            | ErrorKind::ConnectionAborted
                            | ErrorKind::ConnectionReset
                    ) => {}
                // Out of descriptors or memory: those that wait stay in the backlog.
                Err(_) => {
                    self.accept_at = Some(cx.now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        cx.reschedule(LISTENER);
    }

    fn welcome(&mut self, cx: &mut Context<'_>, mut stream: TcpStream, remote: SocketAddr) {
        let rules = Arc::clone(&self.rules);
        let config = &rules.config;
        let awaits_proxy = match config.proxies.greeting_of(remote.ip()) {
            Greeting::None => false,
            Greeting::ProxyProtocol => true,
            Greeting::Refused => return,
        };
        if config.tls.is_some() && !awaits_proxy && !self.may_begin_tls(cx.now, remote.ip()) {
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
        self.last_serial += 1;
        let key = Key { slot, serial: self.last_serial };
        let deadline = cx.now + rules.handshake_timeout();
        let handshake = ServerHandshake::with_health_path(config.health_path.clone());
        let transport = Transport::new(stream, session);
        let connection = Connection::accepted(transport, handshake, remote, awaits_proxy, deadline);
        let serial = key.serial;
        let alive = jobs::Alive::default();
        self.connections.insert(Entry {
            serial,
            connection,
            alive,
            waiting: None,
            armed: None,
            is_dirty: false,
            counted: None,
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
        // Its request is often there already.
        let readiness = Readiness { readable: true, read_closed: false, writable: true };
        self.serve(cx, slot, |connection, turn| connection.ready(readiness, turn));
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

    /// Lets a connection work, and does what its new state asks for.
    fn serve(
        &mut self,
        cx: &mut Context<'_>,
        slot: usize,
        work: impl FnOnce(&mut Connection, &mut Turn<'_>) -> Life,
    ) {
        let Some(entry) = self.connections.get_mut(slot) else {
            return;
        };
        let key = Key { slot, serial: entry.serial };
        let connection = &mut entry.connection;
        let was_pending = connection.is_pending();
        connection.lend(&mut self.spare);
        let mut turn = Turn::new(cx);
        let life = match work(connection, &mut turn) {
            Life::Opening(Opening::Request(IncomingRequest::HealthCheck(asked), _)) => {
                connection.tell_health(asked, self.admission.is_well(cx.now), cx.now)
            }
            Life::Opening(Opening::Request(IncomingRequest::Upgrade(request), remote)) => {
                let mut answer = Vec::new();
                match self.admission.judge(key, request, remote, &mut answer) {
                    Ok(Verdict::Open(opened)) => {
                        connection.open(Role::Server, opened, &answer, &mut turn)
                    }
                    Ok(Verdict::Wait(waiting)) => {
                        entry.waiting = Some(waiting);
                        connection.wait_for_game()
                    }
                    Err(refusal) => connection.refuse(&refusal, cx.now),
                }
            }
            life => life,
        };
        connection.reclaim(&mut self.spare);
        if self.spare.capacity() > MAX_SPARE {
            self.spare = Vec::new();
        }
        if was_pending && !connection.is_pending() {
            self.pending_count -= 1;
        }
        self.endpoint.counters.set_handshakes(self.pending_count);
        match life {
            Life::Waiting | Life::Opening(_) => {}
            Life::Ready => cx.reschedule(slot + 1),
            Life::Crowded => {
                self.crowded.push(key);
                self.crowded_until.get_or_insert(cx.now + CROWDED_PAUSE);
            }
            Life::Work(session) => {
                if entry.counted.is_none()
                    && let Some(remote) = entry.connection.remote()
                {
                    if !self.unfinished.begin(cx.now, remote.ip(), &self.rules.config.proxies) {
                        return self.remove(slot);
                    }
                    entry.counted = Some(remote.ip());
                }
                let work = move || process(session);
                self.handshakes.start(key, &entry.alive, work, self.endpoint.waker.get());
            }
            Life::Over => return self.remove(slot),
        }
        let Some(entry) = self.connections.get_mut(slot) else {
            return;
        };
        let deadline = entry.connection.deadline;
        if entry.armed != deadline {
            entry.armed = deadline;
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
        if let Some(waiting) = entry.waiting {
            self.admission.answered(&waiting);
        }
    }

    /// When as much waits for the game as may, the longest incomplete message makes room, if it holds more than a peer's
    /// share: what is complete waits for the game alone, but a peer can leave a message incomplete for ever.
    fn relieve(&mut self, cx: &mut Context<'_>) {
        if !self.endpoint.is_full() {
            self.relieved_at = 0;
            return;
        }
        if self.endpoint.held() < self.relieved_at.saturating_add(RELIEF_STEP) {
            return;
        }
        let share = self.endpoint.share();
        let longest =
            self.connections.iter().max_by_key(|(_, entry)| entry.connection.incomplete());
        if let Some((slot, entry)) = longest
            && entry.connection.incomplete() > share
        {
            self.serve(cx, slot, |connection, turn| connection.give_up_incomplete(turn.now));
        }
        self.relieved_at = self.endpoint.held();
    }

    /// Keeps no more compressors than may be kept.
    fn bound_compressors(&mut self) {
        while self.compressing.len() > MAX_COMPRESSORS
            && let Some(key) = self.compressing.pop_front()
        {
            if let Some(entry) = self.entry(key) {
                entry.connection.release_compressor();
            }
        }
    }

    fn entry(&mut self, key: Key) -> Option<&mut Entry> {
        self.connections.get_mut(key.slot).filter(|entry| entry.serial == key.serial)
    }
}

fn is_pending(connections: &Slab<Entry>, key: Key) -> bool {
    connections
        .get(key.slot)
        .is_some_and(|entry| entry.serial == key.serial && entry.connection.is_pending())
}

impl Driver for ServerDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
        if key == LISTENER {
            self.accept(cx);
        } else {
            self.serve(cx, key - 1, |connection, turn| connection.ready(readiness, turn));
            self.relieve(cx);
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        if !self.listening {
            self.listening = true;
            if cx.register(&mut self.listener, LISTENER, Interest::READABLE).is_err() {
                // Tried again with the next pause.
                self.listening = false;
                self.accept_at = Some(cx.now + ACCEPT_PAUSE);
            }
        }
        if !self.work(cx)
            && let Some(waker) = self.endpoint.waker.get()
        {
            // After the others had their turn.
            waker.wake();
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.crowded_until.take_if(|at| *at <= cx.now).is_some() {
            for key in std::mem::take(&mut self.crowded) {
                if self.entry(key).is_some() {
                    cx.reschedule(key.slot + 1);
                }
            }
        }
        if self.accept_at.is_some_and(|at| at <= cx.now) {
            self.accept_at = None;
            if self.listening { self.accept(cx) } else { self.on_wake(cx) }
        }
        // Those that are left come with the next turn.
        while !cx.is_spent()
            && let Some((at, slot)) = self.deadlines.pop_due(cx.now)
        {
            if self.connections.get(slot).is_some_and(|entry| entry.armed == Some(at)) {
                self.serve(cx, slot, |connection, turn| connection.expired(turn.now));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        [self.accept_at, self.crowded_until, self.deadlines.next()].into_iter().flatten().min()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        self.end(cx)
    }
}

//! A server on the I/O thread: it accepts, and serves its connections.

use super::connection::{Connection, Life, Turn};
use super::peers::Peers;
use super::shared::{Command, Key, ServerShared};
use crate::deadlines::Deadlines;
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::tcp::canonical;
use mio::Interest;
use mio::net::{TcpListener, TcpStream};
use slab::Slab;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The listener's key; a connection's is its slot plus one.
const LISTENER: usize = 0;

/// The most clients that may be in their opening handshake at once. Beyond it the one that has taken longest is dropped:
/// a flood of silent connections keeps nobody out.
const MAX_PENDING: usize = 4096;

/// How many connections are accepted before the others have their turn.
const ACCEPTS_PER_TURN: usize = 256;

/// How long accepting pauses when the system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest buffer that is kept for the next connection that writes.
const MAX_SPARE: usize = 256 * 1024;

pub(super) struct ServerDriver {
    listener: TcpListener,
    listening: bool,
    accept_at: Option<Instant>,
    shared: Arc<ServerShared>,
    connections: Slab<Entry>,
    /// Connections in the order in which they were accepted, those that are past their handshake included.
    pending: VecDeque<Key>,
    pending_count: usize,
    deadlines: Deadlines<usize>,
    /// Room to encode into, passed from connection to connection.
    spare: Vec<u8>,
    peers: Peers,
    last_serial: u64,
}

struct Entry {
    serial: u64,
    connection: Connection,
    /// The deadline that stands in the heap for it.
    armed: Option<Instant>,
}

impl ServerDriver {
    pub(super) fn new(listener: TcpListener, shared: Arc<ServerShared>) -> Self {
        Self {
            listener,
            listening: false,
            accept_at: None,
            connections: Slab::new(),
            pending: VecDeque::new(),
            pending_count: 0,
            deadlines: Deadlines::new(),
            spare: Vec::new(),
            peers: Peers::new(Arc::clone(&shared)),
            shared,
            last_serial: 0,
        }
    }

    fn accept(&mut self, cx: &mut Context<'_>) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok((stream, remote)) => self.welcome(cx, stream, canonical(remote)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The client has gone already.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                // Out of descriptors or memory: those that wait stay in the backlog.
                Err(_) => {
                    self.accept_at = Some(cx.now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
        cx.again(LISTENER);
    }

    fn welcome(&mut self, cx: &mut Context<'_>, mut stream: TcpStream, remote: SocketAddr) {
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
        let deadline = cx.now + self.shared.handshake_timeout();
        let connection = Connection::new(stream, remote, deadline);
        self.connections.insert(Entry { serial: key.serial, connection, armed: None });
        self.pending.push_back(key);
        self.pending_count += 1;
        if self.pending.len() > 2 * MAX_PENDING {
            let connections = &self.connections;
            self.pending.retain(|key| is_pending(connections, *key));
        }
        // Its request is often there already.
        let readiness = Readiness { readable: true, ended: false, writable: true };
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
        let connection = &mut entry.connection;
        self.peers.key = Key { slot, serial: entry.serial };
        let was_pending = connection.is_pending();
        let peer = connection.peer().cloned();
        connection.lend(&mut self.spare);
        let mut turn = Turn { now: cx.now, buffer: cx.buffer, peers: &mut self.peers };
        let life = work(connection, &mut turn);
        connection.reclaim(&mut self.spare);
        if self.spare.capacity() > MAX_SPARE {
            self.spare = Vec::new();
        }
        if was_pending && !connection.is_pending() {
            self.pending_count -= 1;
        }
        if let Some(peer) = peer.filter(|_| connection.peer().is_none()) {
            self.peers.leave(&peer);
        }
        match life {
            Life::Waiting => {}
            Life::Ready => cx.again(slot + 1),
            Life::Over => {
                if connection.is_pending() {
                    self.pending_count -= 1;
                }
                self.connections.remove(slot);
                return;
            }
        }
        if entry.armed != connection.deadline {
            entry.armed = connection.deadline;
            if let Some(at) = connection.deadline {
                self.deadlines.set(at, slot);
            }
        }
    }

    fn connection(&mut self, key: Key) -> Option<&mut Connection> {
        let entry = self.connections.get_mut(key.slot)?;
        (entry.serial == key.serial).then_some(&mut entry.connection)
    }

    /// Does what the game asks for, and notes which connections have something to write.
    fn obey(&mut self, cx: &mut Context<'_>, command: Command, dirty: &mut Vec<Key>) {
        match command {
            Command::Send { key, kind, payload } => {
                let mut spare = std::mem::take(&mut self.spare);
                if let Some(connection) = self.connection(key) {
                    connection.lend(&mut spare);
                    connection.send(kind, &payload);
                    if dirty.last() != Some(&key) {
                        dirty.push(key);
                    }
                }
                self.spare = spare;
            }
            Command::Close { key, code, reason } => {
                if let Some(connection) = self.connection(key) {
                    connection.close(code, &reason, cx.now);
                    dirty.push(key);
                }
            }
            Command::Drop { key } => {
                if self.connection(key).is_some() {
                    self.serve(cx, key.slot, |connection, _| connection.drop_now());
                }
            }
            Command::Resume { key } => {
                if self.connection(key).is_some() {
                    self.serve(cx, key.slot, Connection::resume);
                }
            }
            Command::SetNoDelay { key, enabled } => {
                if let Some(connection) = self.connection(key) {
                    connection.set_no_delay(enabled);
                }
            }
        }
    }
}

fn is_pending(connections: &Slab<Entry>, key: Key) -> bool {
    connections
        .get(key.slot)
        .is_some_and(|entry| entry.serial == key.serial && entry.connection.is_pending())
}

impl Driver for ServerDriver {
    fn ready(&mut self, cx: &mut Context<'_>, key: usize, readiness: Readiness) {
        if key == LISTENER {
            self.accept(cx);
        } else {
            self.serve(cx, key - 1, |connection, turn| connection.ready(readiness, turn));
        }
    }

    fn woken(&mut self, cx: &mut Context<'_>) {
        if !self.listening {
            self.listening = true;
            if cx.register(&mut self.listener, LISTENER, Interest::READABLE).is_err() {
                // Tried again with the next pause.
                self.listening = false;
                self.accept_at = Some(cx.now + ACCEPT_PAUSE);
            }
        }
        let commands = std::mem::take(&mut *lock(&self.shared.commands));
        let mut dirty = Vec::new();
        for command in commands {
            self.obey(cx, command, &mut dirty);
        }
        for key in dirty {
            if self.connection(key).is_some() {
                self.serve(cx, key.slot, |connection, turn| connection.flush(turn.now));
            }
        }
    }

    fn expired(&mut self, cx: &mut Context<'_>) {
        if self.accept_at.is_some_and(|at| at <= cx.now) {
            self.accept_at = None;
            if self.listening { self.accept(cx) } else { self.woken(cx) }
        }
        while let Some((at, slot)) = self.deadlines.pop_due(cx.now) {
            if self.connections.get(slot).is_some_and(|entry| entry.armed == Some(at)) {
                self.serve(cx, slot, |connection, turn| connection.expired(turn.now));
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match (self.accept_at, self.deadlines.next()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        self.woken(cx);
        for (_, entry) in &mut self.connections {
            entry.connection.say_goodbye(cx.buffer);
        }
    }
}

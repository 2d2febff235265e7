//! The driver of an endpoint on the I/O thread.

use super::endpoint::{Command, Endpoint, PeerShared};
use super::packet_queue::PACKET_OVERHEAD;
use super::{CloseReason, ConnectionTable, Event, Key, Limits, Status};
use crate::enet::IdMap;
use crate::happy_eyeballs::HappyEyeballs;
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::udp::Socket;
use mio::Interest;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The token of the socket.
const SOCKET: usize = 0;
/// Maximum number of batches that are read in one turn.
const READS_PER_TURN: usize = 8;
/// Wake-ups are coalesced while fewer bytes than this are read in a turn.
const COALESCE_THRESHOLD: usize = 16 << 10;
/// Size of the outgoing datagrams from which they are sent at once.
const MAX_OUTGOING_BATCH: usize = 256 << 10;
/// Delay in which the game's packets are collected, so that those of a burst leave together.
const FLUSH_INTERVAL: Duration = Duration::from_micros(500);

/// Maximum time for which a closed endpoint goes on sending what the game has queued.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The driver of a server's or a client's socket.
pub(super) struct EndpointDriver {
    endpoint: Arc<Endpoint>,
    socket: Socket,
    connections: ConnectionTable,
    limits: Limits,
    peers: HashMap<Key, Arc<PeerShared>>,
    ids: IdMap<Key>,
    dial: Option<Dial>,
    is_started: bool,
    flush_at: Option<Instant>,
    /// Commands that were taken and not run yet.
    commands: VecDeque<Command>,
    shutdown: Option<Shutdown>,
}

/// The progress of a shutdown.
struct Shutdown {
    /// Queued packets are sent until this time.
    flush_until: Instant,
    /// The connections that must still be closed; `None` until the packets are sent.
    remaining: Option<Vec<Key>>,
}

/// A client's connection attempts.
struct Dial {
    shared: Arc<PeerShared>,
    config: lodewire_dtls::ClientConfig,
    attempts: HappyEyeballs<Key>,
    /// The failure of the last attempt.
    last_failure: Status,
}

impl EndpointDriver {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        socket: Socket,
        connections: ConnectionTable,
        limits: Limits,
    ) -> Self {
        Self {
            endpoint,
            socket,
            connections,
            limits,
            peers: HashMap::new(),
            ids: IdMap::default(),
            dial: None,
            is_started: false,
            flush_at: None,
            commands: VecDeque::new(),
            shutdown: None,
        }
    }

    /// Connects to a server, once its addresses are resolved.
    pub(super) fn dial(&mut self, shared: Arc<PeerShared>, config: lodewire_dtls::ClientConfig) {
        let last_failure = Status::Failed("the host has no address that can be reached".to_owned());
        self.dial = Some(Dial { shared, config, attempts: HappyEyeballs::new(), last_failure });
    }

    /// Starts to read from the socket.
    fn start(&mut self, cx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.is_started, true) {
            if let Some(waker) = self.endpoint.waker.get() {
                self.connections.set_waker(waker);
            }
            // Without the registration nothing is received, and connections time out.
            let _ = cx.register(&mut self.socket.io, SOCKET, Interest::READABLE);
        }
    }

    /// Reads datagrams. Returns the number of bytes.
    fn read(&mut self, cx: &mut Context<'_>) -> usize {
        let mut bytes = 0;
        self.connections.unreported_closes =
            self.endpoint.unreported_closes.load(Ordering::Relaxed);
        for _ in 0..READS_PER_TURN {
            let (connections, counters) = (&mut self.connections, &self.endpoint.counters);
            let more = self.socket.receive(cx.datagrams, |from, datagram| {
                bytes += datagram.len();
                counters.received(1, datagram.len());
                connections.handle_datagram(cx.now, from, datagram);
            });
            self.deliver(cx.now);
            if !more {
                return bytes;
            }
            if cx.is_spent() {
                break;
            }
        }
        cx.reschedule(SOCKET);
        bytes
    }

    /// Delivers the events of the connections, and sends their datagrams.
    fn deliver(&mut self, now: Instant) {
        while let Some(event) = self.connections.poll_event() {
            match event {
                Event::Connected(key) => self.connected(key),
                Event::Received(key, packet) => {
                    if let Some(peer) = self.peers.get(&key) {
                        peer.push_packet(&packet, &self.limits);
                    }
                }
                Event::Closed { key, reason, .. } => self.closed(now, key, reason),
            }
        }
        self.send();
    }

    /// Sends the outgoing datagrams.
    fn send(&mut self) {
        let outgoing = &mut self.connections.outgoing;
        if !outgoing.is_empty() {
            self.endpoint.counters.sent(outgoing.count(), outgoing.len());
            outgoing.send(&self.socket);
        }
    }

    fn connected(&mut self, key: Key) {
        let Some(remote) = self.connections.address(key) else { return };
        let shared = if let Some(dial) = self.dial.take() {
            for other in dial.attempts.in_flight.into_iter().filter(|other| *other != key) {
                self.connections.close(other);
            }
            dial.shared
        } else {
            let shared = PeerShared::new(&self.endpoint, remote, self.limits.max_buffered_bytes);
            let shared = Arc::new(shared);
            lock(&self.endpoint.accepted).push_back(Arc::clone(&shared));
            shared
        };
        let certificates = self.connections.certificates(key);
        shared.max_packet_size.store(self.connections.max_packet_size(key), Ordering::Relaxed);
        shared.update(|inbox| {
            inbox.status = Status::Connected;
            inbox.certificates = certificates;
            inbox.remote = remote;
        });
        self.ids.insert(shared.id, key);
        self.peers.insert(key, shared);
        self.endpoint.counters.set_peers(self.peers.len());
    }

    fn closed(&mut self, now: Instant, key: Key, reason: CloseReason) {
        if let Some(peer) = self.peers.remove(&key) {
            self.ids.remove(&peer.id);
            self.endpoint.counters.set_peers(self.peers.len());
            // A peer that the game has not taken is never reported.
            let mut accepted = lock(&self.endpoint.accepted);
            let count = accepted.len();
            accepted.retain(|other| !Arc::ptr_eq(other, &peer));
            let was_taken = accepted.len() == count;
            drop(accepted);
            peer.close(reason.into(), was_taken);
        } else if let Some(dial) = &mut self.dial {
            dial.attempts.in_flight.retain(|attempt| *attempt != key);
            dial.last_failure = reason.into();
            if dial.attempts.in_flight.is_empty() {
                self.attempt(now);
            }
        }
    }

    /// Connects to the next address of the server, or fails the peer if there is none.
    fn attempt(&mut self, now: Instant) {
        let Some(dial) = &mut self.dial else { return };
        while let Some(address) = dial.attempts.next_address(now) {
            let Some(address) = self.socket.map_address(address) else { continue };
            match self.connections.connect(now, address, dial.config.clone()) {
                Ok(key) => {
                    dial.attempts.in_flight.push(key);
                    return;
                }
                Err(error) => dial.last_failure = CloseReason::Failed(error).into(),
            }
        }
        if dial.attempts.have_all_failed() {
            let status = dial.last_failure.clone();
            dial.shared.update(|inbox| inbox.status = status);
            self.dial = None;
        }
    }

    /// Runs the game's commands in order, for a share of the thread's time. Returns true if none are left.
    fn run_commands(&mut self, cx: &Context<'_>) -> bool {
        let mut is_all = false;
        loop {
            if let Some(command) = self.commands.pop_front() {
                self.run_command(cx.now, command);
            } else {
                // The capacity of a burst is not retained.
                self.commands = self.endpoint.take_commands().into();
                if self.commands.is_empty() {
                    is_all = true;
                    break;
                }
            }
            if cx.is_spent() {
                break;
            }
        }
        self.deliver(cx.now);
        is_all
    }

    /// Requests another turn after those of the other drivers.
    fn wake_again(&self) {
        if let Some(waker) = self.endpoint.waker.get() {
            waker.wake();
        }
    }

    fn run_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Send { id, packet } => {
                let Some(key) = self.ids.get(&id).copied() else { return };
                if let Some(peer) = self.peers.get(&key) {
                    let cost = packet.len() + PACKET_OVERHEAD;
                    peer.outgoing_bytes.fetch_sub(cost, Ordering::Relaxed);
                }
                // A closed connection is about to be reported to the game.
                let _ = self.connections.send(now, key, &packet);
                if self.connections.outgoing.len() >= MAX_OUTGOING_BATCH {
                    self.send();
                }
            }
            Command::Close { id } => self.close(id),
            Command::Resolved(addresses) => {
                let Some(dial) = &mut self.dial else { return };
                match addresses {
                    Ok(addresses) => dial.attempts.resolved(addresses),
                    Err(reason) => {
                        dial.attempts.resolved([]);
                        dial.last_failure = Status::Failed(reason);
                    }
                }
                self.attempt(now);
            }
            Command::SetRefusing(refusing) => self.connections.is_refusing = refusing,
        }
    }

    fn close(&mut self, id: u32) {
        if let Some(key) = self.ids.remove(&id) {
            self.peers.remove(&key);
            self.endpoint.counters.set_peers(self.peers.len());
            self.connections.close(key);
        } else if let Some(dial) = self.dial.take_if(|dial| dial.shared.id == id) {
            for key in dial.attempts.in_flight {
                self.connections.close(key);
            }
        }
    }
}

impl Driver for EndpointDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, _: usize, readiness: Readiness) {
        if readiness.readable && self.read(cx) < COALESCE_THRESHOLD {
            cx.coalesce();
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        self.start(cx);
        self.connections.handle_finished_jobs(cx.now);
        let mut is_all = self.run_commands(cx);
        if is_all && self.flush_at.is_none() {
            self.flush_at = Some(cx.now + FLUSH_INTERVAL);
            // From now on the game need not wake this thread.
            self.endpoint.is_flush_scheduled.store(true, Ordering::SeqCst);
            is_all = self.run_commands(cx);
        }
        if !is_all {
            self.wake_again();
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.flush_at.is_some_and(|at| at <= cx.now) {
            self.flush_at = None;
            // Cleared before the commands are taken: later ones wake this thread.
            self.endpoint.is_flush_scheduled.store(false, Ordering::SeqCst);
        }
        if !self.run_commands(cx) {
            self.wake_again();
        }
        // The others remain for the next turn.
        self.connections.handle_timeout_while(cx.now, || !cx.is_spent());
        if self.dial.as_ref().and_then(|dial| dial.attempts.next_at).is_some_and(|at| at <= cx.now)
        {
            self.attempt(cx.now);
        }
        self.deliver(cx.now);
    }

    fn deadline(&self) -> Option<Instant> {
        let attempt = self.dial.as_ref().and_then(|dial| dial.attempts.next_at);
        [self.connections.poll_timeout(), attempt, self.flush_at].into_iter().flatten().min()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        let mut shutdown = self.shutdown.take().unwrap_or_else(|| Shutdown {
            flush_until: Instant::now() + FLUSH_TIMEOUT,
            remaining: None,
        });
        let is_flushed = shutdown.remaining.is_some()
            || self.run_commands(cx)
            || Instant::now() >= shutdown.flush_until;
        if is_flushed {
            // No client is accepted during the shutdown.
            self.connections.is_refusing = true;
            let remaining = shutdown.remaining.get_or_insert_with(|| self.connections.keys());
            while !cx.is_spent()
                && let Some(key) = remaining.pop()
            {
                self.connections.close(key);
            }
            self.send();
        }
        let is_done = shutdown.remaining.as_ref().is_some_and(Vec::is_empty);
        self.shutdown = Some(shutdown);
        is_done
    }
}

impl Drop for EndpointDriver {
    /// Closes all peers, also if the driver has panicked.
    fn drop(&mut self) {
        lock(&self.endpoint.accepted).clear();
        for peer in self.peers.values() {
            peer.update(|inbox| inbox.status = Status::Disconnected(String::new()));
        }
    }
}

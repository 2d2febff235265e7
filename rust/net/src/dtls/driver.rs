//! An endpoint on the I/O thread.

use super::endpoint::{Command, Endpoint, PeerShared};
use super::inbox::PACKET_OVERHEAD;
use super::{Associations, End, Event, Key, Limits, Status};
use crate::enet::IdMap;
use crate::happy_eyeballs::HappyEyeballs;
use crate::reactor::{Context, Driver, Readiness, lock};
use crate::udp::Socket;
use lodewire_dtls::ClientConfig;
use mio::Interest;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The socket's key.
const SOCKET: usize = 0;
/// How many batches are read before the other sockets have their turn.
const TURN: usize = 8;
/// When so many bytes come at once, the thread does not rest.
const MUCH: usize = 16 << 10;
/// How many bytes of datagrams are written before they are sent.
const OUTGOING: usize = 256 << 10;
/// How long packets of the game are gathered, so that those of one burst leave together.
const GATHER: Duration = Duration::from_micros(500);

/// How long an endpoint that ends sends what the game has queued.
const LAST_SENDS: Duration = Duration::from_secs(1);

/// A server's socket, or a client's.
pub(super) struct EndpointDriver {
    endpoint: Arc<Endpoint>,
    socket: Socket,
    associations: Associations,
    limits: Limits,
    peers: HashMap<Key, Arc<PeerShared>>,
    ids: IdMap<Key>,
    dial: Option<Dial>,
    is_begun: bool,
    gather_until: Option<Instant>,
    /// What the game asks for and is not done yet.
    commands: VecDeque<Command>,
    ending: Option<Ending>,
}

/// How far an endpoint that ends has come.
struct Ending {
    /// Until when what the game has queued is sent.
    sends_until: Instant,
    /// The connections that are still to be ended, when that was sent.
    left: Option<Vec<Key>>,
}

/// The server that a client asks for.
struct Dial {
    shared: Arc<PeerShared>,
    config: ClientConfig,
    attempts: HappyEyeballs<Key>,
    /// Why the last attempt failed.
    why: Status,
}

impl EndpointDriver {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        socket: Socket,
        associations: Associations,
        limits: Limits,
    ) -> Self {
        Self {
            endpoint,
            socket,
            associations,
            limits,
            peers: HashMap::new(),
            ids: IdMap::default(),
            dial: None,
            is_begun: false,
            gather_until: None,
            commands: VecDeque::new(),
            ending: None,
        }
    }

    /// Asks for a server, as soon as its addresses are known.
    pub(super) fn dial(&mut self, shared: Arc<PeerShared>, config: ClientConfig) {
        let why = Status::Failed("the host has no address that can be reached".to_owned());
        self.dial = Some(Dial { shared, config, attempts: HappyEyeballs::new(), why });
    }

    /// Begins to read from the socket.
    fn begin(&mut self, cx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.is_begun, true) {
            if let Some(waker) = self.endpoint.waker.get() {
                self.associations.set_waker(waker);
            }
            // What cannot be watched is not heard of: connections then fail by their time-outs.
            let _ = cx.register(&mut self.socket.io, SOCKET, Interest::READABLE);
        }
    }

    /// Reads what has come. Says how many bytes.
    fn read(&mut self, cx: &mut Context<'_>) -> usize {
        let mut bytes = 0;
        self.associations.lingering = self.endpoint.lingering.load(Ordering::Relaxed);
        for _ in 0..TURN {
            let (associations, counters) = (&mut self.associations, &self.endpoint.counters);
            let more = self.socket.receive(cx.datagrams, |from, datagram| {
                bytes += datagram.len();
                counters.received(1, datagram.len());
                associations.handle(cx.now, from, datagram);
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

    /// Hands over what has happened.
    fn deliver(&mut self, now: Instant) {
        while let Some(event) = self.associations.next_event() {
            match event {
                Event::Connected(key) => self.connected(key),
                Event::Received(key, packet) => {
                    if let Some(peer) = self.peers.get(&key) {
                        peer.put(&packet, &self.limits);
                    }
                }
                Event::Ended { key, end, .. } => self.ended(now, key, end),
            }
        }
        self.send();
    }

    /// Sends what is to be sent.
    fn send(&mut self) {
        let outgoing = &mut self.associations.outgoing;
        if !outgoing.is_empty() {
            self.endpoint.counters.sent(outgoing.count(), outgoing.len());
            outgoing.send(&self.socket);
        }
    }

    fn connected(&mut self, key: Key) {
        let Some(remote) = self.associations.address(key) else { return };
        let shared = if let Some(dial) = self.dial.take() {
            for other in dial.attempts.in_flight.into_iter().filter(|other| *other != key) {
                self.associations.close(other);
            }
            dial.shared
        } else {
            let shared = PeerShared::new(&self.endpoint, remote, self.limits.waiting);
            let shared = Arc::new(shared);
            lock(&self.endpoint.accepted).push_back(Arc::clone(&shared));
            shared
        };
        let certificates = self.associations.certificates(key);
        shared.longest.store(self.associations.longest_packet(key), Ordering::Relaxed);
        shared.tell(|mailbox| {
            mailbox.status = Status::Connected;
            mailbox.certificates = certificates;
            mailbox.remote = remote;
        });
        self.ids.insert(shared.id, key);
        self.peers.insert(key, shared);
        self.endpoint.counters.set_peers(self.peers.len());
    }

    fn ended(&mut self, now: Instant, key: Key, end: End) {
        if let Some(peer) = self.peers.remove(&key) {
            self.ids.remove(&peer.id);
            self.endpoint.counters.set_peers(self.peers.len());
            // If the game did not even take it, it never was.
            let mut accepted = lock(&self.endpoint.accepted);
            let count = accepted.len();
            accepted.retain(|waiting| !Arc::ptr_eq(waiting, &peer));
            let was_taken = accepted.len() == count;
            drop(accepted);
            peer.end(end.into(), was_taken);
        } else if let Some(dial) = &mut self.dial {
            dial.attempts.in_flight.retain(|attempt| *attempt != key);
            dial.why = end.into();
            if dial.attempts.in_flight.is_empty() {
                self.attempt(now);
            }
        }
    }

    /// Tries the next address of the server, or tells that there is none.
    fn attempt(&mut self, now: Instant) {
        let Some(dial) = &mut self.dial else { return };
        while let Some(address) = dial.attempts.next_address(now) {
            let Some(address) = self.socket.map_address(address) else { continue };
            match self.associations.connect(now, address, dial.config.clone()) {
                Ok(key) => {
                    dial.attempts.in_flight.push(key);
                    return;
                }
                Err(error) => dial.why = End::Failed(error).into(),
            }
        }
        if dial.attempts.have_all_failed() {
            let why = dial.why.clone();
            dial.shared.tell(|mailbox| mailbox.status = why);
            self.dial = None;
        }
    }

    /// Does what the game asks for, in its order and as far as a share of the thread's time goes. Returns whether that is all.
    fn obey(&mut self, cx: &Context<'_>) -> bool {
        let mut is_all = false;
        loop {
            if let Some(command) = self.commands.pop_front() {
                self.take(cx.now, command);
            } else {
                // A burst's room is not kept for the next one.
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

    /// Comes back after the others had their turn.
    fn call_again(&self) {
        if let Some(waker) = self.endpoint.waker.get() {
            waker.wake();
        }
    }

    fn take(&mut self, now: Instant, command: Command) {
        match command {
            Command::Send { id, packet } => {
                let Some(key) = self.ids.get(&id).copied() else { return };
                if let Some(peer) = self.peers.get(&key) {
                    let cost = packet.len() + PACKET_OVERHEAD;
                    peer.outgoing.fetch_sub(cost, Ordering::Relaxed);
                }
                // The game is about to hear if the connection has ended.
                let _ = self.associations.send(now, key, &packet);
                if self.associations.outgoing.len() >= OUTGOING {
                    self.send();
                }
            }
            Command::Close { id } => self.close(id),
            Command::Resolved(addresses) => {
                let Some(dial) = &mut self.dial else { return };
                match addresses {
                    Ok(addresses) => dial.attempts.resolved(addresses),
                    Err(why) => {
                        dial.attempts.resolved([]);
                        dial.why = Status::Failed(why);
                    }
                }
                self.attempt(now);
            }
            Command::SetRefusing(refusing) => self.associations.is_refusing = refusing,
        }
    }

    fn close(&mut self, id: u32) {
        if let Some(key) = self.ids.remove(&id) {
            self.peers.remove(&key);
            self.endpoint.counters.set_peers(self.peers.len());
            self.associations.close(key);
        } else if let Some(dial) = self.dial.take_if(|dial| dial.shared.id == id) {
            for key in dial.attempts.in_flight {
                self.associations.close(key);
            }
        }
    }
}

impl Driver for EndpointDriver {
    fn on_ready(&mut self, cx: &mut Context<'_>, _: usize, readiness: Readiness) {
        if readiness.readable && self.read(cx) < MUCH {
            cx.coalesce();
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        self.begin(cx);
        self.associations.take_finished(cx.now);
        let mut is_all = self.obey(cx);
        if is_all && self.gather_until.is_none() {
            self.gather_until = Some(cx.now + GATHER);
            // From now on the game need not wake us.
            self.endpoint.gathering.store(true, Ordering::SeqCst);
            is_all = self.obey(cx);
        }
        if !is_all {
            self.call_again();
        }
    }

    fn on_timeout(&mut self, cx: &mut Context<'_>) {
        if self.gather_until.is_some_and(|at| at <= cx.now) {
            self.gather_until = None;
            // Before the commands are taken: what comes after that wakes us.
            self.endpoint.gathering.store(false, Ordering::SeqCst);
        }
        if !self.obey(cx) {
            self.call_again();
        }
        // Those that are left come with the next turn.
        self.associations.expire_while(cx.now, || !cx.is_spent());
        if self.dial.as_ref().and_then(|dial| dial.attempts.next_at).is_some_and(|at| at <= cx.now)
        {
            self.attempt(cx.now);
        }
        self.deliver(cx.now);
    }

    fn deadline(&self) -> Option<Instant> {
        let attempt = self.dial.as_ref().and_then(|dial| dial.attempts.next_at);
        [self.associations.deadline(), attempt, self.gather_until].into_iter().flatten().min()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ending = self
            .ending
            .take()
            .unwrap_or_else(|| Ending { sends_until: Instant::now() + LAST_SENDS, left: None });
        let has_sent =
            ending.left.is_some() || self.obey(cx) || Instant::now() >= ending.sends_until;
        if has_sent {
            // Nobody comes while the others go.
            self.associations.is_refusing = true;
            let left = ending.left.get_or_insert_with(|| self.associations.keys());
            while !cx.is_spent()
                && let Some(key) = left.pop()
            {
                self.associations.close(key);
            }
            self.send();
        }
        let is_over = ending.left.as_ref().is_some_and(Vec::is_empty);
        self.ending = Some(ending);
        is_over
    }
}

impl Drop for EndpointDriver {
    /// Also if it has panicked: nobody is left waiting.
    fn drop(&mut self) {
        lock(&self.endpoint.accepted).clear();
        for peer in self.peers.values() {
            peer.tell(|mailbox| mailbox.status = Status::Disconnected(String::new()));
        }
    }
}

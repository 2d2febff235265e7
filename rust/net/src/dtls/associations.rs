//! The connections of an endpoint, by the addresses of the other sides.

mod claims;
mod welcome;

use super::admission::{Admission, Ticket};
use super::{Limits, SendError, ServerSetup};
use crate::deadlines::Deadlines;
use crate::jobs::{Alive, Finished, Jobs};
use crate::reactor::{DriverWaker, lock};
use crate::udp::Outgoing;
use crate::workers::Workers;
use lodewire_dtls::{
    ClientConfig, Connection, Cookies, Error, Greeting, Job, Outcome, ServerConfig, State,
};
use rustls_pki_types::CertificateDer;
use slab::Slab;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use welcome::is_hello;

/// How many jobs a client's handshake takes: the server's signature, and the key agreement. When a client's flight begins
/// again, that is one more.
const JOBS_OF_A_HANDSHAKE: u32 = 2;

/// Which association: none that comes later has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    slot: usize,
    generation: u64,
}

/// What has happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection is there.
    Connected(Key),
    /// A packet has come.
    Received(Key, Vec<u8>),
    /// A connection has ended, or one that was beginning has not come about.
    Ended { key: Key, address: SocketAddr, was_connected: bool, end: End },
}

/// How a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// One of the two sides has ended it.
    Closed,
    /// The other side has begun anew, and has shown that it is who it was.
    Replaced,
    /// The other side was silent for too long.
    Idle,
    /// It has failed.
    Failed(Error),
}

/// Who is at an address.
#[derive(Clone, Copy, Debug)]
struct Place {
    current: Key,
    /// A handshake that was begun beside what is there: that goes on until the handshake is through.
    next: Option<Key>,
}

/// By what a hello is known: its random, and its number among the client's messages.
#[derive(Clone, Copy, Debug)]
struct HelloId {
    random: [u8; 32],
    sequence: u16,
}

#[derive(Debug)]
struct Association {
    generation: u64,
    address: SocketAddr,
    connection: Connection,
    alive: Alive,
    /// How many jobs it has asked for.
    jobs: u32,
    /// A job, and when it may be started.
    held: Option<(Instant, Job)>,
    /// The game was told that it is connected.
    is_told: bool,
    /// While a client begins, and while nobody has claimed its connection if claims are required.
    ticket: Option<Ticket>,
    claims: usize,
    /// When it is closed if nobody claims it.
    claim_by: Option<Instant>,
    /// Of a client.
    hello: Option<HelloId>,
    begun: Instant,
    /// When something authentic came last.
    heard: Instant,
    /// What stands in the deadlines.
    due: Option<Instant>,
}

/// What a server accepts with.
#[derive(Clone, Debug)]
pub(super) struct Accepting {
    config: ServerConfig,
    /// They are the same for all that share this.
    cookies: Arc<Mutex<Cookies>>,
    admission: Admission,
    /// So that the workers' threads do not come and go with each client.
    _workers: Arc<Workers>,
}

impl Accepting {
    /// `None` if the system has no randomness.
    pub(super) fn new(setup: &ServerSetup, limits: &Limits, now: Instant) -> Option<Self> {
        Some(Self {
            config: setup.config(limits),
            cookies: Arc::new(Mutex::new(Cookies::new(now)?)),
            admission: Admission::default(),
            _workers: Arc::default(),
        })
    }

    /// Looks at a datagram that may be a client's hello.
    pub(super) fn greet(&self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Greeting {
        lock(&self.cookies).greet(now, from, datagram)
    }
}

/// The connections of an endpoint. The caller hands it datagrams and the time, and takes what is to be
/// [sent](Self::outgoing) and what has [happened](Self::next_event).
pub(crate) struct Associations {
    accepting: Option<Accepting>,
    pub(crate) is_refusing: bool,
    limits: Limits,
    slots: Slab<Association>,
    generation: u64,
    places: HashMap<SocketAddr, Place>,
    /// Those of a server that have tickets, by their numbers.
    beginning: HashMap<u64, Key>,
    /// How long a client's connection stays without a claim; without it, none is required.
    claim_timeout: Option<Duration>,
    /// The connections without a claim, by the times when they are closed.
    unclaimed: BTreeSet<(Instant, Key)>,
    /// How many connections have ended of which the game was not told yet: they still take a place each.
    pub(crate) lingering: usize,
    deadlines: Deadlines<Key>,
    jobs: Jobs<Key, Outcome>,
    waker: Option<DriverWaker>,
    /// The datagrams to be sent.
    pub(crate) outgoing: Outgoing,
    events: VecDeque<Event>,
}

impl Associations {
    /// An endpoint without any; with `accepting`, a server.
    pub(super) fn new(accepting: Option<Accepting>, limits: Limits) -> Self {
        Self {
            accepting,
            is_refusing: false,
            limits,
            slots: Slab::new(),
            generation: 0,
            places: HashMap::new(),
            beginning: HashMap::new(),
            claim_timeout: None,
            unclaimed: BTreeSet::new(),
            lingering: 0,
            deadlines: Deadlines::new(),
            jobs: Jobs::new(),
            waker: None,
            outgoing: Outgoing::default(),
            events: VecDeque::new(),
        }
    }

    /// A server, if the system has randomness.
    pub(crate) fn serve(setup: &ServerSetup, limits: Limits) -> Option<Self> {
        Some(Self::new(Some(Accepting::new(setup, &limits, Instant::now())?), limits))
    }

    /// Who counts the clients that are connecting, of a server.
    pub(super) fn admission(&self) -> Option<Admission> {
        self.accepting.as_ref().map(|accepting| accepting.admission.clone())
    }

    /// How many clients are connecting.
    pub(crate) fn handshakes(&self) -> usize {
        let places = self.accepting.as_ref().map_or(0, |accepting| accepting.admission.count());
        places.saturating_sub(self.unclaimed.len())
    }

    /// An end that accepts nobody.
    pub(crate) fn dial(limits: Limits) -> Self {
        Self::new(None, limits)
    }

    /// Whom to wake when a worker has something for [`take_finished`](Self::take_finished).
    pub(crate) fn set_waker(&mut self, waker: &DriverWaker) {
        self.waker = Some(waker.clone());
    }

    fn get(&mut self, key: Key) -> Option<&mut Association> {
        self.slots.get_mut(key.slot).filter(|association| association.generation == key.generation)
    }

    /// Where the other side is.
    pub(crate) fn address(&mut self, key: Key) -> Option<SocketAddr> {
        self.get(key).map(|association| association.address)
    }

    /// How many bytes a packet may have.
    pub(crate) fn longest_packet(&mut self, key: Key) -> usize {
        self.get(key).map_or(0, |association| association.connection.longest_packet())
    }

    /// What the other side has shown, its own certificate first.
    pub(crate) fn certificates(&mut self, key: Key) -> Vec<CertificateDer<'static>> {
        self.get(key)
            .map(|association| association.connection.peer_certificates().to_vec())
            .unwrap_or_default()
    }

    /// What has happened next.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks for a connection.
    ///
    /// # Errors
    /// As [`Connection::connect`].
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        address: SocketAddr,
        config: ClientConfig,
    ) -> Result<Key, Error> {
        let connection = Connection::connect(now, config)?;
        Ok(self.insert(now, address, connection, None))
    }

    /// Takes a datagram, and opens it where it is.
    pub(crate) fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        if is_hello(datagram) && self.accepting.is_some() {
            self.greet(now, from, datagram);
            return;
        }
        let Some(place) = self.places.get(&from).copied() else { return };
        if let Some(next) = place.next {
            // Opening it spoils it for the other.
            let mut copy = datagram.to_vec();
            self.pass(now, next, &mut copy);
        }
        self.pass(now, place.current, datagram);
    }

    fn pass(&mut self, now: Instant, key: Key, datagram: &mut [u8]) {
        let Some(association) = self.get(key) else { return };
        association.connection.handle(now, datagram);
        self.settle(now, key);
    }

    fn insert(
        &mut self,
        now: Instant,
        address: SocketAddr,
        connection: Connection,
        client: Option<(Ticket, HelloId)>,
    ) -> Key {
        self.generation += 1;
        let generation = self.generation;
        let (ticket, hello) = client.unzip();
        let number = ticket.as_ref().map(|ticket| ticket.number);
        let slot = self.slots.insert(Association {
            generation,
            address,
            connection,
            alive: Alive::default(),
            jobs: 0,
            held: None,
            is_told: false,
            ticket,
            claims: 0,
            claim_by: None,
            hello,
            begun: now,
            heard: now,
            due: None,
        });
        let key = Key { slot, generation };
        self.beginning.extend(number.map(|number| (number, key)));
        self.places
            .entry(address)
            .and_modify(|place| place.next = Some(key))
            .or_insert(Place { current: key, next: None });
        self.settle(now, key);
        key
    }

    /// Takes from a connection what it has: datagrams, a job, packets, and how it goes on.
    fn settle(&mut self, now: Instant, key: Key) {
        let Some(association) = self.slots.get_mut(key.slot) else { return };
        let connection = &mut association.connection;
        while let Some(datagram) = connection.transmit() {
            self.outgoing.push(association.address, &datagram);
        }
        if let Some(job) = connection.take_job() {
            association.jobs = association.jobs.saturating_add(1);
            let at = match (&self.accepting, &association.ticket) {
                (Some(accepting), Some(_)) if association.jobs > JOBS_OF_A_HANDSHAKE => {
                    let ip = association.address.ip();
                    accepting.admission.charge(now, ip, self.limits.handshakes_per_address)
                }
                _ => now,
            };
            association.held = Some((at, job));
        }
        if let Some((_, job)) = association.held.take_if(|(at, _)| *at <= now) {
            self.jobs.start(key, &association.alive, || job.run(), self.waker.as_ref());
        }
        if !association.is_told && association.connection.was_connected() {
            association.is_told = true;
            if let (Some(timeout), Some(_)) = (self.claim_timeout, &association.ticket) {
                association.claim_by = Some(now + timeout);
                self.unclaimed.insert((now + timeout, key));
            } else if let Some(ticket) = association.ticket.take() {
                self.beginning.remove(&ticket.number);
            }
            association.heard = now;
            association.due = None;
            let address = association.address;
            self.events.push_back(Event::Connected(key));
            self.succeed(address, key);
        }
        let Some(association) = self.slots.get_mut(key.slot) else { return };
        while let Some(packet) = association.connection.receive() {
            association.heard = now;
            self.events.push_back(Event::Received(key, packet));
        }
        let end = match association.connection.state() {
            State::Handshaking | State::Connected => {
                let idle = || Some(association.heard + self.limits.idle_timeout?);
                let due = match association.connection.deadline() {
                    // One that stands already looks again when it comes.
                    None if association.is_told => association.due.or_else(idle),
                    due => due,
                };
                let held = association.held.as_ref().map(|(at, _)| *at);
                let due = due.into_iter().chain(held).min();
                if due != association.due {
                    association.due = due;
                    if let Some(at) = due {
                        self.deadlines.set(at, key);
                    }
                }
                return;
            }
            State::Closed => End::Closed,
            State::Failed(error) => End::Failed(error.clone()),
        };
        self.end(key, end);
    }

    /// A new connection is there: the one that was at its address has ended.
    fn succeed(&mut self, address: SocketAddr, key: Key) {
        let Some(place) = self.places.get_mut(&address) else { return };
        if place.next == Some(key) {
            let old = std::mem::replace(&mut place.current, key);
            place.next = None;
            if let Some(old_association) = self.take(old) {
                let was_connected = old_association.is_told;
                let end = End::Replaced;
                self.events.push_back(Event::Ended { key: old, address, was_connected, end });
            }
        }
    }

    /// Takes out a connection that has ended, and tells so.
    fn end(&mut self, key: Key, end: End) {
        if let Some(Association { address, is_told, .. }) = self.remove(key) {
            let was_connected = is_told;
            self.events.push_back(Event::Ended { key, address, was_connected, end });
        }
    }

    /// Takes out a connection, but not out of its place.
    fn take(&mut self, key: Key) -> Option<Association> {
        self.get(key)?;
        let association = self.slots.remove(key.slot);
        if let Some(ticket) = &association.ticket {
            self.beginning.remove(&ticket.number);
        }
        if let Some(at) = association.claim_by {
            self.unclaimed.remove(&(at, key));
        }
        Some(association)
    }

    fn remove(&mut self, key: Key) -> Option<Association> {
        let association = self.take(key)?;
        if let Some(place) = self.places.get_mut(&association.address) {
            match place.next {
                Some(next) if next == key => place.next = None,
                Some(next) if place.current == key => *place = Place { current: next, next: None },
                None if place.current == key => {
                    self.places.remove(&association.address);
                }
                _ => {}
            }
        }
        Some(association)
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// [`SendError`].
    pub(crate) fn send(&mut self, now: Instant, key: Key, packet: &[u8]) -> Result<(), SendError> {
        let association = self.get(key).ok_or(SendError::NotConnected)?;
        let sent = association.connection.send(packet);
        self.settle(now, key);
        sent.map_err(|error| match error {
            lodewire_dtls::SendError::NotConnected => SendError::NotConnected,
            lodewire_dtls::SendError::TooLong => SendError::TooLong,
        })
    }

    /// Who is at an address, or begins to be.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<Key> {
        self.places.get(&address).map(|place| place.current)
    }

    /// Who is connected at an address.
    pub(crate) fn connected_at(&mut self, address: SocketAddr) -> Option<Key> {
        let key = self.places.get(&address)?.current;
        self.get(key).is_some_and(|association| association.is_told).then_some(key)
    }

    /// Ends a connection, of which no more is told. The other side is.
    pub(crate) fn close(&mut self, key: Key) {
        let Some(mut association) = self.remove(key) else { return };
        association.connection.close();
        while let Some(datagram) = association.connection.transmit() {
            self.outgoing.push(association.address, &datagram);
        }
    }

    /// All that there are.
    pub(super) fn keys(&self) -> Vec<Key> {
        let key = |(slot, association): (usize, &Association)| Key {
            slot,
            generation: association.generation,
        };
        self.slots.iter().map(key).collect()
    }

    /// Ends all.
    pub(crate) fn close_all(&mut self) {
        for key in self.keys() {
            self.close(key);
        }
    }

    /// Goes on with what the workers have done.
    pub(crate) fn take_finished(&mut self, now: Instant) {
        let finished = self.jobs.take_finished(self.waker.as_ref());
        self.go_on(now, finished);
    }

    fn go_on(&mut self, now: Instant, finished: Vec<Finished<Key, Outcome>>) {
        for finished in finished {
            let Some(association) = self.get(finished.key) else { continue };
            match finished.result {
                Some(outcome) => association.connection.resume(now, outcome),
                None => association.connection.give_up(),
            }
            self.settle(now, finished.key);
        }
    }

    /// Whether the workers have something to do.
    pub(super) fn is_working(&self) -> bool {
        self.jobs.is_busy()
    }

    /// When [`expire`](Self::expire) is to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let unclaimed = self.unclaimed.first().map(|(at, _)| *at);
        [self.deadlines.next(), unclaimed].into_iter().flatten().min()
    }

    /// Does what is to be done by `now`.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.expire_while(now, || true);
    }

    /// The same as long as `goes_on`, but for at least one. What is left is still due.
    pub(super) fn expire_while(&mut self, now: Instant, goes_on: impl Fn() -> bool) {
        self.expire_unclaimed(now);
        let idle_timeout = self.limits.idle_timeout;
        let mut is_first = true;
        while (std::mem::take(&mut is_first) || goes_on())
            && let Some((at, key)) = self.deadlines.pop_due(now)
        {
            let Some(association) = self.get(key).filter(|known| known.due == Some(at)) else {
                continue;
            };
            association.due = None;
            let silence = now.saturating_duration_since(association.heard);
            if association.is_told && idle_timeout.is_some_and(|timeout| silence >= timeout) {
                let address = association.address;
                self.close(key);
                let (was_connected, end) = (true, End::Idle);
                self.events.push_back(Event::Ended { key, address, was_connected, end });
            } else {
                association.connection.expire(now);
                self.settle(now, key);
            }
        }
    }
}

#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod tests;

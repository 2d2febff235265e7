//! The connections of an endpoint, by the addresses of the peers.

mod accept;
mod claims;

use super::admission::{Admission, HandshakePermit};
use super::{Limits, SendError, ServerConfig};
use crate::deadlines::Deadlines;
use crate::jobs::{Alive, Finished, Jobs};
use crate::reactor::{DriverWaker, lock};
use crate::udp::Outgoing;
use crate::workers::Workers;
use accept::is_client_hello;
use lodewire_dtls::{
    ClientHelloVerification, Connection, CookieGenerator, Error, Job, JobOutput, State,
};
use rustls_pki_types::CertificateDer;
use slab::Slab;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Jobs of a server's handshake: the signature, and the key agreement. Each restart of the client's flight takes one
/// more.
const JOBS_PER_HANDSHAKE: u32 = 2;

/// The key of an association. Keys are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    slot: usize,
    generation: u64,
}

/// An event of a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection is established.
    Connected(Key),
    /// A packet was received.
    Received(Key, Vec<u8>),
    /// A connection was closed, or a handshake failed.
    Closed { key: Key, address: SocketAddr, was_connected: bool, reason: CloseReason },
}

/// The reason why a connection was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// Either side closed the connection.
    Closed,
    /// The peer connected again from the same address, and completed the handshake.
    Superseded,
    /// The peer sent nothing authentic for too long.
    IdleTimeout,
    /// The connection failed.
    Failed(Error),
}

/// The associations at an address.
#[derive(Clone, Copy, Debug)]
struct AddressEntry {
    current: Key,
    /// A handshake that was started in addition to the current association, which it replaces when it is complete.
    pending: Option<Key>,
}

/// Identifies a ClientHello: by its random, and its message sequence number.
#[derive(Clone, Copy, Debug)]
struct ClientHelloId {
    random: [u8; 32],
    sequence: u16,
}

#[derive(Debug)]
struct Association {
    generation: u64,
    address: SocketAddr,
    connection: Connection,
    alive: Alive,
    /// The number of jobs that were requested.
    job_count: u32,
    /// A job that must not start before this time.
    held_job: Option<(Instant, Job)>,
    /// The [`Event::Connected`] was emitted.
    connected_reported: bool,
    /// The permit of a client's handshake, and of an unclaimed connection if claims are required.
    permit: Option<HandshakePermit>,
    claims: usize,
    /// The time at which the connection is closed unless it is claimed.
    claim_by: Option<Instant>,
    /// The ClientHello of a client.
    hello: Option<ClientHelloId>,
    started_at: Instant,
    /// The time at which something authentic was last received.
    last_activity: Instant,
    /// The time that is set in `deadlines`.
    timer: Option<Instant>,
}

/// The shared state that a server needs to accept clients.
#[derive(Clone, Debug)]
pub(super) struct Acceptance {
    config: lodewire_dtls::ServerConfig,
    /// Shared by all clones.
    cookies: Arc<Mutex<CookieGenerator>>,
    admission: Admission,
    /// Keeps the worker threads alive between clients.
    _workers: Arc<Workers>,
}

impl Acceptance {
    /// Returns `None` if random bytes could not be obtained.
    pub(super) fn new(config: &ServerConfig, limits: &Limits, now: Instant) -> Option<Self> {
        Some(Self {
            config: config.to_protocol(limits),
            cookies: Arc::new(Mutex::new(CookieGenerator::new(now)?)),
            admission: Admission::default(),
            _workers: Arc::default(),
        })
    }

    /// Verifies a datagram that may be a ClientHello.
    pub(super) fn verify_client_hello(
        &self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
    ) -> ClientHelloVerification {
        lock(&self.cookies).verify_client_hello(now, from, datagram)
    }
}

/// The connections of an endpoint. Pass it datagrams and the time; take [datagrams](Self::outgoing) and
/// [events](Self::poll_event).
pub(crate) struct ConnectionTable {
    acceptance: Option<Acceptance>,
    pub(crate) is_refusing: bool,
    limits: Limits,
    slots: Slab<Association>,
    generation: u64,
    addresses: HashMap<SocketAddr, AddressEntry>,
    /// The associations with permits, by the numbers of these.
    permits: HashMap<u64, Key>,
    /// The time in which a client's connection must be claimed; `None` if claims are not required.
    claim_timeout: Option<Duration>,
    /// The unclaimed connections, by the time at which they are closed.
    unclaimed: BTreeSet<(Instant, Key)>,
    /// Number of closed connections whose end was not reported to the game yet. They still count for `max_peers`.
    pub(crate) unreported_closes: usize,
    deadlines: Deadlines<Key>,
    jobs: Jobs<Key, JobOutput>,
    waker: Option<DriverWaker>,
    /// The datagrams to send.
    pub(crate) outgoing: Outgoing,
    events: VecDeque<Event>,
}

impl ConnectionTable {
    /// Creates an empty table; with `acceptance`, a server's.
    pub(super) fn new(acceptance: Option<Acceptance>, limits: Limits) -> Self {
        Self {
            acceptance,
            is_refusing: false,
            limits,
            slots: Slab::new(),
            generation: 0,
            addresses: HashMap::new(),
            permits: HashMap::new(),
            claim_timeout: None,
            unclaimed: BTreeSet::new(),
            unreported_closes: 0,
            deadlines: Deadlines::new(),
            jobs: Jobs::new(),
            waker: None,
            outgoing: Outgoing::default(),
            events: VecDeque::new(),
        }
    }

    /// Creates a server's table. Returns `None` if random bytes could not be obtained.
    pub(crate) fn server(config: &ServerConfig, limits: Limits) -> Option<Self> {
        Some(Self::new(Some(Acceptance::new(config, &limits, Instant::now())?), limits))
    }

    /// Returns the admission of a server's handshakes.
    pub(super) fn admission(&self) -> Option<Admission> {
        self.acceptance.as_ref().map(|acceptance| acceptance.admission.clone())
    }

    /// Returns the number of handshakes in progress.
    pub(crate) fn handshakes(&self) -> usize {
        let permits = self.acceptance.as_ref().map_or(0, |acceptance| acceptance.admission.count());
        permits.saturating_sub(self.unclaimed.len())
    }

    /// Creates a table that accepts no clients.
    pub(crate) fn client_only(limits: Limits) -> Self {
        Self::new(None, limits)
    }

    /// Sets what is woken when a job is finished, for [`handle_finished_jobs`](Self::handle_finished_jobs).
    pub(crate) fn set_waker(&mut self, waker: &DriverWaker) {
        self.waker = Some(waker.clone());
    }

    fn get(&mut self, key: Key) -> Option<&mut Association> {
        self.slots.get_mut(key.slot).filter(|association| association.generation == key.generation)
    }

    /// Returns the address of the peer.
    pub(crate) fn address(&mut self, key: Key) -> Option<SocketAddr> {
        self.get(key).map(|association| association.address)
    }

    /// Returns the maximum size of a packet.
    pub(crate) fn max_packet_size(&mut self, key: Key) -> usize {
        self.get(key).map_or(0, |association| association.connection.max_packet_size())
    }

    /// Returns the certificates that the peer presented, its own first.
    pub(crate) fn certificates(&mut self, key: Key) -> Vec<CertificateDer<'static>> {
        self.get(key)
            .map(|association| association.connection.peer_certificates().to_vec())
            .unwrap_or_default()
    }

    /// Takes the next event.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Connects to a server.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        address: SocketAddr,
        config: lodewire_dtls::ClientConfig,
    ) -> Result<Key, Error> {
        let connection = Connection::connect(now, config)?;
        Ok(self.insert(now, address, connection, None))
    }

    /// Handles a datagram, and decrypts it in place.
    pub(crate) fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &mut [u8]) {
        if is_client_hello(datagram) && self.acceptance.is_some() {
            self.handle_client_hello(now, from, datagram);
            return;
        }
        let Some(entry) = self.addresses.get(&from).copied() else { return };
        if let Some(next) = entry.pending {
            // Decryption changes the datagram, so the other association needs a copy.
            let mut copy = datagram.to_vec();
            self.deliver_datagram(now, next, &mut copy);
        }
        self.deliver_datagram(now, entry.current, datagram);
    }

    fn deliver_datagram(&mut self, now: Instant, key: Key, datagram: &mut [u8]) {
        let Some(association) = self.get(key) else { return };
        association.connection.handle_datagram(now, datagram);
        self.drive(now, key);
    }

    fn insert(
        &mut self,
        now: Instant,
        address: SocketAddr,
        connection: Connection,
        client: Option<(HandshakePermit, ClientHelloId)>,
    ) -> Key {
        self.generation += 1;
        let generation = self.generation;
        let (permit, hello) = client.unzip();
        let number = permit.as_ref().map(|permit| permit.number);
        let slot = self.slots.insert(Association {
            generation,
            address,
            connection,
            alive: Alive::default(),
            job_count: 0,
            held_job: None,
            connected_reported: false,
            permit,
            claims: 0,
            claim_by: None,
            hello,
            started_at: now,
            last_activity: now,
            timer: None,
        });
        let key = Key { slot, generation };
        self.permits.extend(number.map(|number| (number, key)));
        self.addresses
            .entry(address)
            .and_modify(|entry| entry.pending = Some(key))
            .or_insert(AddressEntry { current: key, pending: None });
        self.drive(now, key);
        key
    }

    /// Takes datagrams, a job, packets and the state from a connection.
    fn drive(&mut self, now: Instant, key: Key) {
        let Some(association) = self.slots.get_mut(key.slot) else { return };
        let connection = &mut association.connection;
        while let Some(datagram) = connection.poll_transmit() {
            self.outgoing.push(association.address, &datagram);
        }
        if let Some(job) = connection.poll_job() {
            association.job_count = association.job_count.saturating_add(1);
            let at = match (&self.acceptance, &association.permit) {
                (Some(acceptance), Some(_)) if association.job_count > JOBS_PER_HANDSHAKE => {
                    let ip = association.address.ip();
                    acceptance.admission.charge(now, ip, self.limits.max_handshakes_per_address)
                }
                _ => now,
            };
            association.held_job = Some((at, job));
        }
        if let Some((_, job)) = association.held_job.take_if(|(at, _)| *at <= now) {
            self.jobs.start(key, &association.alive, || job.run(), self.waker.as_ref());
        }
        if !association.connected_reported && association.connection.was_connected() {
            association.connected_reported = true;
            if let (Some(timeout), Some(_)) = (self.claim_timeout, &association.permit) {
                association.claim_by = Some(now + timeout);
                self.unclaimed.insert((now + timeout, key));
            } else if let Some(permit) = association.permit.take() {
                self.permits.remove(&permit.number);
            }
            association.last_activity = now;
            association.timer = None;
            let address = association.address;
            self.events.push_back(Event::Connected(key));
            self.promote_pending(address, key);
        }
        let Some(association) = self.slots.get_mut(key.slot) else { return };
        while let Some(packet) = association.connection.receive() {
            association.last_activity = now;
            self.events.push_back(Event::Received(key, packet));
        }
        let reason = match association.connection.state() {
            State::Handshaking | State::Connected => {
                let idle = || Some(association.last_activity + self.limits.idle_timeout?);
                let due = match association.connection.poll_timeout() {
                    // A timer that is set already re-checks the idle timeout when it expires.
                    None if association.connected_reported => association.timer.or_else(idle),
                    due => due,
                };
                let held = association.held_job.as_ref().map(|(at, _)| *at);
                let due = due.into_iter().chain(held).min();
                if due != association.timer {
                    association.timer = due;
                    if let Some(at) = due {
                        self.deadlines.set(at, key);
                    }
                }
                return;
            }
            State::Closed => CloseReason::Closed,
            State::Failed(error) => CloseReason::Failed(error.clone()),
        };
        self.close_with(key, reason);
    }

    /// Makes an established connection the current one at its address. The previous one is closed.
    fn promote_pending(&mut self, address: SocketAddr, key: Key) {
        let Some(entry) = self.addresses.get_mut(&address) else { return };
        if entry.pending == Some(key) {
            let old = std::mem::replace(&mut entry.current, key);
            entry.pending = None;
            if let Some(old_association) = self.remove_slot(old) {
                let was_connected = old_association.connected_reported;
                let reason = CloseReason::Superseded;
                self.events.push_back(Event::Closed { key: old, address, was_connected, reason });
            }
        }
    }

    /// Removes a connection, and emits [`Event::Closed`].
    fn close_with(&mut self, key: Key, reason: CloseReason) {
        if let Some(Association { address, connected_reported, .. }) = self.remove(key) {
            let was_connected = connected_reported;
            self.events.push_back(Event::Closed { key, address, was_connected, reason });
        }
    }

    /// Removes an association from the slots, but not from its address.
    fn remove_slot(&mut self, key: Key) -> Option<Association> {
        self.get(key)?;
        let association = self.slots.remove(key.slot);
        if let Some(permit) = &association.permit {
            self.permits.remove(&permit.number);
        }
        if let Some(at) = association.claim_by {
            self.unclaimed.remove(&(at, key));
        }
        Some(association)
    }

    fn remove(&mut self, key: Key) -> Option<Association> {
        let association = self.remove_slot(key)?;
        if let Some(entry) = self.addresses.get_mut(&association.address) {
            match entry.pending {
                Some(pending) if pending == key => entry.pending = None,
                Some(pending) if entry.current == key => {
                    *entry = AddressEntry { current: pending, pending: None }
                }
                None if entry.current == key => {
                    self.addresses.remove(&association.address);
                }
                _ => {}
            }
        }
        Some(association)
    }

    /// Sends a packet.
    pub(crate) fn send(&mut self, now: Instant, key: Key, packet: &[u8]) -> Result<(), SendError> {
        let association = self.get(key).ok_or(SendError::NotConnected)?;
        let sent = association.connection.send(packet);
        self.drive(now, key);
        sent.map_err(|error| match error {
            lodewire_dtls::SendError::NotConnected => SendError::NotConnected,
            lodewire_dtls::SendError::TooLong => SendError::TooLong,
        })
    }

    /// Returns the current association at an address, which may be a handshake.
    pub(crate) fn association_at(&self, address: SocketAddr) -> Option<Key> {
        self.addresses.get(&address).map(|entry| entry.current)
    }

    /// Returns the established connection at an address.
    pub(crate) fn connected_at(&mut self, address: SocketAddr) -> Option<Key> {
        let key = self.addresses.get(&address)?.current;
        self.get(key).is_some_and(|association| association.connected_reported).then_some(key)
    }

    /// Closes a connection, and sends `close_notify`. No event is emitted.
    pub(crate) fn close(&mut self, key: Key) {
        let Some(mut association) = self.remove(key) else { return };
        association.connection.close();
        while let Some(datagram) = association.connection.poll_transmit() {
            self.outgoing.push(association.address, &datagram);
        }
    }

    /// Returns the keys of all associations.
    pub(super) fn keys(&self) -> Vec<Key> {
        let key = |(slot, association): (usize, &Association)| Key {
            slot,
            generation: association.generation,
        };
        self.slots.iter().map(key).collect()
    }

    /// Closes all connections.
    pub(crate) fn close_all(&mut self) {
        for key in self.keys() {
            self.close(key);
        }
    }

    /// Continues with the output of finished jobs.
    pub(crate) fn handle_finished_jobs(&mut self, now: Instant) {
        let finished = self.jobs.take_finished(self.waker.as_ref());
        self.handle_finished(now, finished);
    }

    fn handle_finished(&mut self, now: Instant, finished: Vec<Finished<Key, JobOutput>>) {
        for finished in finished {
            let Some(association) = self.get(finished.key) else { continue };
            match finished.result {
                Some(outcome) => association.connection.handle_job_output(now, outcome),
                None => association.connection.handle_job_failure(),
            }
            self.drive(now, finished.key);
        }
    }

    /// Returns true if a job has not been finished yet.
    pub(super) fn has_running_jobs(&self) -> bool {
        self.jobs.is_busy()
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) must be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let unclaimed = self.unclaimed.first().map(|(at, _)| *at);
        [self.deadlines.next(), unclaimed].into_iter().flatten().min()
    }

    /// Handles the timeouts that have expired by `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout_while(now, || true);
    }

    /// Handles expired timeouts as long as `may_continue`, but at least one. The others remain expired.
    pub(super) fn handle_timeout_while(&mut self, now: Instant, may_continue: impl Fn() -> bool) {
        self.close_unclaimed(now);
        let idle_timeout = self.limits.idle_timeout;
        let mut is_first = true;
        while (std::mem::take(&mut is_first) || may_continue())
            && let Some((at, key)) = self.deadlines.pop_due(now)
        {
            let Some(association) = self.get(key).filter(|known| known.timer == Some(at)) else {
                continue;
            };
            association.timer = None;
            let silence = now.saturating_duration_since(association.last_activity);
            if association.connected_reported
                && idle_timeout.is_some_and(|timeout| silence >= timeout)
            {
                let address = association.address;
                self.close(key);
                let (was_connected, reason) = (true, CloseReason::IdleTimeout);
                self.events.push_back(Event::Closed { key, address, was_connected, reason });
            } else {
                association.connection.handle_timeout(now);
                self.drive(now, key);
            }
        }
    }
}

#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod tests;

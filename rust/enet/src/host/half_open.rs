//! Connections that remote hosts have asked for and whose addresses are not proven.
//!
//! ENet gives each CONNECT a peer, so that whoever writes false sender addresses fills a host with a few thousand
//! datagrams. Here it gets a record in a table of its own, of which the oldest makes room for the newest, and a peer only
//! when the remote host has acknowledged our `VERIFY_CONNECT`: with numbers that it cannot know otherwise.
//!
//! A sender of false addresses has to guess them: the number and the session that the connection is offered (14 bits), and the
//! sequence number and the sent time of the `VERIFY_CONNECT` (16 bits each; the time is a random number here, which ENet's
//! acknowledgements repeat). Each datagram is one guess, a record takes few wrong ones, and an address has few records.

use crate::inflation::Inflation;
use crate::time::Time;
use crate::wire::ConnectParams;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long a remote host may take. ENet's own repeat their CONNECT after half a second.
const LIFETIME: Duration = Duration::from_secs(10);
/// How often the `VERIFY_CONNECT` of a record is repeated at the most.
const MAXIMUM_REPEATS: u8 = 16;
/// After how many acknowledgements of something else a record is dropped.
const MAXIMUM_WRONG: u8 = 4;
/// How long a record does not make room for others of its address: a round trip, and the time of a game that stalls. Whoever asks
/// in the name of a player does not evict his request before he could answer.
const PROTECTED: Duration = Duration::from_secs(1);
/// How many records a single port of an address may have, of the 4095 numbers that there are.
const PER_PORT: usize = 256;

/// A connection whose remote address is not proven.
#[derive(Clone, Debug)]
pub(super) struct HalfOpen {
    pub(super) address: SocketAddr,
    /// What the remote host asked for.
    pub(super) asked: ConnectParams,
    pub(super) data: u32,
    /// What it was told.
    pub(super) answer: ConnectParams,
    /// The sequence number of what it was told, which it is to acknowledge.
    pub(super) sequence: u16,
    /// The sent time that it was told, which it is to repeat: a random number.
    pub(super) stamp: u16,
    pub(super) sent_at: Time,
    pub(super) repeats: u8,
    pub(super) wrong: u8,
    pub(super) inflation: Inflation,
}

impl HalfOpen {
    /// Counts a repetition, and returns whether it is allowed.
    pub(super) fn repeat(&mut self) -> bool {
        self.repeats = self.repeats.saturating_add(1);
        self.repeats <= MAXIMUM_REPEATS
    }

    /// Counts a wrong answer, and returns whether the record is to be dropped.
    pub(super) fn was_wrong(&mut self) -> bool {
        self.wrong = self.wrong.saturating_add(1);
        self.wrong >= MAXIMUM_WRONG
    }
}

/// The table of such connections, in the order of their arrival.
#[derive(Debug)]
pub(super) struct HalfOpens {
    limit: usize,
    per_address: usize,
    /// The number of the first record.
    first: u64,
    records: VecDeque<Option<HalfOpen>>,
    len: usize,
    by_connect_id: HashMap<(SocketAddr, [u8; 4]), u64>,
    by_offered_id: HashMap<(SocketAddr, u16), u64>,
    addresses: Counts<IpAddr>,
    ports: Counts<SocketAddr>,
}

/// The numbers of the records that somebody has.
#[derive(Debug)]
struct Counts<K> {
    counts: HashMap<K, usize>,
    /// In the order of their arrival.
    numbers: BTreeSet<(K, u64)>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { counts: HashMap::new(), numbers: BTreeSet::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Counts<K> {
    fn of(&self, key: K) -> usize {
        self.counts.get(&key).copied().unwrap_or_default()
    }

    fn oldest(&self, key: K) -> Option<u64> {
        self.numbers.range((key, 0)..=(key, u64::MAX)).next().map(|(_, number)| *number)
    }

    fn add(&mut self, key: K, number: u64) {
        *self.counts.entry(key).or_default() += 1;
        self.numbers.insert((key, number));
    }

    fn remove(&mut self, key: K, number: u64) {
        self.numbers.remove(&(key, number));
        if let Some(count) = self.counts.get_mut(&key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&key);
            }
        }
    }
}

/// Whose addresses count together: one of IPv4, a /64 of IPv6, which is what a single customer has.
pub fn address_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl HalfOpens {
    pub(super) fn new(limit: usize, per_address: usize) -> Self {
        Self {
            limit,
            per_address,
            first: 0,
            records: VecDeque::new(),
            len: 0,
            by_connect_id: HashMap::new(),
            by_offered_id: HashMap::new(),
            addresses: Counts::default(),
            ports: Counts::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn at(&mut self, number: u64) -> Option<&mut HalfOpen> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.records.get_mut(index)?.as_mut()
    }

    /// The one for which this CONNECT is a repetition.
    pub(super) fn by_connect_id(&mut self, from: SocketAddr, id: [u8; 4]) -> Option<&mut HalfOpen> {
        let number = *self.by_connect_id.get(&(from, id))?;
        self.at(number)
    }

    /// The one that was offered this number.
    pub(super) fn by_offered_id(&mut self, from: SocketAddr, id: u16) -> Option<&mut HalfOpen> {
        if self.len == 0 {
            return None;
        }
        let number = *self.by_offered_id.get(&(from, id))?;
        self.at(number)
    }

    pub(super) fn is_offered(&self, to: SocketAddr, id: u16) -> bool {
        self.by_offered_id.contains_key(&(to, id))
    }

    /// Makes room for one more record of an address: the oldest makes room, unless it may still be proven. Returns whether
    /// there is room.
    pub(super) fn make_room(&mut self, now: Time, from: SocketAddr) -> bool {
        if self.ports.of(from) >= PER_PORT && !self.evict(now, self.ports.oldest(from)) {
            return false;
        }
        let customer = address_prefix(from.ip());
        self.addresses.of(customer) < self.per_address
            || self.evict(now, self.addresses.oldest(customer))
    }

    /// Drops a record that is no longer protected. Returns whether it was dropped.
    fn evict(&mut self, now: Time, number: Option<u64>) -> bool {
        let Some(number) = number else { return false };
        if self.at(number).is_none_or(|record| now.since(record.sent_at) < PROTECTED) {
            return false;
        }
        self.take(number).is_some()
    }

    /// Adds a record of an address that [has room](Self::make_room) for it.
    pub(super) fn insert(&mut self, record: HalfOpen) {
        // Places of records that were taken out stay until all before them have gone.
        while self.len >= self.limit || self.records.len() >= 2 * self.limit {
            self.drop_first();
        }
        let number = self.first + self.records.len() as u64;
        self.addresses.add(address_prefix(record.address.ip()), number);
        self.ports.add(record.address, number);
        self.by_connect_id.insert((record.address, record.asked.connect_id), number);
        self.by_offered_id.insert((record.address, record.answer.outgoing_peer_id), number);
        self.records.push_back(Some(record));
        self.len += 1;
    }

    /// Takes the one that was offered this number.
    pub(super) fn remove(&mut self, from: SocketAddr, id: u16) -> Option<HalfOpen> {
        let number = *self.by_offered_id.get(&(from, id))?;
        self.take(number)
    }

    fn take(&mut self, number: u64) -> Option<HalfOpen> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let record = self.records.get_mut(index)?.take()?;
        self.forget(&record, number);
        self.trim();
        Some(record)
    }

    fn forget(&mut self, record: &HalfOpen, number: u64) {
        self.len -= 1;
        self.by_connect_id.remove(&(record.address, record.asked.connect_id));
        self.by_offered_id.remove(&(record.address, record.answer.outgoing_peer_id));
        self.addresses.remove(address_prefix(record.address.ip()), number);
        self.ports.remove(record.address, number);
    }

    /// Drops the oldest.
    fn drop_first(&mut self) {
        self.trim();
        self.take(self.first);
    }

    /// Keeps a record at the front. A flood's memory is given back when it is over.
    fn trim(&mut self) {
        while let Some(None) = self.records.front() {
            self.records.pop_front();
            self.first += 1;
        }
        if self.len == 0 && self.records.capacity() > 64 {
            self.records = VecDeque::new();
            self.by_connect_id = HashMap::new();
            self.by_offered_id = HashMap::new();
            self.addresses = Counts::default();
            self.ports = Counts::default();
        }
    }

    /// Takes them all.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = HalfOpen> + use<> {
        let empty = Self::new(self.limit, self.per_address);
        std::mem::replace(self, empty).records.into_iter().flatten()
    }

    /// When the oldest has had its time.
    pub(super) fn deadline(&self) -> Option<Time> {
        Some(self.records.front()?.as_ref()?.sent_at + LIFETIME)
    }

    /// Drops those that have had their time.
    pub(super) fn expire(&mut self, now: Time) {
        while self.deadline().is_some_and(|at| at <= now) {
            self.drop_first();
        }
    }
}

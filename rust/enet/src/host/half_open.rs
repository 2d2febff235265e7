//! Half-open connections: requested by remote hosts whose addresses are not validated.
//!
//! ENet allocates a peer for each CONNECT, so a few thousand datagrams with spoofed addresses fill a host. Here a
//! CONNECT gets a record in a table in which the newest evicts the oldest. A peer is allocated only when the remote
//! host has acknowledged the `VERIFY_CONNECT`, with values that it cannot know otherwise.
//!
//! A sender of spoofed addresses has to guess the peer id and session that were offered (14 bits), and the sequence
//! number and sent time of the `VERIFY_CONNECT` (16 bits each; the sent time is a random number here, which ENet's
//! acknowledgements echo). Each datagram is one guess, a record allows few wrong ones, and an address has few records.

use crate::decompression::DecompressionBudget;
use crate::time::Time;
use crate::wire::ConnectParams;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Lifetime of a record. ENet hosts repeat their CONNECT after half a second.
const LIFETIME: Duration = Duration::from_secs(10);
/// Maximum number of repetitions of a record's `VERIFY_CONNECT`.
const MAX_REPEATS: u8 = 16;
/// Number of wrong acknowledgements after which a record is dropped.
const MAX_WRONG_GUESSES: u8 = 4;
/// Time during which a record is not evicted by others of its address: a round trip, and the pause of a game that
/// stalls. So spoofed requests do not evict a player's request before the player can answer.
const PROTECTION_TIME: Duration = Duration::from_secs(1);
/// Maximum number of records per port of an address, of 4095 peer ids.
const MAX_PER_PORT: usize = 256;

/// A connection whose remote address is not validated.
#[derive(Clone, Debug)]
pub(super) struct HalfOpen {
    pub(super) address: SocketAddr,
    /// The parameters of the CONNECT.
    pub(super) request: ConnectParams,
    pub(super) data: u32,
    /// The parameters of the `VERIFY_CONNECT`.
    pub(super) response: ConnectParams,
    /// The sequence number of the `VERIFY_CONNECT`, which the acknowledgement must name.
    pub(super) sequence: u16,
    /// The sent time of the `VERIFY_CONNECT`, which the acknowledgement must echo: a random number.
    pub(super) sent_time: u16,
    pub(super) sent_at: Time,
    pub(super) repeats: u8,
    pub(super) wrong_guesses: u8,
    pub(super) decompression: DecompressionBudget,
}

impl HalfOpen {
    /// Counts a repetition, and returns true if it is allowed.
    pub(super) fn count_repeat(&mut self) -> bool {
        self.repeats = self.repeats.saturating_add(1);
        self.repeats <= MAX_REPEATS
    }

    /// Counts a wrong acknowledgement, and returns true if the record must be dropped.
    pub(super) fn count_wrong_guess(&mut self) -> bool {
        self.wrong_guesses = self.wrong_guesses.saturating_add(1);
        self.wrong_guesses >= MAX_WRONG_GUESSES
    }
}

/// The half-open connections in order of arrival.
#[derive(Debug)]
pub(super) struct HalfOpenTable {
    limit: usize,
    per_address: usize,
    /// The number of the first record.
    first: u64,
    records: VecDeque<Option<HalfOpen>>,
    len: usize,
    by_connect_id: HashMap<(SocketAddr, [u8; 4]), u64>,
    by_offered_id: HashMap<(SocketAddr, u16), u64>,
    addresses: RecordIndex<IpAddr>,
    ports: RecordIndex<SocketAddr>,
}

/// Record numbers by a key.
#[derive(Debug)]
struct RecordIndex<K> {
    counts: HashMap<K, usize>,
    /// In order of arrival.
    numbers: BTreeSet<(K, u64)>,
}

impl<K> Default for RecordIndex<K> {
    fn default() -> Self {
        Self { counts: HashMap::new(), numbers: BTreeSet::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> RecordIndex<K> {
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

/// Returns the prefix by which addresses are counted: an IPv4 address, or a /64 of IPv6, which is what one network
/// usually has.
pub fn address_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl HalfOpenTable {
    pub(super) fn new(limit: usize, per_address: usize) -> Self {
        Self {
            limit,
            per_address,
            first: 0,
            records: VecDeque::new(),
            len: 0,
            by_connect_id: HashMap::new(),
            by_offered_id: HashMap::new(),
            addresses: RecordIndex::default(),
            ports: RecordIndex::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn at(&mut self, number: u64) -> Option<&mut HalfOpen> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.records.get_mut(index)?.as_mut()
    }

    /// Finds the record that this CONNECT repeats.
    pub(super) fn by_connect_id(&mut self, from: SocketAddr, id: [u8; 4]) -> Option<&mut HalfOpen> {
        let number = *self.by_connect_id.get(&(from, id))?;
        self.at(number)
    }

    /// Finds the record that was offered this peer id.
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

    /// Makes room for another record of an address by evicting the oldest, unless that is still protected. Returns
    /// whether there is room.
    pub(super) fn make_room(&mut self, now: Time, from: SocketAddr) -> bool {
        if self.ports.of(from) >= MAX_PER_PORT && !self.evict(now, self.ports.oldest(from)) {
            return false;
        }
        let prefix = address_prefix(from.ip());
        self.addresses.of(prefix) < self.per_address
            || self.evict(now, self.addresses.oldest(prefix))
    }

    /// Drops a record unless it is protected. Returns true if it was dropped.
    fn evict(&mut self, now: Time, number: Option<u64>) -> bool {
        let Some(number) = number else { return false };
        if self
            .at(number)
            .is_none_or(|record| now.saturating_duration_since(record.sent_at) < PROTECTION_TIME)
        {
            return false;
        }
        self.take(number).is_some()
    }

    /// Adds a record of an address after [`make_room`](Self::make_room).
    pub(super) fn insert(&mut self, record: HalfOpen) {
        // Removed records leave empty entries until all before them are removed.
        while self.len >= self.limit || self.records.len() >= 2 * self.limit {
            self.drop_first();
        }
        let number = self.first + self.records.len() as u64;
        self.addresses.add(address_prefix(record.address.ip()), number);
        self.ports.add(record.address, number);
        self.by_connect_id.insert((record.address, record.request.connect_id), number);
        self.by_offered_id.insert((record.address, record.response.outgoing_peer_id), number);
        self.records.push_back(Some(record));
        self.len += 1;
    }

    /// Removes the record that was offered this peer id.
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
        self.by_connect_id.remove(&(record.address, record.request.connect_id));
        self.by_offered_id.remove(&(record.address, record.response.outgoing_peer_id));
        self.addresses.remove(address_prefix(record.address.ip()), number);
        self.ports.remove(record.address, number);
    }

    /// Drops the oldest record.
    fn drop_first(&mut self) {
        self.trim();
        self.take(self.first);
    }

    /// Removes empty entries from the front. Frees the memory of a flood when it is over.
    fn trim(&mut self) {
        while let Some(None) = self.records.front() {
            self.records.pop_front();
            self.first += 1;
        }
        if self.len == 0 && self.records.capacity() > 64 {
            self.records = VecDeque::new();
            self.by_connect_id = HashMap::new();
            self.by_offered_id = HashMap::new();
            self.addresses = RecordIndex::default();
            self.ports = RecordIndex::default();
        }
    }

    /// Removes all records.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = HalfOpen> + use<> {
        let empty = Self::new(self.limit, self.per_address);
        std::mem::replace(self, empty).records.into_iter().flatten()
    }

    /// Returns when the oldest record expires.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        Some(self.records.front()?.as_ref()?.sent_at + LIFETIME)
    }

    /// Removes expired records.
    pub(super) fn remove_expired(&mut self, now: Time) {
        while self.next_expiry().is_some_and(|at| at <= now) {
            self.drop_first();
        }
    }
}

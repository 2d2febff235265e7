//! Connections that remote hosts have asked for and whose addresses are not proven.
//!
//! ENet gives each CONNECT a peer, so that whoever writes false sender addresses fills a host with a few thousand
//! datagrams. Here it gets a record in a table of its own, of which the oldest makes room for the newest, and a peer only
//! when the remote host has acknowledged our `VERIFY_CONNECT`: with a sequence number that it cannot know otherwise.

use crate::time::Time;
use crate::wire::VerifyConnect;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long a remote host may take. ENet's own repeat their CONNECT after half a second.
const LIFETIME: Duration = Duration::from_secs(10);
/// How often the `VERIFY_CONNECT` of a record is repeated at the most.
const MAXIMUM_REPEATS: u8 = 16;

/// A connection whose remote address is not proven.
#[derive(Clone, Debug)]
pub(super) struct HalfOpen {
    pub(super) address: SocketAddr,
    /// What the remote host asked for.
    pub(super) asked: VerifyConnect,
    pub(super) data: u32,
    /// What it was told.
    pub(super) answer: VerifyConnect,
    /// The sequence number of what it was told, which it is to acknowledge.
    pub(super) sequence: u16,
    pub(super) sent_at: Time,
    pub(super) repeats: u8,
}

impl HalfOpen {
    /// Whether it may be told again.
    pub(super) fn repeat(&mut self) -> bool {
        self.repeats += 1;
        self.repeats <= MAXIMUM_REPEATS
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
    addresses: HashMap<IpAddr, usize>,
}

/// Whose addresses count together: one of IPv4, a /64 of IPv6, which is what a single customer has.
fn customer(address: IpAddr) -> IpAddr {
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
            addresses: HashMap::new(),
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

    /// Adds a record, unless its address has too many.
    pub(super) fn insert(&mut self, record: HalfOpen) -> bool {
        let count = self.addresses.entry(customer(record.address.ip())).or_default();
        if *count >= self.per_address {
            return false;
        }
        *count += 1;
        if self.len >= self.limit {
            self.drop_first();
        }
        let number = self.first + self.records.len() as u64;
        self.by_connect_id.insert((record.address, record.asked.connect_id), number);
        self.by_offered_id.insert((record.address, record.answer.outgoing_peer_id), number);
        self.records.push_back(Some(record));
        self.len += 1;
        true
    }

    /// Takes the one that was offered this number.
    pub(super) fn remove(&mut self, from: SocketAddr, id: u16) -> Option<HalfOpen> {
        let number = *self.by_offered_id.get(&(from, id))?;
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let record = self.records.get_mut(index)?.take()?;
        self.forget(&record);
        self.trim();
        Some(record)
    }

    fn forget(&mut self, record: &HalfOpen) {
        self.len -= 1;
        self.by_connect_id.remove(&(record.address, record.asked.connect_id));
        self.by_offered_id.remove(&(record.address, record.answer.outgoing_peer_id));
        let customer = customer(record.address.ip());
        if let Some(count) = self.addresses.get_mut(&customer) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&customer);
            }
        }
    }

    /// Drops the oldest.
    fn drop_first(&mut self) {
        self.trim();
        if let Some(Some(record)) = self.records.pop_front() {
            self.first += 1;
            self.forget(&record);
        }
        self.trim();
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
            self.addresses = HashMap::new();
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

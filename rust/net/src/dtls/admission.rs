//! How many handshakes may be under way, in all and per customer: an address of IPv4, a /64 of IPv6. A connection that nobody
//! has [claimed](super::Associations::claim), where claims are required, counts as one. And [how often](rate) a customer may
//! begin one.

mod rate;

use crate::reactor::lock;
use lodewire_enet::customer;
use rate::Rate;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longer than an honest handshake takes: the oldest of whoever has most makes room for anybody who has fewer then.
const LONG: Duration = Duration::from_secs(4);

/// Counts the handshakes that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    /// How many there have been.
    numbers: u64,
    /// Since when those of each customer are under way, by their numbers: the oldest first.
    taken: HashMap<IpAddr, BTreeMap<u64, Instant>>,
    count: usize,
    rate: Rate,
}

/// A handshake that is under way. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Ticket {
    places: Arc<Mutex<Places>>,
    customer: IpAddr,
    pub(super) number: u64,
}

/// A handshake may begin.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) ticket: Ticket,
    /// The number of the one that has to make room for it.
    pub(super) evicted: Option<u64>,
}

impl Places {
    fn add(&mut self, now: Instant, customer: IpAddr) -> u64 {
        let number = self.numbers;
        self.numbers += 1;
        self.count += 1;
        self.taken.entry(customer).or_default().insert(number, now);
        number
    }

    fn remove(&mut self, customer: IpAddr, number: u64) {
        if let Some(numbers) = self.taken.get_mut(&customer)
            && numbers.remove(&number).is_some()
        {
            self.count -= 1;
            if numbers.is_empty() {
                self.taken.remove(&customer);
            }
        }
    }

    /// Takes the oldest place of the customer who has most, for one who has `has`: at once if he has at least twice as
    /// many as that one would have, else, if he has more, when it has been held for [`LONG`]. So equals, who would evict
    /// each other without end, and have each hello answered with a signature, wait.
    fn evict(&mut self, now: Instant, has: usize) -> Option<u64> {
        let most = |(customer, numbers): (&IpAddr, &BTreeMap<u64, Instant>)| {
            let (number, begun) = numbers.first_key_value()?;
            Some((numbers.len(), Reverse(*number), *begun, *customer))
        };
        let (len, Reverse(number), begun, customer) = self.taken.iter().filter_map(most).max()?;
        let is_long = now.saturating_duration_since(begun) >= LONG;
        if len < 2 * (has + 1) && !(is_long && len > has) {
            return None;
        }
        self.remove(customer, number);
        Some(number)
    }
}

impl Admission {
    /// A place for a handshake with this address, whose customer may have `per_customer`, and begins as many within
    /// [a few seconds](rate::PERIOD) at most. When there is none, the oldest of whoever has most may have to make room.
    pub(super) fn admit(
        &self,
        now: Instant,
        ip: IpAddr,
        in_all: usize,
        per_customer: usize,
    ) -> Option<Admitted> {
        let mut places = lock(&self.0);
        let customer = customer(ip);
        let has = places.taken.get(&customer).map_or(0, BTreeMap::len);
        let is_over = has >= per_customer || !places.rate.allows(now, customer, per_customer);
        if is_over || in_all == 0 {
            return None;
        }
        let evicted = if places.count >= in_all { Some(places.evict(now, has)?) } else { None };
        places.rate.spend(now, customer, per_customer);
        let number = places.add(now, customer);
        let ticket = Ticket { places: Arc::clone(&self.0), customer, number };
        Some(Admitted { ticket, evicted })
    }

    /// A place whatever the limits are: for a connection that has one of another kind already.
    pub(super) fn readmit(&self, now: Instant, ip: IpAddr) -> Ticket {
        let customer = customer(ip);
        let number = lock(&self.0).add(now, customer);
        Ticket { places: Arc::clone(&self.0), customer, number }
    }

    /// Counts work for a handshake that is more than each costs as one more that begins. Returns when it may be done.
    pub(super) fn charge(&self, now: Instant, ip: IpAddr, per_customer: usize) -> Instant {
        lock(&self.0).rate.spend(now, customer(ip), per_customer)
    }

    /// How many handshakes are under way.
    pub(super) fn count(&self) -> usize {
        lock(&self.0).count
    }
}

impl Ticket {
    /// Whether it has not had to make room.
    pub(super) fn is_good(&self) -> bool {
        let places = lock(&self.places);
        places.taken.get(&self.customer).is_some_and(|numbers| numbers.contains_key(&self.number))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.places).remove(self.customer, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v4(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn v6(network: u16, host: u16) -> IpAddr {
        Ipv6Addr::new(0x2001, 0xDB8, 0, network, 0, 0, 0, host).into()
    }

    #[test]
    fn places_are_limited_per_customer_and_given_back() {
        let (admission, now) = (Admission::default(), Instant::now());
        let first = admission.admit(now, v4(1), 3, 2);
        let second = admission.admit(now, v4(1), 3, 2);
        assert!(first.is_some() && second.is_some());
        assert!(admission.admit(now, v4(1), 3, 2).is_none(), "of one address");
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().into();
        assert!(admission.admit(now, mapped, 3, 2).is_none(), "of the same address");
        drop(first);
        assert!(admission.admit(now, v4(1), 3, 2).is_some());
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_count_together() {
        let (admission, now) = (Admission::default(), Instant::now());
        let kept: Vec<_> =
            (0..10).filter_map(|host| admission.admit(now, v6(1, host), 100, 4)).collect();
        assert_eq!((kept.len(), admission.count()), (4, 4));
        assert!(admission.admit(now, v6(2, 1), 100, 4).is_some());
    }

    #[test]
    fn who_has_most_makes_room_with_the_oldest() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |now, ip| admission.admit(now, ip, 6, 4);
        let mut kept: Vec<_> = (0..4).filter_map(|host| admit(now, v6(1, host))).collect();
        kept.extend(admit(now, v4(1)));
        kept.extend(admit(now, v4(2)));
        assert_eq!(kept.len(), 6);
        for oldest in 0..3 {
            let new = admit(now, v4(3 + oldest)).expect("room");
            assert_eq!(new.evicted, Some(oldest.into()), "of the network with most");
            assert!(!kept[usize::from(oldest)].ticket.is_good());
            kept.push(new);
        }
        assert!(kept[3..].iter().all(|kept| kept.ticket.is_good()));
        assert!(admit(now + LONG, v4(3)).is_none(), "everybody has one, and it has one");
        assert!(admit(now, v4(9)).is_none(), "nobody has two");
        let new = admit(now + LONG, v4(9)).expect("room");
        assert_eq!(new.evicted, Some(3), "the oldest of all");
        drop(kept);
        assert_eq!(admission.count(), 1);
        drop(new);
        assert_eq!(admission.count(), 0);
    }

    #[test]
    fn equals_do_not_evict_each_other_and_a_newcomer_gets_in() {
        let (admission, begin) = (Admission::default(), Instant::now());
        let admit = |now, ip| admission.admit(now, ip, 32, 8);
        let mut kept: Vec<_> = Vec::new();
        // Six addresses hold them all, five or six each, and ask again every 5 ms.
        let mut count = 0;
        for asked in 0_u32..3200 {
            let now = begin + Duration::from_millis(5) * asked;
            let attacker = v4(u8::try_from(asked % 6).expect("few"));
            if let Some(new) = admit(now, attacker) {
                count += 1;
                kept.push(new);
            }
        }
        assert_eq!(admission.count(), 32);
        // Each place changes its holder at most once in 4 s.
        assert!(count <= 32 * 5, "{count} in 16 s");
        let now = begin + Duration::from_secs(16);
        let newcomer = admit(now, v4(100)).expect("room");
        for asked in 0_u32..600 {
            let now = now + Duration::from_millis(5) * asked;
            kept.extend(admit(now, v4(u8::try_from(asked % 6).expect("few"))));
            assert!(newcomer.ticket.is_good());
        }
    }
}

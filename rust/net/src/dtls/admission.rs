//! How many handshakes may be under way, in all and per customer: an address of IPv4, a /64 of IPv6.

use crate::reactor::lock;
use lodewire_enet::customer;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts the handshakes that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    /// How many there have been.
    numbers: u64,
    /// Those of each customer, by their numbers: the oldest first.
    taken: HashMap<IpAddr, BTreeSet<u64>>,
    count: usize,
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
    fn remove(&mut self, customer: IpAddr, number: u64) {
        if let Some(numbers) = self.taken.get_mut(&customer)
            && numbers.remove(&number)
        {
            self.count -= 1;
            if numbers.is_empty() {
                self.taken.remove(&customer);
            }
        }
    }

    /// Takes the oldest place of the customer who has most: for one who has fewer.
    fn evict(&mut self, has: usize) -> Option<u64> {
        let most = |(customer, numbers): (&IpAddr, &BTreeSet<u64>)| {
            Some((numbers.len(), Reverse(*numbers.first()?), *customer))
        };
        let (len, Reverse(number), customer) = self.taken.iter().filter_map(most).max()?;
        if len <= has {
            return None;
        }
        self.remove(customer, number);
        Some(number)
    }
}

impl Admission {
    /// A place for a handshake with this address. When there is none, the oldest of whoever has most makes room, if that is
    /// more than this customer has.
    pub(super) fn admit(&self, ip: IpAddr, in_all: usize, per_customer: usize) -> Option<Admitted> {
        let mut places = lock(&self.0);
        let customer = customer(ip);
        let has = places.taken.get(&customer).map_or(0, BTreeSet::len);
        if has >= per_customer || in_all == 0 {
            return None;
        }
        let evicted = if places.count >= in_all { Some(places.evict(has)?) } else { None };
        let number = places.numbers;
        places.numbers += 1;
        places.count += 1;
        places.taken.entry(customer).or_default().insert(number);
        let ticket = Ticket { places: Arc::clone(&self.0), customer, number };
        Some(Admitted { ticket, evicted })
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
        places.taken.get(&self.customer).is_some_and(|numbers| numbers.contains(&self.number))
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
        let admission = Admission::default();
        let first = admission.admit(v4(1), 3, 2);
        let second = admission.admit(v4(1), 3, 2);
        assert!(first.is_some() && second.is_some());
        assert!(admission.admit(v4(1), 3, 2).is_none(), "of one address");
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().into();
        assert!(admission.admit(mapped, 3, 2).is_none(), "of the same address");
        drop(first);
        assert!(admission.admit(v4(1), 3, 2).is_some());
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_count_together() {
        let admission = Admission::default();
        let kept: Vec<_> =
            (0..10).filter_map(|host| admission.admit(v6(1, host), 100, 4)).collect();
        assert_eq!((kept.len(), admission.count()), (4, 4));
        assert!(admission.admit(v6(2, 1), 100, 4).is_some());
    }

    #[test]
    fn who_has_most_makes_room_with_the_oldest() {
        let admission = Admission::default();
        let admit = |ip| admission.admit(ip, 6, 4);
        let mut kept: Vec<_> = (0..4).filter_map(|host| admit(v6(1, host))).collect();
        kept.extend(admit(v4(1)));
        kept.extend(admit(v4(2)));
        assert_eq!(kept.len(), 6);
        for oldest in 0..3 {
            let new = admit(v4(3 + oldest)).expect("room");
            assert_eq!(new.evicted, Some(oldest.into()), "of the network with most");
            assert!(!kept[usize::from(oldest)].ticket.is_good());
            kept.push(new);
        }
        assert!(kept[3..].iter().all(|kept| kept.ticket.is_good()));
        assert!(admit(v4(3)).is_none(), "everybody has one, and it has one");
        let new = admit(v4(9)).expect("room");
        assert_eq!(new.evicted, Some(3), "the oldest of all");
        drop(kept);
        assert_eq!(admission.count(), 1);
        drop(new);
        assert_eq!(admission.count(), 0);
    }
}

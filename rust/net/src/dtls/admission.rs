//! How many handshakes may be under way, in all, per customer (an address of IPv4, a /64 of IPv6) and per site (a /48 of IPv6,
//! which may be all of one network's). A connection that nobody has [claimed](super::Associations::claim), where claims are
//! required, counts as one. And [how often](RateLimiter) customers and sites may begin one.

mod holders;

use crate::rate_limiter::RateLimiter;
use crate::reactor::lock;
use holders::{Holders, Most, site};
use lodewire_enet::address_prefix;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How many may begin at once, in multiples of those that may be under way: a thousand players behind one address of IPv4 who
/// come in the same second all come in.
const BURST: usize = 4;

/// After a burst, as many as were in it may begin within this time.
const PERIOD: Duration = Duration::from_secs(16);

/// Longer than an honest handshake takes: the oldest of whoever has most makes room for anybody who has fewer then.
const LONG: Duration = Duration::from_secs(4);

/// A site may have, and begin, as much as so many of its customers: of a carrier's site, each is somebody else.
const SITE: usize = 2;

/// The smallest burst is this often [`BURST`], however few handshakes may be under way at once.
const LEAST_BURST: usize = 64;

/// Counts the handshakes that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<Places>>);

#[derive(Debug)]
struct Places {
    /// How many there have been.
    numbers: u64,
    holders: Holders,
    rate: RateLimiter,
    rate_of_sites: RateLimiter,
}

/// A place for a handshake.
enum Place {
    Free,
    /// The oldest one of somebody, who has to give it up.
    Of(Most),
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

impl Default for Places {
    fn default() -> Self {
        Self {
            numbers: 0,
            holders: Holders::default(),
            rate: RateLimiter::new(PERIOD),
            rate_of_sites: RateLimiter::new(PERIOD),
        }
    }
}

impl Places {
    fn add(&mut self, now: Instant, customer: IpAddr) -> u64 {
        let number = self.numbers;
        self.numbers += 1;
        self.holders.add(customer, number, now);
        number
    }

    /// Counts a handshake that begins. Returns from when on it is within what its customer and its site may begin.
    fn spend(&mut self, now: Instant, customer: IpAddr, per_customer: usize) -> Instant {
        let burst = BURST.saturating_mul(per_customer.max(LEAST_BURST));
        let of_site = self.rate_of_sites.take(now, site(customer), SITE.saturating_mul(burst));
        self.rate.take(now, customer, burst).max(of_site)
    }

    /// Whether a customer and its site may begin one more.
    fn allows(&self, now: Instant, customer: IpAddr, per_customer: usize) -> bool {
        let burst = BURST.saturating_mul(per_customer.max(LEAST_BURST));
        self.rate.allows(now, customer, burst)
            && self.rate_of_sites.allows(now, site(customer), SITE.saturating_mul(burst))
    }

    /// The place that a customer would get.
    fn place(
        &self,
        now: Instant,
        customer: IpAddr,
        in_all: usize,
        per_customer: usize,
    ) -> Option<Place> {
        let is_over = self.holders.len(customer) >= per_customer;
        if in_all == 0 || is_over || !self.allows(now, customer, per_customer) {
            return None;
        }
        let of_site = self.holders.len_of_site(site(customer));
        let is_site_full = of_site >= SITE.saturating_mul(per_customer);
        if is_site_full || self.holders.count() >= in_all {
            return self.evictable(now, customer, is_site_full).map(Place::Of);
        }
        Some(Place::Free)
    }

    /// The oldest place of whoever has most, for a customer who has fewer: of the customer's own site, and unless that is full
    /// of the site that has most. It is given up at once if that one has at least twice as many as the customer, or its site,
    /// would have; else, if that one has more, when it has been held for [`LONG`]. So equals, who would evict each other without
    /// end, and have each hello answered with a signature, wait.
    fn evictable(&self, now: Instant, customer: IpAddr, is_site_full: bool) -> Option<Most> {
        let site = site(customer);
        let gives_up = |most: &Most, len: usize, has: usize| {
            let is_long = now.saturating_duration_since(most.since) >= LONG;
            len >= 2 * (has + 1) || is_long && len > has
        };
        let of_all = self.holders.most().filter(|most| {
            let len = self.holders.len_of_site(most.site);
            let is_other = most.site != site && !is_site_full;
            is_other && gives_up(most, len, self.holders.len_of_site(site))
        });
        let of_site = || {
            let most = self.holders.most_of(site)?;
            gives_up(&most, most.len, self.holders.len(customer)).then_some(most)
        };
        of_all.or_else(of_site)
    }
}

impl Admission {
    /// Whether [`admit`](Self::admit) would give a place now.
    pub(super) fn takes(
        &self,
        now: Instant,
        ip: IpAddr,
        in_all: usize,
        per_customer: usize,
    ) -> bool {
        lock(&self.0).place(now, address_prefix(ip), in_all, per_customer).is_some()
    }

    /// A place for a handshake with this address, whose customer may have `per_customer`, and begins as many within
    /// [some seconds](PERIOD) at most. When there is none, the oldest of whoever has most may have to make room.
    pub(super) fn admit(
        &self,
        now: Instant,
        ip: IpAddr,
        in_all: usize,
        per_customer: usize,
    ) -> Option<Admitted> {
        let mut places = lock(&self.0);
        let customer = address_prefix(ip);
        let evicted = match places.place(now, customer, in_all, per_customer)? {
            Place::Free => None,
            Place::Of(most) => {
                places.holders.remove(most.customer, most.number);
                Some(most.number)
            }
        };
        places.spend(now, customer, per_customer);
        let number = places.add(now, customer);
        let ticket = Ticket { places: Arc::clone(&self.0), customer, number };
        Some(Admitted { ticket, evicted })
    }

    /// A place whatever the limits are: for a connection that has one of another kind already.
    pub(super) fn readmit(&self, now: Instant, ip: IpAddr) -> Ticket {
        let customer = address_prefix(ip);
        let number = lock(&self.0).add(now, customer);
        Ticket { places: Arc::clone(&self.0), customer, number }
    }

    /// Counts work for a handshake that is more than each costs as one more that begins. Returns when it may be done.
    pub(super) fn charge(&self, now: Instant, ip: IpAddr, per_customer: usize) -> Instant {
        lock(&self.0).spend(now, address_prefix(ip), per_customer)
    }

    /// How many handshakes are under way.
    pub(super) fn count(&self) -> usize {
        lock(&self.0).holders.count()
    }
}

impl Ticket {
    /// Whether it has not had to make room.
    pub(super) fn is_good(&self) -> bool {
        lock(&self.places).holders.has(self.customer, self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.places).holders.remove(self.customer, self.number);
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
        of_site(0, network, host)
    }

    fn of_site(site: u16, network: u16, host: u16) -> IpAddr {
        Ipv6Addr::new(0x2001, 0xDB8, site, network, 0, 0, 0, host).into()
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

    #[test]
    fn networks_of_one_site_count_together() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |ip| admission.admit(now, ip, 1024, 256);
        // Each has another /64 of one /48.
        let kept: Vec<_> = (0..5000).filter_map(|network| admit(of_site(1, network, 1))).collect();
        assert_eq!((kept.len(), admission.count()), (512, 512), "as much as two customers");
        assert!(admit(of_site(2, 1, 1)).is_some() && admit(v4(1)).is_some());
        let other = admission.admit(now + LONG, of_site(1, 6000, 1), 1024, 256).expect("room");
        assert_eq!(
            other.evicted,
            Some(0),
            "the oldest of its site, also when there is room elsewhere"
        );
        drop(kept);
        let more = (0..5000).filter(|_| admit(of_site(1, 0, 1)).is_some()).count();
        assert!(more <= BURST * 512, "it begins {more}, more than it may for now");
        let later = now + PERIOD;
        assert!(admission.admit(later, of_site(1, 0, 1), 1024, 256).is_some());
    }

    #[test]
    fn a_site_of_many_networks_keeps_nobody_out() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |now, ip| admission.admit(now, ip, 96, 64);
        // One has two sites, and a place for each of their networks: it takes all.
        let mut kept: Vec<_> = (0..96)
            .filter_map(|network| admit(now, of_site(1 + network % 2, network, 1)))
            .collect();
        assert_eq!(admission.count(), 96);
        for other in 0..20 {
            let new = admit(now, v4(other)).expect("room");
            assert!(new.evicted.is_some_and(|number| number < 96));
            kept.push(new);
        }
        assert!(admit(now, of_site(1, 200, 1)).is_none(), "not for one more network of it");
    }

    #[test]
    fn others_of_an_attackers_site_get_in() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |ip| admission.admit(now, ip, 96, 64);
        let mut kept: Vec<_> = (0..64).filter_map(|host| admit(of_site(1, 0, host))).collect();
        kept.extend((0..32).filter_map(|host| admit(v4(host))));
        assert_eq!(admission.count(), 96);
        let new = admit(of_site(1, 1, 1)).expect("room");
        assert_eq!(new.evicted, Some(0), "of the network with most");
        // Also when another site has more than theirs.
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |ip| admission.admit(now, ip, 96, 64);
        let mut kept: Vec<_> = (0..46).filter_map(|host| admit(of_site(1, 0, host))).collect();
        kept.extend((0..50).filter_map(|host| admit(of_site(2, 0, host))));
        assert_eq!(admission.count(), 96);
        let new = admit(of_site(1, 1, 1)).expect("room");
        assert_eq!(new.evicted, Some(0));
    }
}

//! The admission of handshakes. Their number is limited in total, per address prefix (an IPv4 address or an IPv6 /64) and per
//! site (an IPv6 /48, which may belong to a single network). An unclaimed connection counts as a handshake, where
//! [claims](super::ConnectionTable::claim) are required. A [rate](RateLimiter) limits how often prefixes and sites start one.

mod holders;

use crate::rate_limiter::RateLimiter;
use crate::reactor::lock;
use holders::{LargestHolder, PermitHolders, site};
use lodewire_enet::address_prefix;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Size of a burst, in multiples of the maximum number of concurrent handshakes: a thousand players behind one IPv4 address
/// can join in the same second.
const BURST_FACTOR: usize = 4;

/// Time after which a full burst is available again.
const REFILL_PERIOD: Duration = Duration::from_secs(16);

/// Age, longer than an honest handshake, from which the oldest permit of the largest holder is given to any smaller
/// holder.
const MIN_EVICTION_AGE: Duration = Duration::from_secs(4);

/// Limits of a site, in multiples of those of a prefix: in the site of a mobile carrier, each prefix is another
/// customer.
const SITE_FACTOR: usize = 2;

/// Minimum number of concurrent handshakes that a burst is computed from.
const MIN_BURST: usize = 64;

/// Admits handshakes, and counts those in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The number of the next permit.
    next_number: u64,
    holders: PermitHolders,
    rate: RateLimiter,
    site_rate: RateLimiter,
}

/// A slot for a handshake.
enum Slot {
    Free,
    /// A slot that is free once the oldest permit of this holder is revoked.
    Evict(LargestHolder),
}

/// The permit of a handshake in progress. Dropping it frees the slot.
#[derive(Debug)]
pub(super) struct HandshakePermit {
    state: Arc<Mutex<State>>,
    prefix: IpAddr,
    pub(super) number: u64,
}

/// An admitted handshake.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) permit: HandshakePermit,
    /// The number of the permit that was revoked for it.
    pub(super) evicted: Option<u64>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            next_number: 0,
            holders: PermitHolders::default(),
            rate: RateLimiter::new(REFILL_PERIOD),
            site_rate: RateLimiter::new(REFILL_PERIOD),
        }
    }
}

impl State {
    fn add(&mut self, now: Instant, prefix: IpAddr) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.holders.add(prefix, number, now);
        number
    }

    /// Charges the start of a handshake. Returns the time from which it is within the rates of its prefix and site.
    fn spend(&mut self, now: Instant, prefix: IpAddr, max_per_prefix: usize) -> Instant {
        let burst = BURST_FACTOR.saturating_mul(max_per_prefix.max(MIN_BURST));
        let of_site = self.site_rate.take(now, site(prefix), SITE_FACTOR.saturating_mul(burst));
        self.rate.take(now, prefix, burst).max(of_site)
    }

    /// Returns true if the rates of a prefix and its site allow another handshake.
    fn allows(&self, now: Instant, prefix: IpAddr, max_per_prefix: usize) -> bool {
        let burst = BURST_FACTOR.saturating_mul(max_per_prefix.max(MIN_BURST));
        self.rate.allows(now, prefix, burst)
            && self.site_rate.allows(now, site(prefix), SITE_FACTOR.saturating_mul(burst))
    }

    /// Returns the slot that a prefix would get.
    fn slot(
        &self,
        now: Instant,
        prefix: IpAddr,
        max_total: usize,
        max_per_prefix: usize,
    ) -> Option<Slot> {
        let is_over = self.holders.len(prefix) >= max_per_prefix;
        if max_total == 0 || is_over || !self.allows(now, prefix, max_per_prefix) {
            return None;
        }
        let of_site = self.holders.len_of_site(site(prefix));
        let is_site_full = of_site >= SITE_FACTOR.saturating_mul(max_per_prefix);
        if is_site_full || self.holders.count() >= max_total {
            return self.evictable(now, prefix, is_site_full).map(Slot::Evict);
        }
        Some(Slot::Free)
    }

    /// Returns the holder whose oldest permit may be revoked for a prefix: the largest one of the largest site or, also
    /// if the prefix's own site is full, the largest one of that. The permit is revoked at once if its holder (or site)
    /// has at least twice as many as the prefix (or its site) would have then, and after [`MIN_EVICTION_AGE`] if it has
    /// more. So equal holders wait, instead of evicting each other forever at the cost of a signature each time.
    fn evictable(&self, now: Instant, prefix: IpAddr, is_site_full: bool) -> Option<LargestHolder> {
        let site = site(prefix);
        let may_evict = |largest: &LargestHolder, len: usize, has: usize| {
            let is_long = now.saturating_duration_since(largest.since) >= MIN_EVICTION_AGE;
            len >= 2 * (has + 1) || is_long && len > has
        };
        let of_all = self.holders.largest().filter(|largest| {
            let len = self.holders.len_of_site(largest.site);
            let is_other = largest.site != site && !is_site_full;
            is_other && may_evict(largest, len, self.holders.len_of_site(site))
        });
        let of_site = || {
            let largest = self.holders.largest_of(site)?;
            may_evict(&largest, largest.len, self.holders.len(prefix)).then_some(largest)
        };
        of_all.or_else(of_site)
    }
}

impl Admission {
    /// Returns true if [`admit`](Self::admit) would succeed now.
    pub(super) fn would_admit(
        &self,
        now: Instant,
        ip: IpAddr,
        max_total: usize,
        max_per_prefix: usize,
    ) -> bool {
        lock(&self.0).slot(now, address_prefix(ip), max_total, max_per_prefix).is_some()
    }

    /// Admits a handshake with this address, within the limits and rates. If no slot is free, this may revoke the
    /// oldest permit of the largest holder.
    pub(super) fn admit(
        &self,
        now: Instant,
        ip: IpAddr,
        max_total: usize,
        max_per_prefix: usize,
    ) -> Option<Admitted> {
        let mut state = lock(&self.0);
        let prefix = address_prefix(ip);
        let evicted = match state.slot(now, prefix, max_total, max_per_prefix)? {
            Slot::Free => None,
            Slot::Evict(largest) => {
                state.holders.remove(largest.prefix, largest.number);
                Some(largest.number)
            }
        };
        state.spend(now, prefix, max_per_prefix);
        let number = state.add(now, prefix);
        let permit = HandshakePermit { state: Arc::clone(&self.0), prefix, number };
        Some(Admitted { permit, evicted })
    }

    /// Issues a permit regardless of the limits, to a connection that counts in another way already.
    pub(super) fn readmit(&self, now: Instant, ip: IpAddr) -> HandshakePermit {
        let prefix = address_prefix(ip);
        let number = lock(&self.0).add(now, prefix);
        HandshakePermit { state: Arc::clone(&self.0), prefix, number }
    }

    /// Charges extra work of a handshake like the start of another one. Returns when the work may be done.
    pub(super) fn charge(&self, now: Instant, ip: IpAddr, max_per_prefix: usize) -> Instant {
        lock(&self.0).spend(now, address_prefix(ip), max_per_prefix)
    }

    /// Returns the number of handshakes in progress.
    pub(super) fn count(&self) -> usize {
        lock(&self.0).holders.count()
    }
}

impl HandshakePermit {
    /// Returns false if the permit was revoked.
    pub(super) fn is_valid(&self) -> bool {
        lock(&self.state).holders.has(self.prefix, self.number)
    }
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        lock(&self.state).holders.remove(self.prefix, self.number);
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
    fn permits_are_limited_per_prefix_and_returned() {
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
    fn addresses_of_one_ipv6_64_count_together() {
        let (admission, now) = (Admission::default(), Instant::now());
        let kept: Vec<_> =
            (0..10).filter_map(|host| admission.admit(now, v6(1, host), 100, 4)).collect();
        assert_eq!((kept.len(), admission.count()), (4, 4));
        assert!(admission.admit(now, v6(2, 1), 100, 4).is_some());
    }

    #[test]
    fn oldest_permit_of_the_largest_holder_is_evicted() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |now, ip| admission.admit(now, ip, 6, 4);
        let mut kept: Vec<_> = (0..4).filter_map(|host| admit(now, v6(1, host))).collect();
        kept.extend(admit(now, v4(1)));
        kept.extend(admit(now, v4(2)));
        assert_eq!(kept.len(), 6);
        for oldest in 0..3 {
            let new = admit(now, v4(3 + oldest)).expect("room");
            assert_eq!(
                new.evicted,
                Some(oldest.into()),
                "the oldest of the network with the most handshakes"
            );
            assert!(!kept[usize::from(oldest)].permit.is_valid());
            kept.push(new);
        }
        assert!(kept[3..].iter().all(|kept| kept.permit.is_valid()));
        assert!(
            admit(now + MIN_EVICTION_AGE, v4(3)).is_none(),
            "each network has one handshake, and the new one has one as well"
        );
        assert!(admit(now, v4(9)).is_none(), "nobody has two");
        let new = admit(now + MIN_EVICTION_AGE, v4(9)).expect("room");
        assert_eq!(new.evicted, Some(3), "the oldest of all");
        drop(kept);
        assert_eq!(admission.count(), 1);
        drop(new);
        assert_eq!(admission.count(), 0);
    }

    #[test]
    fn equal_holders_do_not_evict_each_other_and_a_newcomer_is_admitted() {
        let (admission, begin) = (Admission::default(), Instant::now());
        let admit = |now, ip| admission.admit(now, ip, 32, 8);
        let mut kept: Vec<_> = Vec::new();
        // Six addresses hold all permits, five or six each, and retry every 5 ms.
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
        // Each permit is revoked at most once in 4 s.
        assert!(count <= 32 * 5, "{count} in 16 s");
        let now = begin + Duration::from_secs(16);
        let newcomer = admit(now, v4(100)).expect("room");
        for asked in 0_u32..600 {
            let now = now + Duration::from_millis(5) * asked;
            kept.extend(admit(now, v4(u8::try_from(asked % 6).expect("few"))));
            assert!(newcomer.permit.is_valid());
        }
    }

    #[test]
    fn prefixes_of_one_site_count_together() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |ip| admission.admit(now, ip, 1024, 256);
        // Each has another /64 of one /48.
        let kept: Vec<_> = (0..5000).filter_map(|network| admit(of_site(1, network, 1))).collect();
        assert_eq!((kept.len(), admission.count()), (512, 512), "as much as two prefixes");
        assert!(admit(of_site(2, 1, 1)).is_some() && admit(v4(1)).is_some());
        let other =
            admission.admit(now + MIN_EVICTION_AGE, of_site(1, 6000, 1), 1024, 256).expect("room");
        assert_eq!(
            other.evicted,
            Some(0),
            "the oldest of its site, also when there is room elsewhere"
        );
        drop(kept);
        let more = (0..5000).filter(|_| admit(of_site(1, 0, 1)).is_some()).count();
        assert!(more <= BURST_FACTOR * 512, "it begins {more}, more than it may for now");
        let later = now + REFILL_PERIOD;
        assert!(admission.admit(later, of_site(1, 0, 1), 1024, 256).is_some());
    }

    #[test]
    fn a_site_with_many_prefixes_excludes_no_one() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |now, ip| admission.admit(now, ip, 96, 64);
        // An attacker with two sites takes a permit for each of their prefixes: all permits.
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
    fn other_prefixes_of_an_attackers_site_are_admitted() {
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |ip| admission.admit(now, ip, 96, 64);
        let mut kept: Vec<_> = (0..64).filter_map(|host| admit(of_site(1, 0, host))).collect();
        kept.extend((0..32).filter_map(|host| admit(v4(host))));
        assert_eq!(admission.count(), 96);
        let new = admit(of_site(1, 1, 1)).expect("room");
        assert_eq!(new.evicted, Some(0), "the oldest of the network with the most handshakes");
        // Also if another site is larger than theirs.
        let (admission, now) = (Admission::default(), Instant::now());
        let admit = |ip| admission.admit(now, ip, 96, 64);
        let mut kept: Vec<_> = (0..46).filter_map(|host| admit(of_site(1, 0, host))).collect();
        kept.extend((0..50).filter_map(|host| admit(of_site(2, 0, host))));
        assert_eq!(admission.count(), 96);
        let new = admit(of_site(1, 1, 1)).expect("room");
        assert_eq!(new.evicted, Some(0));
    }
}

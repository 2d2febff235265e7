//! Who holds the places: customers, and the sites that they belong to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// How many places somebody has, and the number of the one that would be given up first.
type Rank = (usize, Reverse<u64>);

/// What a customer's address belongs to: a /48 of IPv6, of which a network may have all; an address of IPv4 is its own site.
pub(super) fn site(customer: IpAddr) -> IpAddr {
    match customer {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The places that are taken. Whoever has most is found without a look at the others.
#[derive(Debug, Default)]
pub(super) struct Holders {
    count: usize,
    /// Since when each customer has its places, by their numbers: the oldest first.
    customers: HashMap<IpAddr, BTreeMap<u64, Instant>>,
    /// How many places each site has.
    sites: HashMap<IpAddr, usize>,
    /// The customers of each site: the last of them has most.
    customers_by_rank: BTreeSet<(IpAddr, Rank, IpAddr)>,
    /// The sites: the last has most.
    sites_by_rank: BTreeSet<(Rank, IpAddr)>,
}

/// Whoever has most, of a site or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Most {
    pub(super) site: IpAddr,
    pub(super) customer: IpAddr,
    /// How many places that customer has.
    pub(super) len: usize,
    /// The oldest of them.
    pub(super) number: u64,
    pub(super) since: Instant,
}

impl Holders {
    pub(super) fn add(&mut self, customer: IpAddr, number: u64, now: Instant) {
        self.change(customer, |numbers| numbers.insert(number, now).is_none());
    }

    /// Returns whether it was there.
    pub(super) fn remove(&mut self, customer: IpAddr, number: u64) -> bool {
        self.change(customer, |numbers| numbers.remove(&number).is_some())
    }

    /// Changes a customer's places by one, if `change` says so.
    fn change(
        &mut self,
        customer: IpAddr,
        change: impl FnOnce(&mut BTreeMap<u64, Instant>) -> bool,
    ) -> bool {
        let site = site(customer);
        let site_before = self.rank_of_site(site);
        let numbers = self.customers.entry(customer).or_default();
        let rank = |numbers: &BTreeMap<u64, Instant>| {
            let (oldest, _) = numbers.first_key_value()?;
            Some((site, (numbers.len(), Reverse(*oldest)), customer))
        };
        let (len, before) = (numbers.len(), rank(numbers));
        let is_changed = change(numbers);
        let (new_len, after) = (numbers.len(), rank(numbers));
        if new_len == 0 {
            self.customers.remove(&customer);
        }
        if let Some(before) = before {
            self.customers_by_rank.remove(&before);
        }
        self.customers_by_rank.extend(after);
        self.count = self.count - len + new_len;
        let of_site = self.sites.entry(site).or_default();
        *of_site = *of_site - len + new_len;
        if *of_site == 0 {
            self.sites.remove(&site);
        }
        if let Some(before) = site_before {
            self.sites_by_rank.remove(&(before, site));
        }
        let site_after = self.rank_of_site(site);
        self.sites_by_rank.extend(site_after.map(|rank| (rank, site)));
        is_changed
    }

    fn rank_of_site(&self, site: IpAddr) -> Option<Rank> {
        let number = self.most_of(site)?.number;
        Some((self.len_of_site(site), Reverse(number)))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many a customer has.
    pub(super) fn len(&self, customer: IpAddr) -> usize {
        self.customers.get(&customer).map_or(0, BTreeMap::len)
    }

    /// How many a site has.
    pub(super) fn len_of_site(&self, site: IpAddr) -> usize {
        self.sites.get(&site).copied().unwrap_or_default()
    }

    /// Whether a place is still taken.
    pub(super) fn has(&self, customer: IpAddr, number: u64) -> bool {
        self.customers.get(&customer).is_some_and(|numbers| numbers.contains_key(&number))
    }

    /// The customer who has most of the site that has most. Of equals, it is the one with the oldest place.
    pub(super) fn most(&self) -> Option<Most> {
        self.most_of(self.sites_by_rank.last()?.1)
    }

    /// The customer who has most of a site.
    pub(super) fn most_of(&self, site: IpAddr) -> Option<Most> {
        let last = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));
        let end = (site, (usize::MAX, Reverse(0)), last);
        let found = self.customers_by_rank.range(..=end).next_back();
        let (_, (len, Reverse(number)), customer) = *found.filter(|(of, ..)| *of == site)?;
        let since = *self.customers.get(&customer)?.get(&number)?;
        Some(Most { site, customer, len, number, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn customer(site: u16, network: u16) -> IpAddr {
        match site {
            0 => std::net::Ipv4Addr::from_bits(0x0A00_0000 + u32::from(network)).into(),
            _ => Ipv6Addr::new(0x2001, 0xDB8, site, network, 0, 0, 0, 0).into(),
        }
    }

    #[test]
    fn whoever_has_most_is_found_whatever_comes_and_goes() {
        let (mut holders, now) = (Holders::default(), Instant::now());
        let mut kept: Vec<(IpAddr, u64)> = Vec::new();
        let mut state = 1_u64;
        let mut roll = |sides: u16| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u16::try_from((state >> 33) % u64::from(sides)).expect("small")
        };
        for number in 0..3000 {
            if kept.is_empty() || roll(100) < 52 {
                let of = customer(roll(4), roll(5));
                holders.add(of, number, now);
                kept.push((of, number));
            } else {
                let index = usize::from(roll(u16::try_from(kept.len()).expect("few")));
                let (of, number) = kept.swap_remove(index);
                assert!(holders.has(of, number) && holders.remove(of, number));
                assert!(!holders.has(of, number) && !holders.remove(of, number));
            }
            let count = |is: &dyn Fn(IpAddr) -> bool| kept.iter().filter(|(of, _)| is(*of)).count();
            let oldest =
                |of| kept.iter().filter(|(by, _)| *by == of).map(|(_, number)| number).min();
            // Of a site, and then of all, by a look at everybody.
            let customers: HashSet<_> = kept.iter().map(|(of, _)| *of).collect();
            let rank = |of: &IpAddr| (count(&|by| by == *of), Reverse(oldest(*of)));
            let most_of = |site_: IpAddr| {
                customers.iter().copied().filter(|of| site(*of) == site_).max_by_key(rank)
            };
            let sites: HashSet<_> = customers.iter().map(|of| site(*of)).collect();
            let most = sites.iter().max_by_key(|at| {
                (count(&|by| site(by) == **at), Reverse(most_of(**at).and_then(oldest)))
            });
            let most = most.and_then(|at| most_of(*at));
            assert_eq!(holders.most().map(|most| most.customer), most);
            if let Some(most) = holders.most() {
                assert_eq!(Some(&most.number), oldest(most.customer));
                assert_eq!(most.len, holders.len(most.customer));
                assert_eq!(holders.len_of_site(most.site), count(&|by| site(by) == most.site));
            }
            assert_eq!(holders.count(), kept.len());
        }
        for (of, number) in kept {
            holders.remove(of, number);
        }
        assert!(holders.customers.is_empty() && holders.sites.is_empty());
        assert!(holders.customers_by_rank.is_empty() && holders.sites_by_rank.is_empty());
    }
}

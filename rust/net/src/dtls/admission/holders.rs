//! The holders of permits: address prefixes, and the sites that they belong to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// The rank of a holder: its number of permits, and the number of the oldest one.
type Rank = (usize, Reverse<u64>);

/// Returns the site of a prefix: an IPv6 /48, which may belong to a single network. An IPv4 address is its own site.
pub(super) fn site(prefix: IpAddr) -> IpAddr {
    match prefix {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 80 << 80).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The issued permits. The largest holder is found without visiting the others.
#[derive(Debug, Default)]
pub(super) struct PermitHolders {
    count: usize,
    /// The permits of each prefix: when they were issued, by number, the oldest first.
    prefixes: HashMap<IpAddr, BTreeMap<u64, Instant>>,
    /// The number of permits of each site.
    sites: HashMap<IpAddr, usize>,
    /// The prefixes by site and rank: the last one of a site is its largest.
    prefixes_by_rank: BTreeSet<(IpAddr, Rank, IpAddr)>,
    /// The sites by rank: the last is the largest.
    sites_by_rank: BTreeSet<(Rank, IpAddr)>,
}

/// The largest holder of a site, or of all sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LargestHolder {
    pub(super) site: IpAddr,
    pub(super) prefix: IpAddr,
    /// The number of its permits.
    pub(super) len: usize,
    /// The number of the oldest one.
    pub(super) number: u64,
    pub(super) since: Instant,
}

impl PermitHolders {
    pub(super) fn add(&mut self, prefix: IpAddr, number: u64, now: Instant) {
        self.change(prefix, |numbers| numbers.insert(number, now).is_none());
    }

    /// Removes a permit. Returns false if it did not exist.
    pub(super) fn remove(&mut self, prefix: IpAddr, number: u64) -> bool {
        self.change(prefix, |numbers| numbers.remove(&number).is_some())
    }

    /// Applies `change` to the permits of a prefix, and updates the ranks. Returns the result of `change`.
    fn change(
        &mut self,
        prefix: IpAddr,
        change: impl FnOnce(&mut BTreeMap<u64, Instant>) -> bool,
    ) -> bool {
        let site = site(prefix);
        let site_before = self.rank_of_site(site);
        let numbers = self.prefixes.entry(prefix).or_default();
        let rank = |numbers: &BTreeMap<u64, Instant>| {
            let (oldest, _) = numbers.first_key_value()?;
            Some((site, (numbers.len(), Reverse(*oldest)), prefix))
        };
        let (len, before) = (numbers.len(), rank(numbers));
        let is_changed = change(numbers);
        let (new_len, after) = (numbers.len(), rank(numbers));
        if new_len == 0 {
            self.prefixes.remove(&prefix);
        }
        if let Some(before) = before {
            self.prefixes_by_rank.remove(&before);
        }
        self.prefixes_by_rank.extend(after);
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
        let number = self.largest_of(site)?.number;
        Some((self.len_of_site(site), Reverse(number)))
    }

    /// Returns the number of permits.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the number of permits of a prefix.
    pub(super) fn len(&self, prefix: IpAddr) -> usize {
        self.prefixes.get(&prefix).map_or(0, BTreeMap::len)
    }

    /// Returns the number of permits of a site.
    pub(super) fn len_of_site(&self, site: IpAddr) -> usize {
        self.sites.get(&site).copied().unwrap_or_default()
    }

    /// Returns true if a permit exists.
    pub(super) fn has(&self, prefix: IpAddr, number: u64) -> bool {
        self.prefixes.get(&prefix).is_some_and(|numbers| numbers.contains_key(&number))
    }

    /// Returns the largest holder of the largest site. Of equals, it is the one with the oldest permit.
    pub(super) fn largest(&self) -> Option<LargestHolder> {
        self.largest_of(self.sites_by_rank.last()?.1)
    }

    /// Returns the largest holder of a site.
    pub(super) fn largest_of(&self, site: IpAddr) -> Option<LargestHolder> {
        let last = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));
        let end = (site, (usize::MAX, Reverse(0)), last);
        let found = self.prefixes_by_rank.range(..=end).next_back();
        let (_, (len, Reverse(number)), prefix) = *found.filter(|(of, ..)| *of == site)?;
        let since = *self.prefixes.get(&prefix)?.get(&number)?;
        Some(LargestHolder { site, prefix, len, number, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn prefix(site: u16, network: u16) -> IpAddr {
        match site {
            0 => std::net::Ipv4Addr::from_bits(0x0A00_0000 + u32::from(network)).into(),
            _ => Ipv6Addr::new(0x2001, 0xDB8, site, network, 0, 0, 0, 0).into(),
        }
    }

    #[test]
    fn largest_holder_is_found_after_any_sequence_of_changes() {
        let (mut holders, now) = (PermitHolders::default(), Instant::now());
        let mut kept: Vec<(IpAddr, u64)> = Vec::new();
        let mut state = 1_u64;
        let mut roll = |sides: u16| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u16::try_from((state >> 33) % u64::from(sides)).expect("small")
        };
        for number in 0..3000 {
            if kept.is_empty() || roll(100) < 52 {
                let of = prefix(roll(4), roll(5));
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
            let prefixes: HashSet<_> = kept.iter().map(|(of, _)| *of).collect();
            let rank = |of: &IpAddr| (count(&|by| by == *of), Reverse(oldest(*of)));
            let largest_of = |site_: IpAddr| {
                prefixes.iter().copied().filter(|of| site(*of) == site_).max_by_key(rank)
            };
            let sites: HashSet<_> = prefixes.iter().map(|of| site(*of)).collect();
            let most = sites.iter().max_by_key(|at| {
                (count(&|by| site(by) == **at), Reverse(largest_of(**at).and_then(oldest)))
            });
            let most = most.and_then(|at| largest_of(*at));
            assert_eq!(holders.largest().map(|most| most.prefix), most);
            if let Some(most) = holders.largest() {
                assert_eq!(Some(&most.number), oldest(most.prefix));
                assert_eq!(most.len, holders.len(most.prefix));
                assert_eq!(holders.len_of_site(most.site), count(&|by| site(by) == most.site));
            }
            assert_eq!(holders.count(), kept.len());
        }
        for (of, number) in kept {
            holders.remove(of, number);
        }
        assert!(holders.prefixes.is_empty() && holders.sites.is_empty());
        assert!(holders.prefixes_by_rank.is_empty() && holders.sites_by_rank.is_empty());
    }
}

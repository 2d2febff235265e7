//! What all peers together make a host keep.

/// The bytes that peers make a host keep, of which there are never more than the limit.
///
/// Half of the limit is shared out in advance: so much of it each place has, whatever others do. The other half is for those
/// who need more. A peer may have as much of it as it leaves free: so one alone may have half of it, and many who want all of it
/// leave as much as each of them has for the next.
#[derive(Debug)]
pub(super) struct Kept {
    /// What each place has in any case.
    guaranteed: usize,
    /// What there is for those who need more.
    pool: usize,
    total: usize,
    /// How much of the pool is in use.
    beyond: usize,
}

impl Kept {
    /// For a host of `places` peers.
    pub(super) fn new(limit: usize, places: usize) -> Self {
        let guaranteed = limit / 2 / places.max(1);
        Self { guaranteed, pool: limit - guaranteed * places, total: 0, beyond: 0 }
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// What a peer may make the host keep that makes it keep `kept` now; and of that, packets that wait for others, which must
    /// leave room for these.
    pub(super) fn shares(&self, kept: usize) -> (usize, usize) {
        let beyond = kept.saturating_sub(self.guaranteed);
        let free = self.pool.saturating_sub(self.beyond);
        let share = self.guaranteed + beyond + free.saturating_sub(beyond) / 2;
        (share, share - self.guaranteed / 2)
    }

    /// A peer that made the host keep `before` makes it keep `after` now.
    pub(super) fn change(&mut self, before: usize, after: usize) {
        let beyond = |kept: usize| kept.saturating_sub(self.guaranteed);
        self.beyond = self.beyond - beyond(before) + beyond(after);
        self.total = self.total - before + after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Peers who take what they may until nobody may take more.
    fn fill(kept: &mut Kept, peers: &mut [usize], step: usize) {
        let mut any = true;
        while std::mem::take(&mut any) {
            for peer in &mut *peers {
                let (share, _) = kept.shares(*peer);
                if *peer + step <= share {
                    kept.change(*peer, *peer + step);
                    *peer += step;
                    any = true;
                }
            }
        }
    }

    #[test]
    fn greedy_peers_stay_within_the_limit_and_leave_room_for_the_next() {
        for greedy in [1, 7, 100, 999] {
            let mut kept = Kept::new(100_000_000, 1000);
            let mut peers = vec![0; greedy];
            fill(&mut kept, &mut peers, 100);
            assert_eq!(kept.total(), peers.iter().sum::<usize>());
            assert!(kept.total() <= 100_000_000, "{greedy}: {}", kept.total());
            // One more has what is guaranteed, and as much as the others.
            let (share, early) = kept.shares(0);
            assert!(share >= 50_000 + 50_000_000 / (greedy + 1) / 2 - 200, "{greedy}: {share}");
            assert!(share - early == 25_000);
            for peer in peers {
                kept.change(peer, 0);
            }
            assert_eq!((kept.total, kept.beyond), (0, 0));
        }
    }

    #[test]
    fn all_places_together_fill_the_limit_and_no_more() {
        let mut kept = Kept::new(100_000_000, 1000);
        let mut peers = vec![0; 1000];
        fill(&mut kept, &mut peers, 1000);
        assert!((99_000_000..=100_000_000).contains(&kept.total()), "{}", kept.total());
    }
}

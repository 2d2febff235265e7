//! The memory budget of all peers of a host.

/// Bytes buffered for peers, never more than the limit.
///
/// Half of the limit is divided equally among the slots, as a guaranteed share. The other half is a pool for peers that
/// need more: a peer may use as much of it as it leaves free. So a single peer can use half of the pool, and many
/// greedy peers leave as much for the next peer as each of them has.
#[derive(Debug)]
pub(super) struct BufferBudget {
    /// Guaranteed bytes per slot.
    guaranteed: usize,
    /// Bytes shared by peers that exceed their guarantee.
    pool: usize,
    total: usize,
    /// Bytes of the pool in use.
    pool_used: usize,
}

impl BufferBudget {
    /// Creates the budget of a host with `slots` slots.
    pub(super) fn new(limit: usize, slots: usize) -> Self {
        let guaranteed = limit / 2 / slots.max(1);
        Self { guaranteed, pool: limit - guaranteed * slots, total: 0, pool_used: 0 }
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Returns the bytes that a peer which uses `buffered` bytes may use: in total, and for packets that wait for
    /// earlier ones, which must leave room for those.
    pub(super) fn shares(&self, buffered: usize) -> (usize, usize) {
        let used = buffered.saturating_sub(self.guaranteed);
        let free = self.pool.saturating_sub(self.pool_used);
        let share = self.guaranteed + used + free.saturating_sub(used) / 2;
        (share, share - self.guaranteed / 2)
    }

    /// Updates the bytes of a peer from `before` to `after`.
    pub(super) fn change(&mut self, before: usize, after: usize) {
        let used = |buffered: usize| buffered.saturating_sub(self.guaranteed);
        self.pool_used = self.pool_used - used(before) + used(after);
        self.total = self.total - before + after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets peers take as much as they can get.
    fn fill(budget: &mut BufferBudget, peers: &mut [usize], step: usize) {
        let mut any = true;
        while std::mem::take(&mut any) {
            for peer in &mut *peers {
                let (share, _) = budget.shares(*peer);
                if *peer + step <= share {
                    budget.change(*peer, *peer + step);
                    *peer += step;
                    any = true;
                }
            }
        }
    }

    #[test]
    fn greedy_peers_stay_within_the_limit_and_leave_room_for_the_next() {
        for greedy in [1, 7, 100, 999] {
            let mut budget = BufferBudget::new(100_000_000, 1000);
            let mut peers = vec![0; greedy];
            fill(&mut budget, &mut peers, 100);
            assert_eq!(budget.total(), peers.iter().sum::<usize>());
            assert!(budget.total() <= 100_000_000, "{greedy}: {}", budget.total());
            // Another peer gets the guarantee, and as much of the pool as the others.
            let (share, early) = budget.shares(0);
            assert!(share >= 50_000 + 50_000_000 / (greedy + 1) / 2 - 200, "{greedy}: {share}");
            assert!(share - early == 25_000);
            for peer in peers {
                budget.change(peer, 0);
            }
            assert_eq!((budget.total, budget.pool_used), (0, 0));
        }
    }

    #[test]
    fn all_slots_together_fill_the_limit_and_no_more() {
        let mut budget = BufferBudget::new(100_000_000, 1000);
        let mut peers = vec![0; 1000];
        fill(&mut budget, &mut peers, 1000);
        assert!((99_000_000..=100_000_000).contains(&budget.total()), "{}", budget.total());
    }
}

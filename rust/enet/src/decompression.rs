//! Budgets for decompression: a few bytes can expand to thousands, and ENet's range coder is slow for each of them.

use crate::time::Time;

/// Decompressed bytes granted for each byte received.
const RATIO: usize = 2;
/// Further budget of a host whose address is not validated. It is not refilled.
const MAX_UNVALIDATED: usize = 8 << 10;
/// Further budget of a peer at once, and per second. The range coder takes 14 ns for a byte in 4 KiB of zeros, 20 to 30 ns
/// at an expansion of four to seven, and up to 110 ns at an expansion of little more than one.
const BURST: usize = 1 << 20;
const BYTES_PER_SECOND: u32 = 8 << 20;

/// The decompression budget of a remote host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecompressionBudget {
    available: usize,
    capacity: usize,
    per_second: u32,
    updated_at: Time,
    /// Datagrams dropped because the budget was used up.
    dropped: u64,
}

impl DecompressionBudget {
    /// Creates the budget of a host whose address is not validated.
    pub(crate) fn for_unvalidated(now: Time) -> Self {
        Self {
            available: MAX_UNVALIDATED,
            capacity: MAX_UNVALIDATED,
            per_second: 0,
            updated_at: now,
            dropped: 0,
        }
    }

    /// Creates the budget of a connected peer.
    pub(crate) fn for_peer() -> Self {
        Self {
            available: BURST,
            capacity: BURST,
            per_second: BYTES_PER_SECOND,
            updated_at: Time::default(),
            dropped: 0,
        }
    }

    /// Takes `bytes`, the maximum that a datagram of `len` bytes may expand to. Returns true if the budget sufficed.
    /// Otherwise the datagram is dropped and nothing is taken, so a peer that exceeds its budget still gets all of it.
    pub(crate) fn try_take(&mut self, now: Time, len: usize, bytes: usize) -> bool {
        let micros = u64::try_from(now.saturating_duration_since(self.updated_at).as_micros())
            .unwrap_or(u64::MAX);
        let earned = micros.min(1_000_000) * u64::from(self.per_second) / 1_000_000;
        self.updated_at = self.updated_at.max(now);
        let earned = usize::try_from(earned).unwrap_or(usize::MAX);
        let earned_by_bytes = len.saturating_mul(RATIO);
        self.available = self
            .available
            .saturating_add(earned)
            .saturating_add(earned_by_bytes)
            .min(self.capacity);
        let is_enough = self.available >= bytes;
        if is_enough {
            self.available -= bytes;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        is_enough
    }

    /// Returns the number of dropped datagrams.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns unused bytes to the budget.
    pub(crate) fn refund(&mut self, bytes: usize) {
        self.available = self.available.saturating_add(bytes).min(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const FAR: Time = Time::from_micros(u64::MAX);

    #[test]
    fn extreme_times_and_lengths_do_not_overflow_the_budget() {
        for mut budget in
            [DecompressionBudget::for_peer(), DecompressionBudget::for_unvalidated(Time::default())]
        {
            let capacity = budget.capacity;
            // The clock may jump forwards and backwards.
            for now in [FAR, Time::default(), FAR - Duration::from_micros(1), FAR] {
                for len in [0, 1, usize::MAX] {
                    budget.try_take(now, len, 4096);
                    budget.refund(usize::MAX);
                    assert_eq!(budget.available, capacity);
                }
                assert!(!budget.try_take(now, 0, usize::MAX));
                assert!(budget.available <= capacity);
            }
            assert_eq!(budget.dropped(), 4);
            budget.dropped = u64::MAX;
            assert!(!budget.try_take(FAR, 0, usize::MAX));
            assert_eq!(budget.dropped(), u64::MAX);
        }
    }

    #[test]
    fn clock_jumping_back_and_forth_earns_no_budget() {
        let mut budget = DecompressionBudget::for_peer();
        let now = Time::from_micros(10_000_000);
        while budget.try_take(now, 0, 4096) {}
        for _ in 0..1000 {
            assert!(!budget.try_take(now - Duration::from_secs(9), 0, 4096));
            assert!(!budget.try_take(now, 0, 4096));
        }
    }

    #[test]
    fn budget_per_second_does_not_depend_on_the_call_interval() {
        for step in [1, 7, 1000, 100_000] {
            let mut budget = DecompressionBudget::for_peer();
            let mut now = Time::from_micros(5_000_000);
            while budget.try_take(now, 0, 1) {}
            let mut taken = 0;
            for _ in 0..1_000_000 / step {
                now = now + Duration::from_micros(step);
                while budget.try_take(now, 0, 100) {
                    taken += 100;
                }
            }
            let wanted = usize::try_from(BYTES_PER_SECOND).expect("32 bits");
            assert!((wanted * 9 / 10..=wanted).contains(&taken), "{step}: {taken}");
        }
    }
}

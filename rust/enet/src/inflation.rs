//! How much may be decompressed for whom: a few bytes can stand for thousands, each of which ENet's range coder takes its time
//! for.

use crate::time::Time;

/// What a host may have decompressed for each byte that it sends.
const RATIO: usize = 2;
/// Beyond that, what it may have at once and in a second. It has the first of these if its address is not proven. A byte takes 14 ns
/// in 4 KiB of zeros, 20 to 30 where it is one of four to seven for each that comes, and up to 110 where it is one of hardly more
/// than one.
const UNPROVEN: usize = 8 << 10;
const AT_ONCE: usize = 1 << 20;
const PER_SECOND: u32 = 8 << 20;

/// How much may be decompressed for a remote host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inflation {
    left: usize,
    most: usize,
    per_second: u32,
    at: Time,
    /// Datagrams that were dropped, since too little was left.
    dropped: u64,
}

impl Inflation {
    /// Of one whose address is not proven.
    pub(crate) fn of_unproven(now: Time) -> Self {
        Self { left: UNPROVEN, most: UNPROVEN, per_second: 0, at: now, dropped: 0 }
    }

    /// Of a peer.
    pub(crate) fn of_peer() -> Self {
        Self {
            left: AT_ONCE,
            most: AT_ONCE,
            per_second: PER_SECOND,
            at: Time::default(),
            dropped: 0,
        }
    }

    /// Takes the `most` that `len` bytes may become which come now. Returns whether so much is left: else they are dropped and
    /// nothing is taken, so that a peer that sends too much still gets all that it may.
    pub(crate) fn take(&mut self, now: Time, len: usize, most: usize) -> bool {
        let micros = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let earned = micros.min(1_000_000) * u64::from(self.per_second) / 1_000_000;
        self.at = self.at.max(now);
        let earned = usize::try_from(earned).unwrap_or(usize::MAX);
        let earned_by_bytes = len.saturating_mul(RATIO);
        self.left = self.left.saturating_add(earned).saturating_add(earned_by_bytes).min(self.most);
        let is_enough = self.left >= most;
        if is_enough {
            self.left -= most;
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        is_enough
    }

    /// How many datagrams were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Gives back what was not needed.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const FAR: Time = Time::from_micros(u64::MAX);

    #[test]
    fn no_time_and_no_length_makes_the_budget_overflow() {
        for mut inflation in [Inflation::of_peer(), Inflation::of_unproven(Time::default())] {
            let most = inflation.most;
            // The clock may jump ahead, and back.
            for now in [FAR, Time::default(), FAR - Duration::from_micros(1), FAR] {
                for len in [0, 1, usize::MAX] {
                    inflation.take(now, len, 4096);
                    inflation.give_back(usize::MAX);
                    assert_eq!(inflation.left, most);
                }
                assert!(!inflation.take(now, 0, usize::MAX));
                assert!(inflation.left <= most);
            }
            assert_eq!(inflation.dropped(), 4);
            inflation.dropped = u64::MAX;
            assert!(!inflation.take(FAR, 0, usize::MAX));
            assert_eq!(inflation.dropped(), u64::MAX);
        }
    }

    #[test]
    fn a_clock_that_goes_back_and_forth_earns_nothing() {
        let mut inflation = Inflation::of_peer();
        let now = Time::from_micros(10_000_000);
        while inflation.take(now, 0, 4096) {}
        for _ in 0..1000 {
            assert!(!inflation.take(now - Duration::from_secs(9), 0, 4096));
            assert!(!inflation.take(now, 0, 4096));
        }
    }

    #[test]
    fn a_second_earns_what_it_says_however_it_is_divided() {
        for step in [1, 7, 1000, 100_000] {
            let mut inflation = Inflation::of_peer();
            let mut now = Time::from_micros(5_000_000);
            while inflation.take(now, 0, 1) {}
            let mut taken = 0;
            for _ in 0..1_000_000 / step {
                now = now + Duration::from_micros(step);
                while inflation.take(now, 0, 100) {
                    taken += 100;
                }
            }
            let wanted = usize::try_from(PER_SECOND).expect("32 bits");
            assert!((wanted * 9 / 10..=wanted).contains(&taken), "{step}: {taken}");
        }
    }
}

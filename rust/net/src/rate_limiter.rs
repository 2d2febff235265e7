//! A rate limit on handshakes per address prefix (an IPv4 address, a /64 of IPv6): each handshake costs a signature and
//! a key agreement.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A token bucket per prefix (GCRA): for each it keeps the time at which the whole burst is available again.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// The time in which a used burst becomes available again.
    period: Duration,
    full_at: HashMap<IpAddr, Instant>,
    /// Number of entries at which those with a whole burst are removed.
    sweep_at: usize,
}

impl RateLimiter {
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, full_at: HashMap::new(), sweep_at: 0 }
    }

    /// Returns the time in which one token of `burst` is refilled.
    fn step(&self, burst: usize) -> Duration {
        self.period / u32::try_from(burst.max(1)).unwrap_or(u32::MAX)
    }

    /// Returns when a prefix may take one more token, and when its burst would be whole again after that.
    fn next(&self, now: Instant, prefix: IpAddr, burst: usize) -> (Instant, Instant) {
        let before = self.full_at.get(&prefix).map_or(now, |at| now.max(*at));
        let full_at = before + self.step(burst);
        (now + full_at.saturating_duration_since(now + self.period), full_at)
    }

    /// Returns true if a prefix may take one more token now.
    pub(crate) fn allows(&self, now: Instant, prefix: IpAddr, burst: usize) -> bool {
        self.next(now, prefix, burst).0 <= now
    }

    /// Takes one token. Returns the time from which on this is within the rate.
    pub(crate) fn take(&mut self, now: Instant, prefix: IpAddr, burst: usize) -> Instant {
        let (at, full_at) = self.next(now, prefix, burst);
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, at| *at > now);
            self.sweep_at = (2 * self.full_at.len()).max(64);
            self.full_at.shrink_to(self.sweep_at);
        }
        self.full_at.insert(prefix, full_at);
        at
    }

    /// Returns one token that was taken but must not count.
    pub(crate) fn refund(&mut self, prefix: IpAddr, burst: usize) {
        let step = self.step(burst);
        if let Some(at) = self.full_at.get_mut(&prefix)
            && let Some(before) = at.checked_sub(step)
        {
            *at = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const PERIOD: Duration = Duration::from_secs(4);

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0A00_0000 + number).into()
    }

    #[test]
    fn a_burst_is_refilled_once_per_period() {
        let (mut rate, begin) = (RateLimiter::new(PERIOD), Instant::now());
        let mut take = |now, prefix| {
            let may = rate.allows(now, prefix, 100);
            if may {
                assert_eq!(rate.take(now, prefix, 100), now);
            }
            may
        };
        for (periods, expected) in [(0, 100), (1, 200), (3, 400)] {
            let mut count = 0;
            let first = begin + 100 * PERIOD * expected;
            for step in 0..=periods * 100 {
                let now = first + PERIOD / 100 * step;
                count += (0..120).filter(|_| take(now, address(1))).count();
            }
            assert_eq!(count, usize::try_from(expected).expect("small"));
            assert!(take(first, address(2)), "other prefixes are not affected");
        }
    }

    #[test]
    fn tokens_beyond_the_burst_are_spread_over_the_period() {
        let (mut rate, now) = (RateLimiter::new(PERIOD), Instant::now());
        let times: Vec<_> = (0..128).map(|_| rate.take(now, address(1), 64)).collect();
        assert!(times[..64].iter().all(|at| *at == now));
        let last = times[127].saturating_duration_since(now);
        assert!(last > PERIOD * 9 / 10 && last <= PERIOD, "{last:?}");
        assert!(times.is_sorted());
    }

    #[test]
    fn a_refunded_token_does_not_count() {
        let (mut rate, now) = (RateLimiter::new(PERIOD), Instant::now());
        for _ in 0..1000 {
            assert_eq!(rate.take(now, address(1), 64), now);
            rate.refund(address(1), 64);
        }
        // A refund never raises the bucket above one burst.
        rate.refund(address(1), 64);
        let count = (0..128).filter(|_| rate.take(now, address(1), 64) == now).count();
        assert_eq!(count, 64);
    }

    #[test]
    fn full_buckets_are_removed() {
        let (mut rate, begin) = (RateLimiter::new(PERIOD), Instant::now());
        for number in 0..100_000 {
            rate.take(begin + Duration::from_millis(1) * number, address(number), 256);
            assert!(rate.full_at.len() <= 64, "{}", rate.full_at.len());
        }
    }
}

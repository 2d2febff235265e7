//! How often each customer (an address of IPv4, a /64 of IPv6) may begin handshakes: each costs a signature and a key agreement.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// What each customer has spent, as the time when it will have a whole burst again.
#[derive(Debug)]
pub(crate) struct Rate {
    /// After a burst, as many as were in it are allowed within this time.
    period: Duration,
    whole_at: HashMap<IpAddr, Instant>,
    /// At how many entries those that have a whole burst are dropped.
    sweep_at: usize,
}

impl Rate {
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, whole_at: HashMap::new(), sweep_at: 0 }
    }

    /// The time that one of a burst takes to come back.
    fn step(&self, burst: usize) -> Duration {
        self.period / u32::try_from(burst.max(1)).unwrap_or(u32::MAX)
    }

    /// When a customer may begin one more, and when it has a whole burst again if it does so.
    fn next(&self, now: Instant, customer: IpAddr, burst: usize) -> (Instant, Instant) {
        let before = self.whole_at.get(&customer).map_or(now, |at| now.max(*at));
        let whole_at = before + self.step(burst);
        (now + whole_at.saturating_duration_since(now + self.period), whole_at)
    }

    /// Returns whether a customer may begin one more now.
    pub(crate) fn allows(&self, now: Instant, customer: IpAddr, burst: usize) -> bool {
        self.next(now, customer, burst).0 <= now
    }

    /// Counts one more. Returns from when on it is within the rate.
    pub(crate) fn spend(&mut self, now: Instant, customer: IpAddr, burst: usize) -> Instant {
        let (at, whole_at) = self.next(now, customer, burst);
        if self.whole_at.len() >= self.sweep_at {
            self.whole_at.retain(|_, at| *at > now);
            self.sweep_at = (2 * self.whole_at.len()).max(64);
            self.whole_at.shrink_to(self.sweep_at);
        }
        self.whole_at.insert(customer, whole_at);
        at
    }

    /// Gives one back that was spent: it was not to count.
    pub(crate) fn give_back(&mut self, customer: IpAddr, burst: usize) {
        let step = self.step(burst);
        if let Some(at) = self.whole_at.get_mut(&customer)
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
    fn a_burst_is_followed_by_as_many_in_each_period() {
        let (mut rate, begin) = (Rate::new(PERIOD), Instant::now());
        let mut spend = |now, customer| {
            let may = rate.allows(now, customer, 100);
            if may {
                assert_eq!(rate.spend(now, customer, 100), now);
            }
            may
        };
        for (periods, expected) in [(0, 100), (1, 200), (3, 400)] {
            let mut count = 0;
            let first = begin + 100 * PERIOD * expected;
            for step in 0..=periods * 100 {
                let now = first + PERIOD / 100 * step;
                count += (0..120).filter(|_| spend(now, address(1))).count();
            }
            assert_eq!(count, usize::try_from(expected).expect("small"));
            assert!(spend(first, address(2)), "others have their own");
        }
    }

    #[test]
    fn what_is_spent_beyond_the_burst_has_its_time() {
        let (mut rate, now) = (Rate::new(PERIOD), Instant::now());
        let times: Vec<_> = (0..128).map(|_| rate.spend(now, address(1), 64)).collect();
        assert!(times[..64].iter().all(|at| *at == now));
        let last = times[127].saturating_duration_since(now);
        assert!(last > PERIOD * 9 / 10 && last <= PERIOD, "{last:?}");
        assert!(times.is_sorted());
    }

    #[test]
    fn what_is_given_back_was_not_spent() {
        let (mut rate, now) = (Rate::new(PERIOD), Instant::now());
        for _ in 0..1000 {
            assert_eq!(rate.spend(now, address(1), 64), now);
            rate.give_back(address(1), 64);
        }
        // There is never more than a burst, whatever is given back.
        rate.give_back(address(1), 64);
        let count = (0..128).filter(|_| rate.spend(now, address(1), 64) == now).count();
        assert_eq!(count, 64);
    }

    #[test]
    fn customers_who_were_there_once_are_forgotten() {
        let (mut rate, begin) = (Rate::new(PERIOD), Instant::now());
        for number in 0..100_000 {
            rate.spend(begin + Duration::from_millis(1) * number, address(number), 256);
            assert!(rate.whole_at.len() <= 64, "{}", rate.whole_at.len());
        }
    }
}

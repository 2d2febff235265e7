//! How long the way there and back takes: ENet's mean and variance, in microseconds.

use crate::time::Time;
use std::time::Duration;

/// What is assumed before the first measurement.
const DEFAULT: u64 = 500_000;
/// A repetition is not sent earlier than this after the mean: the clock and the remote host have a grain too.
const GRAIN: u64 = 4_000;

/// The round-trip time of a connection.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrip {
    /// The mean, each measurement with a weight of one eighth.
    pub(crate) mean: u64,
    /// The mean deviation from it, with one quarter.
    pub(crate) variance: u64,
    /// The lowest mean of the throttle's last interval, and the highest variance.
    pub(crate) last: u64,
    pub(crate) last_variance: u64,
    lowest: u64,
    highest_variance: u64,
    sampled: bool,
}

impl Default for RoundTrip {
    fn default() -> Self {
        Self {
            mean: DEFAULT,
            variance: 0,
            last: DEFAULT,
            last_variance: 0,
            lowest: DEFAULT,
            highest_variance: 0,
            sampled: false,
        }
    }
}

impl RoundTrip {
    /// Whether there was a measurement.
    pub(crate) fn is_measured(&self) -> bool {
        self.sampled
    }

    /// Takes a measurement.
    pub(crate) fn sample(&mut self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2).max(1);
        if std::mem::replace(&mut self.sampled, true) {
            self.variance -= self.variance / 4;
            self.variance += time.abs_diff(self.mean) / 4;
            if time >= self.mean {
                self.mean += (time - self.mean) / 8;
            } else {
                self.mean -= (self.mean - time) / 8;
            }
        } else {
            self.mean = time;
            self.variance = time.div_ceil(2);
        }
        self.lowest = self.lowest.min(self.mean);
        self.highest_variance = self.highest_variance.max(self.variance);
    }

    /// Begins a new interval of the throttle.
    pub(crate) fn next_interval(&mut self) {
        self.last = self.lowest;
        self.last_variance = self.highest_variance;
        self.lowest = self.mean;
        self.highest_variance = self.variance;
    }

    /// How many microseconds a command may be under way before it counts as lost, the first time.
    pub(crate) fn timeout(&self) -> u64 {
        self.mean + (4 * self.variance).max(GRAIN)
    }
}

/// When a peer that does not answer is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// It is when a command was repeated so often that its time-out has grown by this factor...
    pub(crate) limit: u32,
    /// ...and the oldest of what is not acknowledged has waited for so long,
    pub(crate) minimum: Duration,
    /// or when that has waited for so long.
    pub(crate) maximum: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self::new(0, 0, 0)
    }
}

impl Patience {
    /// ENet's `enet_peer_timeout`, in milliseconds; 0 stands for its default.
    pub(crate) fn new(limit: u32, minimum: u32, maximum: u32) -> Self {
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        Self {
            limit: or(limit, 32),
            minimum: Duration::from_millis(or(minimum, 5_000).into()),
            maximum: Duration::from_millis(or(maximum, 30_000).into()),
        }
    }

    /// Whether it ends, for a command that was sent `attempts` times, with the oldest sent at `since`.
    pub(crate) fn is_over(&self, now: Time, since: Time, attempts: u32) -> bool {
        let waited = now.since(since);
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        waited >= self.maximum || (factor >= self.limit && waited >= self.minimum)
    }
}

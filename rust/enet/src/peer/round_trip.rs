//! Round-trip time: ENet's mean and variance (`enet_protocol_handle_acknowledge`), in microseconds, and the conditions of a
//! timeout (`enet_protocol_check_timeouts`).

use crate::time::Time;
use std::time::Duration;

/// The round-trip time assumed before the first measurement.
const INITIAL: u64 = 500_000;
/// The clock granularity G of RFC 6298: the minimum margin of a retransmission timeout above the mean.
const CLOCK_GRANULARITY: u64 = 4_000;

/// The round-trip time of a connection.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrip {
    /// The mean; each sample has a weight of one eighth.
    pub(crate) mean: u64,
    /// The mean deviation; each sample has a weight of one quarter.
    pub(crate) variance: u64,
    /// The lowest mean and the highest variance of the throttle's last interval.
    pub(crate) last: u64,
    pub(crate) last_variance: u64,
    lowest: u64,
    highest_variance: u64,
    sampled: bool,
}

impl Default for RoundTrip {
    fn default() -> Self {
        Self {
            mean: INITIAL,
            variance: 0,
            last: INITIAL,
            last_variance: 0,
            lowest: INITIAL,
            highest_variance: 0,
            sampled: false,
        }
    }
}

impl RoundTrip {
    /// Returns true after the first measurement.
    pub(crate) fn is_measured(&self) -> bool {
        self.sampled
    }

    /// Adds a measurement.
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

    /// Returns the retransmission timeout in microseconds, without backoff.
    pub(crate) fn timeout_without_backoff(&self) -> u64 {
        self.mean + (4 * self.variance).max(CLOCK_GRANULARITY)
    }
}

/// The conditions under which a peer times out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeoutConfig {
    /// The factor by which a command's timeout has grown when the peer times out, after `minimum`.
    pub(crate) limit: u32,
    /// The minimum time for which the oldest unacknowledged command has waited when the peer times out.
    pub(crate) minimum: Duration,
    /// The time after which the peer times out, whatever the factor is.
    pub(crate) maximum: Duration,
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self::new(0, 0, 0)
    }
}

impl TimeoutConfig {
    /// Creates the conditions of ENet's `enet_peer_timeout`, in milliseconds; 0 stands for the default.
    pub(crate) fn new(limit: u32, minimum: u32, maximum: u32) -> Self {
        let or = |value: u32, default: u32| if value == 0 { default } else { value };
        Self {
            limit: or(limit, 32),
            minimum: Duration::from_millis(or(minimum, 5_000).into()),
            maximum: Duration::from_millis(or(maximum, 30_000).into()),
        }
    }

    /// Returns true if the peer has timed out, for a command that was sent `attempts` times and the oldest one sent at
    /// `since`.
    pub(crate) fn has_timed_out(&self, now: Time, since: Time, attempts: u32) -> bool {
        let waited = now.saturating_duration_since(since);
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        waited >= self.maximum || (factor >= self.limit && waited >= self.minimum)
    }
}

//! Time of the caller's clock.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time, in microseconds since an epoch chosen by the caller. 64 bits do not wrap.
///
/// It is not an `Instant`, because a host sends its time to its peers, so the epoch matters. With
/// `let start = Instant::now()`, the time is `Time::from(start.elapsed())`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// Creates the time `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the milliseconds since the epoch, the unit of the protocol.
    pub(crate) const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// Returns the 16-bit sent time of a datagram header: milliseconds, wrapping.
    #[expect(clippy::cast_possible_truncation, reason = "the wire has the low 16 bits")]
    pub(crate) const fn sent_time(self) -> u16 {
        self.as_millis() as u16
    }

    /// Returns the time elapsed since `earlier`; zero if it is in the future.
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Time {
    /// Creates the time `since_epoch` after the epoch.
    fn from(since_epoch: Duration) -> Self {
        Self::default() + since_epoch
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

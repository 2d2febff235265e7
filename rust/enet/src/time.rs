//! Time, as the caller's clock tells it.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment, in microseconds since a moment that the caller chose and keeps. 64 bits do not wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment `micros` microseconds after the caller's first.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the caller's first moment.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds, as the protocol counts.
    pub(crate) const fn as_millis(self) -> u64 {
        self.0 / 1000
    }

    /// The 16 bits of a datagram's sent time: milliseconds, wrapping.
    #[expect(clippy::cast_possible_truncation, reason = "the wire has the low 16 bits")]
    pub(crate) const fn sent_time(self) -> u16 {
        self.as_millis() as u16
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
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

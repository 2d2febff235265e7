//! How much may be decompressed for whom: a few bytes can stand for thousands, each of which ENet's range coder takes its time
//! for.

use crate::time::Time;

/// What a host may have decompressed for each byte that it sends.
const RATIO: usize = 2;
/// Beyond that, what it may have at once and in a second. It has the first of these if its address is not proven.
const UNPROVEN: usize = 8 << 10;
const AT_ONCE: usize = 1 << 20;
const PER_SECOND: usize = 2 << 20;

/// How much may be decompressed for a remote host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inflation {
    left: usize,
    most: usize,
    per_second: usize,
    at: Time,
}

impl Inflation {
    /// Of one whose address is not proven.
    pub(crate) fn of_unproven(now: Time) -> Self {
        Self { left: UNPROVEN, most: UNPROVEN, per_second: 0, at: now }
    }

    /// Of a peer.
    pub(crate) fn of_peer() -> Self {
        Self { left: AT_ONCE, most: AT_ONCE, per_second: PER_SECOND, at: Time::default() }
    }

    /// How many bytes `len` bytes may become that come now, at most `limit`.
    pub(crate) fn take(&mut self, now: Time, len: usize, limit: usize) -> usize {
        let micros = usize::try_from(now.since(self.at).as_micros()).unwrap_or(usize::MAX);
        let earned = micros.min(1_000_000) * self.per_second / 1_000_000;
        if earned > 0 || self.per_second == 0 {
            self.at = now;
        }
        let earned_by_bytes = len.saturating_mul(RATIO);
        self.left = self.left.saturating_add(earned).saturating_add(earned_by_bytes).min(self.most);
        let taken = self.left.min(limit);
        self.left -= taken;
        taken
    }

    /// Gives back what was not needed.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes).min(self.most);
    }
}

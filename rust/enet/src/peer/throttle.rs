//! The packet throttle (`enet_peer_throttle`): the share of unreliable packets sent depends on changes of the round-trip time.

use super::round_trip::RoundTrip;
use crate::time::Time;
use std::time::Duration;

/// `ENET_PEER_PACKET_THROTTLE_SCALE`: nothing is dropped.
pub(crate) const SCALE: u32 = 32;
/// `ENET_PEER_PACKET_THROTTLE_COUNTER`: the step that spreads the dropped packets evenly.
const COUNTER: u32 = 7;

/// ENet's packet throttle.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    /// The number of packets sent, of [`SCALE`].
    pub(crate) value: u32,
    /// The maximum of `value` under the bandwidth limits.
    pub(crate) limit: u32,
    pub(crate) counter: u32,
    pub(crate) epoch: Option<Time>,
    pub(crate) acceleration: u32,
    pub(crate) deceleration: u32,
    /// In milliseconds.
    pub(crate) interval: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            value: SCALE,
            limit: SCALE,
            counter: 0,
            epoch: None,
            acceleration: 2,
            deceleration: 2,
            interval: 5_000,
        }
    }
}

/// Converts to milliseconds, at least one: ENet compares at this resolution, and smaller differences are noise.
fn millis(micros: u64) -> u64 {
    (micros.saturating_add(500) / 1000).max(1)
}

impl Throttle {
    /// Adapts the throttle to a new round-trip time (`enet_peer_throttle`), before it is added to `round_trip`.
    pub(crate) fn adapt(&mut self, time: Duration, round_trip: &RoundTrip) {
        if !round_trip.is_measured() {
            return;
        }
        let time = millis(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        let last = millis(round_trip.last);
        let variance = millis(round_trip.last_variance);
        if last <= variance {
            self.value = self.limit;
        } else if time <= last {
            self.value = self.value.saturating_add(self.acceleration).min(self.limit);
        } else if time > last + 2 * variance {
            self.value = self.value.saturating_sub(self.deceleration);
        }
    }

    /// Returns true if the interval is over; the next one begins then.
    pub(crate) fn start_interval_if_over(&mut self, now: Time) -> bool {
        let interval = Duration::from_millis(self.interval.into());
        let over = self.epoch.is_none_or(|epoch| now.saturating_duration_since(epoch) >= interval);
        if over {
            self.epoch = Some(now);
        }
        over
    }

    /// Sets the maximum.
    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
        self.value = self.value.min(limit);
    }

    /// Returns true if the next unreliable packet is to be dropped (`enet_protocol_check_outgoing_commands`).
    pub(crate) fn should_drop(&mut self) -> bool {
        self.counter = (self.counter + COUNTER) % SCALE;
        self.counter > self.value
    }
}

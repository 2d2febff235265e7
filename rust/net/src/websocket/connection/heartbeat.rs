//! Detects dead peers and measures the round-trip time with pings (RFC 6455 section 5.5.2: "A Ping frame may serve
//! either as a keepalive or as a means to verify that the remote endpoint is still responsive").

use std::time::{Duration, Instant};

/// Pings a peer periodically, and measures the round-trip time.
pub(super) struct Heartbeat {
    interval: Duration,
    /// The time at which the unanswered ping was sent.
    ping_sent: Option<Instant>,
    /// The number of the last ping, which is its payload.
    number: u64,
    /// Bytes have been received since the last beat.
    pub(super) has_received: bool,
}

/// The action of a beat.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Send a ping with this payload.
    Ping([u8; 8]),
    /// Wait for the next beat.
    Wait,
    /// Nothing has been received since the ping was sent.
    TimedOut,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, ping_sent: None, number: 0, has_received: false }
    }

    /// Returns when the first beat is due: after half of the interval to a whole one, depending on the peer's random
    /// `id`. So thousands of peers that connect at once after a restart are not all pinged at the same time.
    pub(super) fn first(&self, now: Instant, id: i32) -> Instant {
        const STEPS: u32 = 1024;
        let half = self.interval / 2;
        now + half + half / STEPS * (id.unsigned_abs() % STEPS)
    }

    /// Returns when the next beat is due.
    pub(super) fn next(&self, now: Instant) -> Instant {
        now + self.interval
    }

    /// Returns the action of this beat, and when the next one is due. A peer whose socket is not read, because its
    /// inbox is full, is not pinged.
    pub(super) fn beat(&mut self, now: Instant, read: bool) -> (Beat, Instant) {
        let has_received = std::mem::take(&mut self.has_received);
        let beat = match self.ping_sent {
            _ if !read => Beat::Wait,
            // The pong may be queued behind a long message, which proves as much.
            Some(_) if has_received => Beat::Wait,
            Some(_) => Beat::TimedOut,
            None => {
                self.ping_sent = Some(now);
                self.number += 1;
                Beat::Ping(self.number.to_be_bytes())
            }
        };
        (beat, self.next(now))
    }

    /// Handles a pong. Returns the round-trip time if it answers the last ping.
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        if payload != self.number.to_be_bytes() {
            return None;
        }
        self.ping_sent.take().map(|sent| now.saturating_duration_since(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_that_connect_at_once_are_pinged_at_different_times() {
        let (start, interval) = (Instant::now(), Duration::from_secs(1));
        let heart = Heartbeat::new(interval);
        assert_eq!(heart.first(start, 1024), start + interval / 2);
        assert!(heart.first(start, 1) > heart.first(start, 1024));
        assert!(heart.first(start, i32::MAX) < start + interval);
        assert!(heart.first(start, i32::MIN) >= start + interval / 2);
    }

    #[test]
    fn a_pong_is_timed_and_silence_is_a_timeout() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut heart = Heartbeat::new(second);
        assert_eq!(heart.next(start), start + second);
        let (Beat::Ping(payload), next) = heart.beat(start, true) else {
            unreachable!("the first beat sends a ping");
        };
        assert_eq!(next, start + second);
        assert_eq!(heart.pong(b"another", start), None);
        let rtt = Duration::from_millis(30);
        assert_eq!(heart.pong(&payload, start + rtt), Some(rtt));
        assert_eq!(heart.pong(&payload, start + rtt), None, "only once");
        assert!(matches!(heart.beat(start, true).0, Beat::Ping(_)));
        heart.has_received = true;
        assert_eq!(heart.beat(start, true).0, Beat::Wait, "a long message arrives");
        assert_eq!(heart.beat(start, false).0, Beat::Wait, "it is not read");
        assert_eq!(heart.beat(start, true).0, Beat::TimedOut);
    }
}

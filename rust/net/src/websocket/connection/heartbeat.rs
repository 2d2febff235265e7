//! Whether a peer is there, and how far away (§5.5.2: "A Ping frame may serve either as a keepalive or as a means to
//! verify that the remote endpoint is still responsive").

use std::time::{Duration, Instant};

/// Asks a peer from time to time, and measures how long its answer takes.
pub(super) struct Heartbeat {
    interval: Duration,
    /// The ping that waits for its answer.
    asked: Option<Instant>,
    /// The number of the latest ping, which is its payload.
    number: u64,
    /// Something has come since the last beat.
    pub(super) heard: bool,
}

/// What a beat asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Send a ping with this payload.
    Ping([u8; 8]),
    /// Nothing but the next beat.
    Wait,
    /// The peer has said nothing since it was asked.
    Dead,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, asked: None, number: 0, heard: false }
    }

    /// When the first beat is due: after half of the interval at the least, and the more of the rest the greater the
    /// peer's random `id`. So thousands that come together after a restart are not asked together for ever.
    pub(super) fn first(&self, now: Instant, id: i32) -> Instant {
        const STEPS: u32 = 1024;
        let half = self.interval / 2;
        now + half + half / STEPS * (id.unsigned_abs() % STEPS)
    }

    /// When the next beat is due.
    pub(super) fn next(&self, now: Instant) -> Instant {
        now + self.interval
    }

    /// A beat, and when the next one is due. A peer that is not read, since the game does not keep up, is not asked.
    pub(super) fn beat(&mut self, now: Instant, read: bool) -> (Beat, Instant) {
        let heard = std::mem::take(&mut self.heard);
        let beat = match self.asked {
            _ if !read => Beat::Wait,
            // Its answer may stand behind a long message, which is an answer too.
            Some(_) if heard => Beat::Wait,
            Some(_) => Beat::Dead,
            None => {
                self.asked = Some(now);
                self.number += 1;
                Beat::Ping(self.number.to_be_bytes())
            }
        };
        (beat, self.next(now))
    }

    /// A pong has come: the round-trip time, if it answers the latest ping.
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        if payload != self.number.to_be_bytes() {
            return None;
        }
        self.asked.take().map(|asked| now.saturating_duration_since(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_that_come_together_are_asked_at_different_times() {
        let (start, interval) = (Instant::now(), Duration::from_secs(1));
        let heart = Heartbeat::new(interval);
        assert_eq!(heart.first(start, 1024), start + interval / 2);
        assert!(heart.first(start, 1) > heart.first(start, 1024));
        assert!(heart.first(start, i32::MAX) < start + interval);
        assert!(heart.first(start, i32::MIN) >= start + interval / 2);
    }

    #[test]
    fn an_answer_is_timed_and_silence_is_death() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut heart = Heartbeat::new(second);
        assert_eq!(heart.next(start), start + second);
        let (Beat::Ping(payload), next) = heart.beat(start, true) else {
            unreachable!("the first beat asks");
        };
        assert_eq!(next, start + second);
        assert_eq!(heart.pong(b"another", start), None);
        let rtt = Duration::from_millis(30);
        assert_eq!(heart.pong(&payload, start + rtt), Some(rtt));
        assert_eq!(heart.pong(&payload, start + rtt), None, "only once");
        assert!(matches!(heart.beat(start, true).0, Beat::Ping(_)));
        heart.heard = true;
        assert_eq!(heart.beat(start, true).0, Beat::Wait, "a long message comes");
        assert_eq!(heart.beat(start, false).0, Beat::Wait, "it is not read");
        assert_eq!(heart.beat(start, true).0, Beat::Dead);
    }
}

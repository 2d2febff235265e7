//! Acknowledgements, time-outs and pings.

use super::outgoing::Acknowledged;
use super::run;
use super::{InFlight, Peer};
use crate::peer::PeerState;
use crate::time::Time;
use crate::wire::Body;
use std::time::Duration;

/// How many commands that were acknowledged may stand among those in flight, beside as many as there are of these.
const MOST_STALE: usize = 64;

/// How often the time-out is doubled at the most: beyond that, the peer is given up.
const MOST_BACKOFF: u32 = 16;

impl Peer {
    /// The remote host has acknowledged a command, and says when the datagram was sent in which it came. Says whether it
    /// is a DISCONNECT.
    pub(crate) fn acknowledged(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> bool {
        let commands = self.unacknowledged_of(channel);
        let command = commands.and_then(|commands| commands.acknowledge(sequence));
        let Some(command) = &command else { return false };
        self.no_longer_in_flight(command);
        // Which of several repetitions was acknowledged, the sent time tells: in milliseconds. Of the last one, more is known.
        // What was sent together is measured once.
        if command.sent_at.sent_time() == sent_time {
            if self.last_measured != command.sent_at {
                self.last_measured = command.sent_at;
                self.measured(now, now.since(command.sent_at));
            }
        } else {
            let millis = now.sent_time().wrapping_sub(sent_time);
            if millis < 0x8000 {
                self.measured(now, Duration::from_millis(millis.into()));
            }
        }
        self.last_receive = now;
        self.earliest_timeout = None;
        self.backoff = 0;
        command.is_disconnect
    }

    #[inline]
    fn no_longer_in_flight(&mut self, command: &Acknowledged) {
        self.outgoing_bytes -= command.cost;
        if command.in_flight {
            self.unacknowledged -= 1;
            self.in_transit -= command.payload;
        }
        if self.unacknowledged == 0 {
            self.in_flight.clear();
        } else if self.in_flight.len() > 2 * self.unacknowledged + MOST_STALE {
            self.forget_acknowledged();
        }
    }

    /// The CONNECT of this host, its first command, was answered, which stands for its acknowledgement. If
    /// it was repeated, nothing is measured, and the back-off stays (Karn's algorithm, RFC 6298 section 5).
    pub(crate) fn connect_is_acknowledged(&mut self, now: Time) {
        let Some(command) = self.control.acknowledge(1) else { return };
        self.no_longer_in_flight(&command);
        self.earliest_timeout = None;
        if command.attempts == 1 {
            self.measured(now, now.since(command.sent_at));
        }
    }

    /// The round-trip time was measured.
    pub(crate) fn measured(&mut self, now: Time, time: Duration) {
        self.throttle.adapt(time, &self.round_trip);
        self.round_trip.sample(time);
        if self.throttle.interval_is_over(now) {
            self.round_trip.next_interval();
        }
        self.last_receive = now;
    }

    /// Drops from `in_flight` what is acknowledged, or was sent again since: from the beginning of each run, so that no command
    /// is looked at twice.
    fn forget_acknowledged(&mut self) {
        let mut in_flight = std::mem::take(&mut self.in_flight);
        in_flight.retain_mut(|sent| {
            while sent.run.count > 0 && !self.is_in_flight(*sent) {
                sent.run.skip();
            }
            sent.run.count > 0
        });
        self.in_flight = in_flight;
    }

    /// Whether the first command of a run is under way since it was sent then.
    fn is_in_flight(&mut self, sent: InFlight) -> bool {
        self.unacknowledged_of(sent.run.channel)
            .and_then(|commands| commands.get_mut(sent.run.first))
            .is_some_and(|command| command.is_under_way(sent.sent_at))
    }

    /// How long a command may be under way before it counts as lost.
    ///
    /// In ENet each command doubles its own time-out whenever it is lost. Here the connection does, and begins anew with each
    /// acknowledgement, as in TCP (RFC 6298 section 5): when a receiver has room again that had none for a while, what it
    /// refused comes at once, and not each packet after a wait of its own.
    fn timeout(&self) -> Duration {
        Duration::from_micros(self.round_trip.timeout() << self.backoff.min(MOST_BACKOFF))
    }

    /// When the oldest of what is under way counts as lost; it may be acknowledged already.
    fn next_timeout(&self) -> Option<Time> {
        self.in_flight.front().map(|oldest| oldest.sent_at + self.timeout())
    }

    /// Finds the commands that were not acknowledged in time, which are to be repeated. Says whether the remote host is to
    /// be given up.
    pub(crate) fn check_timeouts(&mut self, now: Time) -> bool {
        while self.next_timeout().is_some_and(|at| at <= now)
            && let Some(InFlight { sent_at, run }) = self.in_flight.pop_front()
        {
            for sequence in run.sequences() {
                if self.lose(now, run.channel, sequence, sent_at) {
                    return true;
                }
            }
        }
        false
    }

    /// A command that was sent then counts as lost, unless it was acknowledged, or sent again since. Says whether the
    /// remote host is to be given up.
    fn lose(&mut self, now: Time, channel: u8, sequence: u32, sent_at: Time) -> bool {
        let Some(command) = self
            .unacknowledged_of(channel)
            .and_then(|commands| commands.get_mut(sequence))
            .filter(|command| command.is_under_way(sent_at))
        else {
            return false;
        };
        command.in_flight = false;
        let (attempts, payload) = (command.attempts, command.payload_len());
        let earliest = self.earliest_timeout.map_or(sent_at, |at| at.min(sent_at));
        self.earliest_timeout = Some(earliest);
        if self.patience.is_over(now, earliest, attempts.into()) {
            return true;
        }
        // What was sent before the last time says nothing new.
        if sent_at >= self.backed_off {
            self.backoff = self.backoff.saturating_add(1);
            self.backed_off = now;
        }
        self.loss.lost += 1;
        self.unacknowledged -= 1;
        self.in_transit -= payload;
        run::push(&mut self.lost, channel, sequence);
        false
    }

    /// Asks the remote host whether it is there, if it is time to. Says whether it did.
    pub(crate) fn ping_if_due(&mut self, now: Time) -> bool {
        let due = self.ping_due().is_some_and(|at| at <= now);
        if due {
            self.queue_control(&Body::Ping);
        }
        due
    }

    /// When it is to be asked, if nothing else comes to be acknowledged.
    fn ping_due(&self) -> Option<Time> {
        let idle = self.unacknowledged == 0
            && self.queued_control.is_empty()
            && self.lost.is_empty()
            && self.queued_reliable.is_empty();
        (idle && self.state == PeerState::Connected).then(|| self.last_receive + self.ping_interval)
    }

    /// When it next needs attention, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.next_timeout().or_else(|| self.ping_due())
    }

    /// Whether its timer is early enough.
    pub(crate) fn has_timer(&self) -> bool {
        match (self.timer, self.deadline()) {
            (Some(timer), Some(deadline)) => timer <= deadline,
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }
}

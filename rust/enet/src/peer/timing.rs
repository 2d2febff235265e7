//! Acknowledgements, time-outs and pings.

use super::outgoing::Acknowledged;
use super::run::{self, Run};
use super::{InFlight, Peer};
use crate::peer::PeerState;
use crate::time::Time;
use crate::wire::Body;
use std::time::Duration;

/// How many commands that were acknowledged may stand among those in flight, beside as many as there are of these.
const MOST_STALE: usize = 64;

/// What has become of a command that was sent.
enum Fate {
    /// It has arrived, or was sent again since.
    Acknowledged,
    UnderWay,
    Lost,
    /// It was lost too often.
    GivenUp,
}

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
            self.next_timeout = None;
        } else if self.in_flight.len() > 2 * self.unacknowledged + MOST_STALE {
            self.forget_acknowledged();
        }
    }

    /// The CONNECT of this host, its first command, was answered, which stands for its acknowledgement.
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

    /// Drops from `in_flight` what is acknowledged, or was sent again since.
    fn forget_acknowledged(&mut self) {
        let mut in_flight = std::mem::take(&mut self.in_flight);
        in_flight.retain(|sent| self.is_in_flight(*sent));
        self.in_flight = in_flight;
    }

    fn is_in_flight(&mut self, sent: InFlight) -> bool {
        let commands = self.unacknowledged_of(sent.run.channel);
        commands.is_some_and(|commands| {
            sent.run.sequences().any(|sequence| {
                commands.get_mut(sequence).is_some_and(|command| command.is_under_way(sent.sent_at))
            })
        })
    }

    /// Finds the commands that were not acknowledged in time, which are to be repeated. Says whether the remote host is to
    /// be given up.
    pub(crate) fn check_timeouts(&mut self, now: Time) -> bool {
        if self.next_timeout.is_none_or(|at| at > now) {
            return false;
        }
        self.next_timeout = None;
        for InFlight { sent_at, run } in std::mem::take(&mut self.in_flight) {
            let mut left = None;
            for sequence in run.sequences() {
                match self.check_timeout(now, run.channel, sequence, sent_at) {
                    Fate::Acknowledged => {}
                    Fate::UnderWay => {
                        let left = left.get_or_insert(Run { first: sequence, count: 0, ..run });
                        // What was acknowledged in between is known to be.
                        left.count = sequence.wrapping_sub(left.first) + 1;
                    }
                    Fate::Lost => run::push(&mut self.lost, run.channel, sequence),
                    Fate::GivenUp => return true,
                }
            }
            if let Some(run) = left {
                self.in_flight.push_back(InFlight { sent_at, run });
            }
        }
        false
    }

    fn check_timeout(&mut self, now: Time, channel: u8, sequence: u32, sent_at: Time) -> Fate {
        let Some(command) = self
            .unacknowledged_of(channel)
            .and_then(|commands| commands.get_mut(sequence))
            .filter(|command| command.is_under_way(sent_at))
        else {
            return Fate::Acknowledged;
        };
        let due = command.due();
        if due > now {
            self.next_timeout = Some(self.next_timeout.map_or(due, |next| next.min(due)));
            return Fate::UnderWay;
        }
        command.timeout = command.timeout.saturating_mul(2);
        command.in_flight = false;
        let (attempts, payload) = (command.attempts, command.payload_len());
        let earliest = self.earliest_timeout.map_or(sent_at, |at| at.min(sent_at));
        self.earliest_timeout = Some(earliest);
        if self.patience.is_over(now, earliest, attempts.into()) {
            return Fate::GivenUp;
        }
        self.loss.lost += 1;
        self.unacknowledged -= 1;
        self.in_transit -= payload;
        Fate::Lost
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
        self.next_timeout.or_else(|| self.ping_due())
    }
}

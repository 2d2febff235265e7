//! Acknowledgements (`enet_protocol_handle_acknowledge`), timeouts (`enet_protocol_check_timeouts`) and pings
//! (`enet_peer_ping`).

use super::outgoing::AcknowledgedCommand;
use super::sequence_range;
use super::{Peer, SentRange};
use crate::peer::PeerState;
use crate::time::Time;
use crate::wire::Body;
use std::time::Duration;

/// Maximum number of acknowledged entries in `in_flight`, in addition to twice the unacknowledged ones.
const MAX_STALE_ENTRIES: usize = 64;

/// Maximum number of timeout doublings; the peer times out before that.
const MAX_BACKOFF: u32 = 16;

impl Peer {
    /// Handles the acknowledgement of a command that arrived in a datagram with this sent time. Returns true if the
    /// command is a DISCONNECT.
    pub(crate) fn acknowledge_command(
        &mut self,
        now: Time,
        channel: u8,
        sequence: u16,
        sent_time: u16,
    ) -> bool {
        let commands = self.reliable_commands(channel);
        let command = commands.and_then(|commands| commands.acknowledge(sequence));
        let Some(command) = &command else { return false };
        self.remove_in_flight(command);
        // The sent time, in milliseconds, tells which transmission was acknowledged. For the last one, the exact time
        // is known. Commands of one datagram are measured once.
        if command.sent_at.sent_time() == sent_time {
            if self.last_measured != command.sent_at {
                self.last_measured = command.sent_at;
                self.sample_round_trip(now, now.saturating_duration_since(command.sent_at));
            }
        } else {
            let millis = now.sent_time().wrapping_sub(sent_time);
            if millis < 0x8000 {
                self.sample_round_trip(now, Duration::from_millis(millis.into()));
            }
        }
        self.last_receive = now;
        self.earliest_timeout = None;
        self.backoff = 0;
        command.is_disconnect
    }

    #[inline]
    fn remove_in_flight(&mut self, command: &AcknowledgedCommand) {
        self.outgoing_bytes -= command.cost;
        if command.in_flight {
            self.unacknowledged -= 1;
            self.in_transit -= command.payload;
        }
        if self.unacknowledged == 0 {
            self.in_flight.clear();
        } else if self.in_flight.len() > 2 * self.unacknowledged + MAX_STALE_ENTRIES {
            self.compact_in_flight();
        }
    }

    /// Treats the answer to the CONNECT, the first command, as its acknowledgement. If the CONNECT was repeated,
    /// nothing is measured and the backoff stays (Karn's algorithm, RFC 6298 section 5).
    pub(crate) fn acknowledge_connect(&mut self, now: Time) {
        let Some(command) = self.control.acknowledge(1) else { return };
        self.remove_in_flight(&command);
        self.earliest_timeout = None;
        if command.attempts == 1 {
            self.sample_round_trip(now, now.saturating_duration_since(command.sent_at));
        }
    }

    /// Adds a round-trip measurement.
    pub(crate) fn sample_round_trip(&mut self, now: Time, time: Duration) {
        self.throttle.adapt(time, &self.round_trip);
        self.round_trip.sample(time);
        if self.throttle.start_interval_if_over(now) {
            self.round_trip.next_interval();
        }
        self.last_receive = now;
    }

    /// Removes acknowledged and retransmitted commands from the front of each range in `in_flight`, so that no command
    /// is visited twice.
    fn compact_in_flight(&mut self) {
        let mut in_flight = std::mem::take(&mut self.in_flight);
        in_flight.retain_mut(|sent| {
            while sent.range.count > 0 && !self.is_in_flight(*sent) {
                sent.range.pop_first();
            }
            sent.range.count > 0
        });
        self.in_flight = in_flight;
    }

    /// Returns true if the first command of a range is in flight since it was sent then.
    fn is_in_flight(&mut self, sent: SentRange) -> bool {
        self.reliable_commands(sent.range.channel)
            .and_then(|commands| commands.get_mut(sent.range.first))
            .is_some_and(|command| command.is_in_flight_since(sent.sent_at))
    }

    /// Returns the retransmission timeout.
    ///
    /// In ENet each command doubles its own timeout whenever it is lost. Here the backoff belongs to the connection and
    /// is reset by each acknowledgement, as in TCP (RFC 6298 section 5): when a full receiver has room again, the
    /// packets that it refused are repeated at once, not each after a timeout of its own.
    fn retransmission_timeout(&self) -> Duration {
        Duration::from_micros(
            self.round_trip.timeout_without_backoff() << self.backoff.min(MAX_BACKOFF),
        )
    }

    /// Returns when the oldest command in flight times out; it may be acknowledged already.
    fn next_timeout(&self) -> Option<Time> {
        self.in_flight.front().map(|oldest| oldest.sent_at + self.retransmission_timeout())
    }

    /// Queues timed-out commands for retransmission (`enet_protocol_check_timeouts`). Returns true if the peer has timed out.
    pub(crate) fn check_timeouts(&mut self, now: Time) -> bool {
        while self.next_timeout().is_some_and(|at| at <= now)
            && let Some(SentRange { sent_at, range }) = self.in_flight.pop_front()
        {
            for sequence in range.sequences() {
                if self.mark_lost(now, range.channel, sequence, sent_at) {
                    return true;
                }
            }
        }
        false
    }

    /// Marks a command sent at `sent_at` as lost, unless it was acknowledged or retransmitted. Returns true if the peer
    /// has timed out.
    fn mark_lost(&mut self, now: Time, channel: u8, sequence: u32, sent_at: Time) -> bool {
        let Some(command) = self
            .reliable_commands(channel)
            .and_then(|commands| commands.get_mut(sequence))
            .filter(|command| command.is_in_flight_since(sent_at))
        else {
            return false;
        };
        command.in_flight = false;
        let (attempts, payload) = (command.attempts, command.payload_len());
        let earliest = self.earliest_timeout.map_or(sent_at, |at| at.min(sent_at));
        self.earliest_timeout = Some(earliest);
        if self.timeout_config.has_timed_out(now, earliest, attempts.into()) {
            return true;
        }
        // Losses of older commands carry no new information.
        if sent_at >= self.backed_off {
            self.backoff = self.backoff.saturating_add(1);
            self.backed_off = now;
        }
        self.loss.lost += 1;
        self.unacknowledged -= 1;
        self.in_transit -= payload;
        sequence_range::push(&mut self.lost, channel, sequence);
        false
    }

    /// Sends a ping if due.
    pub(crate) fn ping_if_due(&mut self, now: Time) {
        if self.ping_due().is_some_and(|at| at <= now) {
            self.queue_control(&Body::Ping);
        }
    }

    /// Returns when the next ping is due, if nothing else needs an acknowledgement.
    fn ping_due(&self) -> Option<Time> {
        let idle = self.unacknowledged == 0
            && self.queued_control.is_empty()
            && self.lost.is_empty()
            && self.queued_reliable.is_empty();
        (idle && self.state == PeerState::Connected).then(|| self.last_receive + self.ping_interval)
    }

    /// Returns when the peer next needs attention, if nothing else happens.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.next_timeout().or_else(|| self.ping_due())
    }

    /// Returns true if its timer is early enough.
    pub(crate) fn has_timer(&self) -> bool {
        match (self.timer, self.poll_timeout()) {
            (Some(timer), Some(deadline)) => timer <= deadline,
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }
}

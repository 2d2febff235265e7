//! Timers.

use super::Host;
use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Slots by the time of their next timer. Each peer stores the time of its valid entry; other entries are ignored.
#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Time, u16)>>);

impl Timers {
    fn pop_due(&mut self, now: Time) -> Option<(Time, u16)> {
        let Reverse((at, _)) = self.0.peek()?;
        if *at > now {
            return None;
        }
        self.0.pop().map(|Reverse(due)| due)
    }
}

impl Host {
    /// Returns when [`handle_timeout`](Self::handle_timeout) must be called, if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Time> {
        let timer = self.timers.0.peek().map(|Reverse((at, _))| *at);
        earlier(earlier(timer, self.bandwidth_due), self.half_opens.next_expiry())
    }

    /// Handles all timers due by `now`: retransmits lost commands, pings idle peers, and disconnects those that timed
    /// out.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((at, slot)) = self.timers.pop_due(now) {
            let Some(peer) = self.peers.slot_mut(slot) else { continue };
            if peer.timer != Some(at) {
                continue;
            }
            peer.timer = None;
            if peer.check_timeouts(now) {
                self.end(slot, 0, true);
                continue;
            }
            peer.ping_if_due(now);
            // `poll_transmit` looks for data to send; there may be none.
            self.schedule_send(slot);
            self.arm_timer(slot);
        }
        self.half_opens.remove_expired(now);
        self.share_bandwidth(now);
    }

    /// Sets the timer of a peer, if it must fire earlier than before.
    pub(super) fn arm_timer(&mut self, slot: u16) {
        if let Some(peer) = self.peers.slot_mut(slot)
            && !peer.has_timer()
            && let Some(at) = peer.poll_timeout()
        {
            peer.timer = Some(at);
            self.timers.0.push(Reverse((at, slot)));
        }
    }
}

/// Returns the earlier of two optional times.
fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

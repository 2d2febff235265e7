//! When a host needs to be called, and what it does then.

use super::Host;
use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Peers by the time at which they need attention. A peer remembers the time that stands for it; what else of it is found
/// here is of no account.
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
    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Time> {
        let timer = self.timers.0.peek().map(|Reverse((at, _))| *at);
        earlier(earlier(timer, self.bandwidth_due), self.half_opens.deadline())
    }

    /// Does what is to be done by `now`: repeats what was lost, asks idle peers whether they are there, gives up those
    /// that do not answer.
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
            // What is to be sent is looked for there, and nothing may be.
            self.make_ready(slot);
            self.arm(slot);
        }
        self.half_opens.expire(now);
        self.share_bandwidth(now);
    }

    /// Sets the timer of a peer, if it is to be called earlier than it was.
    pub(super) fn arm(&mut self, slot: u16) {
        if let Some(peer) = self.peers.slot_mut(slot)
            && !peer.has_timer()
            && let Some(at) = peer.deadline()
        {
            peer.timer = Some(at);
            self.timers.0.push(Reverse((at, slot)));
        }
    }
}

/// The earlier of two times, of which there may be none.
fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

//! How bandwidth is shared out among the peers: ENet's `enet_host_bandwidth_throttle`.

use super::Host;
use crate::peer::{PeerState, THROTTLE_SCALE};
use crate::time::Time;
use crate::wire::{Body, MAX_WINDOW_SIZE, MIN_WINDOW_SIZE};
use std::time::Duration;

/// `ENET_HOST_BANDWIDTH_THROTTLE_INTERVAL`.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// `ENET_PEER_WINDOW_SIZE_SCALE`: the bandwidth that the smallest window stands for.
const WINDOW_SIZE_SCALE: u32 = 64 * 1024;
/// How often the share is found anew without those that want less. Each time at least one is, which would be as many times
/// as there are peers.
const MAXIMUM_ROUNDS: usize = 32;

/// The window for a bandwidth; 0 is no limit.
pub(super) fn window_of(bandwidth: u32) -> u32 {
    if bandwidth == 0 {
        MAX_WINDOW_SIZE
    } else {
        (bandwidth / WINDOW_SIZE_SCALE)
            .saturating_mul(MIN_WINDOW_SIZE)
            .clamp(MIN_WINDOW_SIZE, MAX_WINDOW_SIZE)
    }
}

/// The window towards a remote host that takes `incoming`, for a host that sends `outgoing`; 0 is no limit.
pub(super) fn window_between(incoming: u32, outgoing: u32) -> u32 {
    if incoming == 0 || outgoing == 0 {
        window_of(incoming.max(outgoing))
    } else {
        window_of(incoming.min(outgoing))
    }
}

impl Host {
    /// Sets the bandwidths, in bytes a second; 0: no limit. Peers are told within a second.
    pub fn set_bandwidth(&mut self, now: Time, incoming: u32, outgoing: u32) {
        self.config.incoming_bandwidth = incoming;
        self.config.outgoing_bandwidth = outgoing;
        self.has_limits = true;
        self.recalculate_bandwidth = true;
        self.bandwidth_due.get_or_insert(now + INTERVAL);
    }

    /// Shares out the bandwidth, once a second while there is a limit.
    pub(super) fn share_bandwidth(&mut self, now: Time) {
        if self.bandwidth_due.is_none() && self.recalculate_bandwidth && self.has_limits {
            self.bandwidth_due = Some(now + INTERVAL);
        }
        if self.bandwidth_due.is_none_or(|at| at > now) {
            return;
        }
        let elapsed = now.since(self.bandwidth_epoch).min(10 * INTERVAL);
        self.bandwidth_epoch = now;
        let connected: Vec<u16> = self
            .peers
            .active()
            .iter()
            .copied()
            .filter(|&slot| self.peers.slot(slot).is_some_and(|peer| peer.state.takes_packets()))
            .collect();
        let limited = self.config.outgoing_bandwidth != 0
            || connected.iter().any(|&slot| {
                self.peers.slot(slot).is_some_and(|peer| peer.incoming_bandwidth != 0)
            });
        self.share_outgoing(&connected, elapsed, limited);
        if std::mem::take(&mut self.recalculate_bandwidth) {
            self.share_incoming(&connected);
        }
        self.bandwidth_due = (limited && !connected.is_empty()).then(|| now + INTERVAL);
    }

    /// Sets the throttles, so that neither this host sends more than it may nor any peer gets more than it takes.
    fn share_outgoing(&mut self, connected: &[u16], elapsed: Duration, limited: bool) {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let scale = u64::from(THROTTLE_SCALE);
        let own = u64::from(self.config.outgoing_bandwidth);
        let (mut total, mut bandwidth) = (u64::MAX, u64::MAX);
        if own != 0 {
            let sum = |sum: u64, slot: &u16| {
                sum + self.peers.slot(*slot).map_or(0, |peer| peer.outgoing_total)
            };
            total = connected.iter().fold(0, sum);
            bandwidth = own.saturating_mul(millis) / 1000;
        }
        let share = |total: u64, bandwidth: u64| {
            if total <= bandwidth { scale } else { bandwidth.saturating_mul(scale) / total }
        };
        let mut remaining = connected.to_vec();
        let mut changed = limited;
        for _ in 0..MAXIMUM_ROUNDS {
            if !std::mem::take(&mut changed) {
                break;
            }
            let throttle = share(total, bandwidth);
            remaining.retain(|&slot| {
                let Some(peer) = self.peers.slot_mut(slot) else { return false };
                let takes = u64::from(peer.incoming_bandwidth).saturating_mul(millis) / 1000;
                let sent = peer.outgoing_total;
                if peer.incoming_bandwidth == 0 || throttle.saturating_mul(sent) / scale <= takes {
                    return true;
                }
                let limit = (takes.saturating_mul(scale) / sent.max(1)).clamp(1, scale);
                peer.throttle.set_limit(u32::try_from(limit).unwrap_or(THROTTLE_SCALE));
                peer.outgoing_total = 0;
                if own != 0 {
                    bandwidth = bandwidth.saturating_sub(takes);
                    total = total.saturating_sub(takes);
                }
                changed = true;
                false
            });
        }
        let throttle = u32::try_from(share(total, bandwidth)).unwrap_or(THROTTLE_SCALE);
        for slot in remaining {
            if let Some(peer) = self.peers.slot_mut(slot) {
                peer.throttle.set_limit(throttle.min(THROTTLE_SCALE));
                peer.outgoing_total = 0;
            }
        }
    }

    /// Tells the peers how much of the incoming bandwidth each may use.
    fn share_incoming(&mut self, connected: &[u16]) {
        let mut bandwidth = self.config.incoming_bandwidth;
        let mut share = 0;
        let mut remaining = connected.to_vec();
        let mut content = Vec::new();
        if bandwidth != 0 {
            for _ in 0..MAXIMUM_ROUNDS {
                let Ok(count @ 1..) = u32::try_from(remaining.len()) else { break };
                share = bandwidth / count;
                let before = remaining.len();
                remaining.retain(|&slot| {
                    let sends = self.peers.slot(slot).map_or(0, |peer| peer.outgoing_bandwidth);
                    // One that does not say what it sends may send as much as there is.
                    if sends == 0 || sends >= share {
                        return true;
                    }
                    bandwidth = bandwidth.saturating_sub(sends);
                    content.push((slot, sends));
                    false
                });
                if remaining.len() == before {
                    break;
                }
            }
        }
        content.extend(remaining.into_iter().map(|slot| (slot, share)));
        let outgoing = self.config.outgoing_bandwidth;
        for (slot, incoming) in content {
            let Some(peer) = self.peers.slot_mut(slot) else { continue };
            let told = (incoming, outgoing);
            if peer.told_bandwidth != told && peer.state == PeerState::Connected {
                peer.told_bandwidth = told;
                peer.queue_control(&Body::BandwidthLimit { incoming, outgoing });
                self.make_ready(slot);
            }
        }
    }
}

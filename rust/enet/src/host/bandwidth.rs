//! Shares bandwidth among the peers, as ENet's `enet_host_bandwidth_throttle` does.

use super::Host;
use crate::peer::{PeerState, THROTTLE_SCALE};
use crate::time::Time;
use crate::wire::{Body, MAX_WINDOW_SIZE, MIN_WINDOW_SIZE};
use std::time::Duration;

/// `ENET_HOST_BANDWIDTH_THROTTLE_INTERVAL`.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// `ENET_PEER_WINDOW_SIZE_SCALE`: the bandwidth per smallest window.
const WINDOW_SIZE_SCALE: u32 = 64 * 1024;
/// Maximum number of rounds that recompute the share without the peers that need less. Each round settles at least one
/// peer, so the worst case would be one round per peer.
const MAX_ROUNDS: usize = 32;

/// Returns the window for a bandwidth; 0 means unlimited.
pub(super) fn window_of(bandwidth: u32) -> u32 {
    if bandwidth == 0 {
        MAX_WINDOW_SIZE
    } else {
        (bandwidth / WINDOW_SIZE_SCALE)
            .saturating_mul(MIN_WINDOW_SIZE)
            .clamp(MIN_WINDOW_SIZE, MAX_WINDOW_SIZE)
    }
}

/// Returns the window towards a remote host that receives `incoming` bytes per second, for a host that sends
/// `outgoing`; 0 means unlimited.
pub(super) fn window_between(incoming: u32, outgoing: u32) -> u32 {
    if incoming == 0 || outgoing == 0 {
        window_of(incoming.max(outgoing))
    } else {
        window_of(incoming.min(outgoing))
    }
}

impl Host {
    /// Sets the bandwidths in bytes per second; 0 means unlimited. Peers are notified within a second.
    pub fn set_bandwidth(&mut self, now: Time, incoming: u32, outgoing: u32) {
        self.config.incoming_bandwidth = incoming;
        self.config.outgoing_bandwidth = outgoing;
        self.has_limits = true;
        self.recalculate_bandwidth = true;
        self.bandwidth_due.get_or_insert(now + INTERVAL);
    }

    /// Recomputes the bandwidth shares, once per second while a limit is set.
    pub(super) fn share_bandwidth(&mut self, now: Time) {
        if self.bandwidth_due.is_none() && self.recalculate_bandwidth && self.has_limits {
            self.bandwidth_due = Some(now + INTERVAL);
        }
        if self.bandwidth_due.is_none_or(|at| at > now) {
            return;
        }
        let elapsed = now.saturating_duration_since(self.bandwidth_epoch).min(10 * INTERVAL);
        self.bandwidth_epoch = now;
        let connected: Vec<u16> = self
            .peers
            .active()
            .iter()
            .copied()
            .filter(|&slot| self.peers.slot(slot).is_some_and(|peer| peer.state.accepts_packets()))
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

    /// Sets the throttles so that this host does not exceed its outgoing bandwidth and no peer gets more than its
    /// incoming bandwidth.
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
        for _ in 0..MAX_ROUNDS {
            if !std::mem::take(&mut changed) {
                break;
            }
            let throttle = share(total, bandwidth);
            remaining.retain(|&slot| {
                let Some(peer) = self.peers.slot_mut(slot) else { return false };
                let accepts = u64::from(peer.incoming_bandwidth).saturating_mul(millis) / 1000;
                let sent = peer.outgoing_total;
                if peer.incoming_bandwidth == 0 || throttle.saturating_mul(sent) / scale <= accepts
                {
                    return true;
                }
                let limit = (accepts.saturating_mul(scale) / sent.max(1)).clamp(1, scale);
                peer.throttle.set_limit(u32::try_from(limit).unwrap_or(THROTTLE_SCALE));
                peer.outgoing_total = 0;
                if own != 0 {
                    bandwidth = bandwidth.saturating_sub(accepts);
                    total = total.saturating_sub(accepts);
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

    /// Notifies each peer of its share of the incoming bandwidth.
    fn share_incoming(&mut self, connected: &[u16]) {
        let mut bandwidth = self.config.incoming_bandwidth;
        let mut share = 0;
        let mut remaining = connected.to_vec();
        let mut shares = Vec::new();
        if bandwidth != 0 {
            for _ in 0..MAX_ROUNDS {
                let Ok(count @ 1..) = u32::try_from(remaining.len()) else { break };
                share = bandwidth / count;
                let before = remaining.len();
                remaining.retain(|&slot| {
                    let sends = self.peers.slot(slot).map_or(0, |peer| peer.outgoing_bandwidth);
                    // A peer that does not state its outgoing bandwidth may use a full share.
                    if sends == 0 || sends >= share {
                        return true;
                    }
                    bandwidth = bandwidth.saturating_sub(sends);
                    shares.push((slot, sends));
                    false
                });
                if remaining.len() == before {
                    break;
                }
            }
        }
        shares.extend(remaining.into_iter().map(|slot| (slot, share)));
        let outgoing = self.config.outgoing_bandwidth;
        for (slot, incoming) in shares {
            let Some(peer) = self.peers.slot_mut(slot) else { continue };
            let reported = (incoming, outgoing);
            if peer.reported_bandwidth != reported && peer.state == PeerState::Connected {
                peer.reported_bandwidth = reported;
                peer.queue_control(&Body::BandwidthLimit { incoming, outgoing });
                self.schedule_send(slot);
            }
        }
    }
}

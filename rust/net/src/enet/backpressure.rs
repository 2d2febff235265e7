//! Backpressure: data waiting for the game, as known to the I/O thread.

use super::driver::HostDriver;
use super::inbox::{Arrival, Inbox};
use super::peer_shared::PACKET_OVERHEAD;
use super::peer_table::ConnectedPeer;
use lodewire_enet::{Delivery, PeerKey};
use std::time::{Duration, Instant};

/// Minimum interval between polls of backpressured peers.
const BACKPRESSURE_INTERVAL: Duration = Duration::from_millis(1);
/// Delivered bytes after which the protocol is informed of what the game has read.
const CONSUMED_UPDATE_BYTES: usize = 64 << 10;

impl HostDriver {
    pub(super) fn received(
        &mut self,
        inbox: &mut Inbox,
        key: PeerKey,
        channel: u8,
        delivery: Delivery,
        data: Box<[u8]>,
    ) {
        let Some(entry) = self.peers.get_mut(key) else { return };
        let cost = data.len() + PACKET_OVERHEAD;
        entry.waiting += cost;
        entry.delivered_since_update += cost;
        if entry.delivered_since_update >= CONSUMED_UPDATE_BYTES
            || entry.waiting > self.max_waiting_data
        {
            Self::update_consumed(&mut self.host, entry);
        }
        // Reliable packets beyond the limit are refused by the protocol. Of the others, the oldest are dropped.
        while entry.waiting > self.max_waiting_data {
            let Some(number) = entry.unreliable.pop_front() else { break };
            if let Some(len) = inbox.drop_packet(number) {
                entry.waiting = entry.waiting.saturating_sub(len + PACKET_OVERHEAD);
                entry.shared.count_dropped();
                self.host.release_capacity(key, 1, len);
            }
        }
        if entry.waiting > self.max_waiting_data && delivery != Delivery::Reliable {
            entry.waiting = entry.waiting.saturating_sub(cost);
            entry.shared.count_dropped();
            self.host.release_capacity(key, 1, data.len());
            return;
        }
        if entry.waiting > self.max_waiting_data / 2
            && !std::mem::replace(&mut entry.is_backpressured, true)
        {
            self.backpressured.push(entry.shared.id);
        }
        let id = entry.shared.id;
        let number = inbox.push(Arrival::Received { id, channel, delivery, data });
        if delivery != Delivery::Reliable {
            while entry.unreliable.front().is_some_and(|front| !inbox.has(*front)) {
                entry.unreliable.pop_front();
            }
            entry.unreliable.push_back(number);
        }
    }

    /// Informs the protocol of the packets that the game has read.
    fn update_consumed(host: &mut lodewire_enet::Host, entry: &mut ConnectedPeer) {
        let (packets, bytes) = entry.shared.take_consumed();
        entry.delivered_since_update = 0;
        entry.waiting = entry.waiting.saturating_sub(bytes + packets * PACKET_OVERHEAD);
        host.release_capacity(entry.key, packets, bytes);
    }

    /// Polls backpressured peers, but not for each datagram: there may be as many as peers.
    pub(super) fn poll_backpressured_if_due(&mut self, now: Instant) {
        if self.next_backpressure_poll <= now {
            self.next_backpressure_poll = now + BACKPRESSURE_INTERVAL;
            self.poll_backpressured();
        }
    }

    /// Polls backpressured peers.
    pub(super) fn poll_backpressured(&mut self) {
        let limit = self.max_waiting_data;
        let (peers, host) = (&mut self.peers, &mut self.host);
        self.backpressured.retain(|&id| {
            let Some(entry) = peers.get_mut_by_id(id) else { return false };
            Self::update_consumed(host, entry);
            entry.is_backpressured = entry.waiting > limit / 2;
            entry.is_backpressured
        });
    }

    /// Releases a connection after the game was notified of its end.
    pub(super) fn release(&mut self, id: u32) {
        if let Some(key) = self.ended.remove(&id) {
            self.host.release_peer(key);
        }
    }
}

//! What waits for the game, as far as the I/O thread knows it.

use super::driver::{Entry, HostDriver};
use super::inbox::{Arrival, Inbox};
use super::peer_shared::PACKET_OVERHEAD;
use lodewire_enet::{Delivery, PeerKey};
use std::time::{Duration, Instant};

/// How often those are asked at most for whom there is little room left.
const PRESSED_INTERVAL: Duration = Duration::from_millis(1);
/// How many bytes of a peer the game may have taken before the protocol is told.
const UNTOLD: usize = 64 << 10;

impl HostDriver {
    pub(super) fn received(
        &mut self,
        inbox: &mut Inbox,
        key: PeerKey,
        channel: u8,
        delivery: Delivery,
        data: Box<[u8]>,
    ) {
        let Some(entry) = self.places.entry(key) else { return };
        let cost = data.len() + PACKET_OVERHEAD;
        entry.waiting += cost;
        entry.unasked += cost;
        if entry.unasked >= UNTOLD || entry.waiting > self.max_waiting_data {
            Self::ask(&mut self.host, entry);
        }
        // Reliable packets are not let in beyond the limit. Of the others, the oldest make room.
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
            && !std::mem::replace(&mut entry.is_pressed, true)
        {
            self.pressed.push(entry.shared.id);
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

    /// Asks what the game has taken of a peer's packets, and tells the protocol.
    fn ask(host: &mut lodewire_enet::Host, entry: &mut Entry) {
        let (packets, bytes) = entry.shared.take_consumed();
        entry.unasked = 0;
        entry.waiting = entry.waiting.saturating_sub(bytes + packets * PACKET_OVERHEAD);
        host.release_capacity(entry.key, packets, bytes);
    }

    /// Asks those for whom there is little room left, but not for each datagram: they may be as many as there are peers.
    pub(super) fn ask_pressed_if_due(&mut self, now: Instant) {
        if self.ask_pressed_at <= now {
            self.ask_pressed_at = now + PRESSED_INTERVAL;
            self.ask_pressed();
        }
    }

    /// Asks those for whom there is little room left.
    pub(super) fn ask_pressed(&mut self) {
        let limit = self.max_waiting_data;
        let (places, host) = (&mut self.places, &mut self.host);
        self.pressed.retain(|&id| {
            let Some(entry) = places.entry_by_id(id) else { return false };
            Self::ask(host, entry);
            entry.is_pressed = entry.waiting > limit / 2;
            entry.is_pressed
        });
    }

    /// The game was told of the end of a connection.
    pub(super) fn release(&mut self, id: u32) {
        if let Some(key) = self.ended.remove(&id) {
            self.host.release_peer(key);
        }
    }
}

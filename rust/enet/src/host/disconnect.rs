//! Disconnecting (`enet_peer_disconnect`, `enet_protocol_handle_disconnect`), and releasing slots.

use super::Host;
use super::datagram::Target;
use crate::event::{Event, PeerKey};
use crate::peer::PeerState;
use crate::wire::{Body, CONTROL_CHANNEL, Command};

impl Host {
    /// Disconnects a peer and drops queued packets. [`Event::Disconnect`] follows when the remote host confirms or
    /// times out. A peer that is not [connected](PeerState::Connected) yet is dropped at once, without an event.
    pub fn disconnect(&mut self, peer: PeerKey, data: u32) {
        let Some(found) = self.peers.get_mut(peer) else { return };
        match found.state {
            PeerState::Connected | PeerState::DisconnectLater => {
                self.begin_disconnect(peer.slot, data);
            }
            PeerState::Disconnecting
            | PeerState::AcknowledgingDisconnect
            | PeerState::Zombie
            | PeerState::Disconnected => {}
            _ => self.disconnect_now(peer, data),
        }
    }

    pub(super) fn begin_disconnect(&mut self, slot: u16, data: u32) {
        let Some(found) = self.peers.slot_mut(slot) else { return };
        let buffered = found.buffered_bytes();
        found.reset_queues();
        self.buffer_budget.change(buffered, found.buffered_bytes());
        found.state = PeerState::Disconnecting;
        found.queue_control(&Body::Disconnect { data });
        self.recalculate_bandwidth = true;
        self.schedule_send(slot);
    }

    /// Disconnects a peer after all queued packets are acknowledged. Nothing more can be sent.
    pub fn disconnect_later(&mut self, peer: PeerKey, data: u32) {
        match self.peers.get_mut(peer) {
            Some(found) if found.state.accepts_packets() && found.has_outgoing() => {
                found.state = PeerState::DisconnectLater;
                found.event_data = data;
            }
            Some(_) => self.disconnect(peer, data),
            None => {}
        }
    }

    /// Disconnects a peer at once, without an event. The remote host is notified once; if that datagram is lost, it
    /// times out.
    pub fn disconnect_now(&mut self, peer: PeerKey, data: u32) {
        let Some(found) = self.peers.get_mut(peer) else { return };
        if !matches!(found.state, PeerState::Zombie | PeerState::Disconnecting) {
            let command = Command {
                acknowledge: false,
                unsequenced: true,
                channel: CONTROL_CHANNEL,
                sequence: 0,
                body: Body::Disconnect { data },
            };
            let target = Target::of(found);
            let address = found.address;
            self.queue_reply(address, target, None, &command);
        }
        self.reset(peer);
    }

    /// Disconnects all peers at once, like [`disconnect_now`](Self::disconnect_now), and rejects half-open connections.
    pub fn disconnect_all_now(&mut self, data: u32) {
        for half_open in self.half_opens.take_all() {
            self.reject(&half_open, data);
        }
        while let Some(peer) = self.peers.active().last().and_then(|&slot| self.peers.key(slot)) {
            self.disconnect_now(peer, data);
        }
    }

    /// Drops a connection without notifying the remote host.
    pub fn reset(&mut self, peer: PeerKey) {
        if self.peers.get(peer).is_some() {
            self.remove(peer.slot);
        }
    }

    /// Drops a connection whose transport is lost, without an event; the caller reports it. Its slot and its packets
    /// count until [`release_peer`](Self::release_peer).
    pub fn abandon(&mut self, peer: PeerKey) {
        if let Some(found) = self.peers.get(peer) {
            let waiting_data = found.waiting_data;
            self.remove(peer.slot);
            self.buffer_budget.change(0, waiting_data);
            self.ended.insert(peer, waiting_data);
        }
    }

    /// Removes a peer without emitting an event.
    pub(super) fn remove(&mut self, slot: u16) {
        let Some(peer) = self.peers.remove(slot) else { return };
        self.buffer_budget.change(peer.buffered_bytes(), 0);
        self.accepted.remove(&(peer.address, peer.connect_id));
        self.recalculate_bandwidth = true;
    }

    /// Removes a peer and emits [`Event::Disconnect`].
    pub(super) fn end(&mut self, slot: u16, data: u32, timed_out: bool) {
        if let Some(peer) = self.peers.key(slot) {
            self.events.push(Event::Disconnect { peer, data, timed_out });
            self.abandon(peer);
        }
    }

    /// Releases the slot and the waiting packets of a disconnected peer, after [`Event::Disconnect`] was handled. Until
    /// then both count, so that peers which connect and leave while the caller is busy cannot increase the memory use
    /// without limit.
    pub fn release_peer(&mut self, peer: PeerKey) {
        if let Some(waiting_data) = self.ended.remove(&peer) {
            self.buffer_budget.change(waiting_data, 0);
        }
    }
}

//! How connections end, and when their places are free.

use super::Host;
use super::datagram::Target;
use crate::event::{Event, PeerKey};
use crate::peer::PeerState;
use crate::wire::{Body, CONTROL_CHANNEL, Command};

impl Host {
    /// Ends a connection. [`Event::Disconnect`] follows when the remote host has confirmed it, or does not answer; what
    /// waits to be sent is dropped. One that is not [connected](PeerState::Connected) yet is dropped at once, without an
    /// event.
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
        let kept = found.kept();
        found.reset_queues();
        self.kept.change(kept, found.kept());
        found.state = PeerState::Disconnecting;
        found.queue_control(&Body::Disconnect { data });
        self.recalculate_bandwidth = true;
        self.make_ready(slot);
    }

    /// Ends a connection when what waits to be sent has arrived. Nothing more can be sent.
    pub fn disconnect_later(&mut self, peer: PeerKey, data: u32) {
        match self.peers.get_mut(peer) {
            Some(found) if found.state.takes_packets() && found.has_outgoing() => {
                found.state = PeerState::DisconnectLater;
                found.event_data = data;
            }
            Some(_) => self.disconnect(peer, data),
            None => {}
        }
    }

    /// Ends a connection at once, without an event. The remote host is told so once; if that is lost, it finds out by its
    /// time-out.
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
            self.reply(address, target, None, &command);
        }
        self.reset(peer);
    }

    /// Ends all connections at once, as [`disconnect_now`](Self::disconnect_now) does; also those that remote hosts have
    /// asked for and that are not there yet.
    pub fn disconnect_all_now(&mut self, data: u32) {
        for half_open in self.half_opens.take_all() {
            self.turn_away(&half_open, data);
        }
        while let Some(peer) = self.peers.active().last().and_then(|&slot| self.peers.key(slot)) {
            self.disconnect_now(peer, data);
        }
    }

    /// Forgets a connection. The remote host is told nothing.
    pub fn reset(&mut self, peer: PeerKey) {
        if self.peers.get(peer).is_some() {
            self.remove(peer.slot);
        }
    }

    /// Ends a connection to whose address there is no way any more, without an event: the caller tells of it. Its place and its
    /// packets count until it is [released](Self::release_peer).
    pub fn abandon(&mut self, peer: PeerKey) {
        if let Some(found) = self.peers.get(peer) {
            let waiting = found.waiting;
            self.remove(peer.slot);
            self.kept.change(0, waiting);
            self.ended.insert(peer, waiting);
        }
    }

    /// Removes a peer, of which nothing is told.
    pub(super) fn remove(&mut self, slot: u16) {
        let Some(peer) = self.peers.remove(slot) else { return };
        self.kept.change(peer.kept(), 0);
        self.accepted.remove(&(peer.address, peer.connect_id));
        self.recalculate_bandwidth = true;
    }

    /// Removes a peer, and tells that it is gone.
    pub(super) fn end(&mut self, slot: u16, data: u32, timed_out: bool) {
        if let Some(peer) = self.peers.key(slot) {
            self.events.push(Event::Disconnect { peer, data, timed_out });
            self.abandon(peer);
        }
    }

    /// The caller is done with a connection of which [`Event::Disconnect`] has told: its place is free for another one, and
    /// its packets do not count any more. Until then, both count, so that whoever comes and goes while the caller is busy
    /// cannot make this host keep more and more.
    pub fn release_peer(&mut self, peer: PeerKey) {
        if let Some(waiting) = self.ended.remove(&peer) {
            self.kept.change(waiting, 0);
        }
    }
}

//! The script's objects for a host's peers.

use super::EventType;
use crate::enet_packet_peer::LodeENetPacketPeer;
use godot::prelude::*;
use lodewire_net::enet::{IdMap, Peer};
use std::rc::Rc;

/// Maximum number of entries of ended peers, in addition to as many as there are active ones.
const MAX_STALE_ENTRIES: usize = 64;

/// The script's objects for the peers that it has seen.
#[derive(Default)]
pub(super) struct Handles {
    by_id: IdMap<Handle>,
    /// The number of entries after the last cleanup.
    active: usize,
}

/// The script's objects for one peer.
struct Handle {
    peer: Rc<Peer>,
    object: Gd<LodeENetPacketPeer>,
    /// The event of a packet on channel 0, as returned by `service()`: copying it takes a third of the time of creating
    /// it.
    received: VarArray,
    /// The last call of `service_all()` that has reported a packet of it.
    last_reported: u64,
}

impl Handles {
    fn entry(&mut self, peer: &Rc<Peer>) -> &mut Handle {
        let (id, count) = (peer.id(), self.by_id.len());
        if count >= 2 * self.active + MAX_STALE_ENTRIES && !self.by_id.contains_key(&id) {
            // A peer that was reset, or disconnected immediately, has no event that removes its entry.
            self.by_id.retain(|_, handle| handle.peer.is_active());
            self.active = self.by_id.len();
        }
        self.by_id.entry(id).or_insert_with(|| {
            let object = LodeENetPacketPeer::create(Rc::clone(peer));
            let received = event_array(EventType::Receive, Some(&object), 0, 0);
            Handle { peer: Rc::clone(peer), object, received, last_reported: 0 }
        })
    }

    /// Returns the object for a peer; each call returns the same one.
    pub(super) fn get(&mut self, peer: &Rc<Peer>) -> Gd<LodeENetPacketPeer> {
        self.entry(peer).object.clone()
    }

    /// Returns the event of a received packet.
    pub(super) fn received(&mut self, peer: &Rc<Peer>, channel: u8) -> VarArray {
        self.entry(peer).received(channel)
    }

    /// Returns the event of a received packet, unless this call of `service_all()` has reported one of the peer
    /// already.
    pub(super) fn first_received(
        &mut self,
        peer: &Rc<Peer>,
        channel: u8,
        call: u64,
    ) -> Option<VarArray> {
        let handle = self.entry(peer);
        (std::mem::replace(&mut handle.last_reported, call) != call)
            .then(|| handle.received(channel))
    }

    /// Removes a peer that has no further events.
    pub(super) fn remove(&mut self, peer: &Peer) {
        self.by_id.remove(&peer.id());
    }

    /// Removes all peers.
    pub(super) fn clear(&mut self) {
        self.by_id.clear();
    }
}

impl Handle {
    fn received(&self, channel: u8) -> VarArray {
        let mut event = self.received.duplicate_shallow();
        if channel != 0 {
            event.set(3, &channel.to_variant());
        }
        event
    }
}

/// Returns an event as `service()` returns it.
pub(super) fn event_array(
    kind: EventType,
    peer: Option<&Gd<LodeENetPacketPeer>>,
    data: u32,
    channel: u8,
) -> VarArray {
    let peer = peer.map_or_else(Variant::nil, ToGodot::to_variant);
    VarArray::from(&[kind.to_variant(), peer, data.to_variant(), channel.to_variant()])
}

//! The script's objects of a host's peers.

use super::EventType;
use crate::enet_packet_peer::LodeENetPacketPeer;
use godot::prelude::*;
use lodewire_net::enet::{IdMap, Peer};
use std::rc::Rc;

/// How many may be of peers that the script has let go of, beside as many as there are others.
const MOST_STALE: usize = 64;

/// The script's objects of the peers that it knows.
#[derive(Default)]
pub(super) struct Handles {
    by_id: IdMap<Handle>,
    /// How many were left when those were dropped last that are not needed.
    active: usize,
}

/// What the script has of a peer.
struct Handle {
    peer: Rc<Peer>,
    object: Gd<LodeENetPacketPeer>,
    /// A packet has come on channel 0, as `service()` tells it: to copy it takes a third of the time that it takes to make
    /// it.
    received: VarArray,
    /// The last call of `service_all()` that has told of it.
    told: u64,
}

impl Handles {
    fn of(&mut self, peer: &Rc<Peer>) -> &mut Handle {
        let (id, count) = (peer.id(), self.by_id.len());
        if count >= 2 * self.active + MOST_STALE && !self.by_id.contains_key(&id) {
            // A peer that was reset, or disconnected at once, has no event to go with.
            self.by_id.retain(|_, handle| handle.peer.is_active());
            self.active = self.by_id.len();
        }
        self.by_id.entry(id).or_insert_with(|| {
            let object = LodeENetPacketPeer::create(Rc::clone(peer));
            let received = event(EventType::Receive, Some(&object), 0, 0);
            Handle { peer: Rc::clone(peer), object, received, told: 0 }
        })
    }

    /// The object of a peer: the same one each time.
    pub(super) fn get(&mut self, peer: &Rc<Peer>) -> Gd<LodeENetPacketPeer> {
        self.of(peer).object.clone()
    }

    /// That a packet of a peer has come.
    pub(super) fn received(&mut self, peer: &Rc<Peer>, channel: u8) -> VarArray {
        self.of(peer).received(channel)
    }

    /// The same, unless it was told already in this call of `service_all()`.
    pub(super) fn first_received(
        &mut self,
        peer: &Rc<Peer>,
        channel: u8,
        call: u64,
    ) -> Option<VarArray> {
        let handle = self.of(peer);
        (std::mem::replace(&mut handle.told, call) != call).then(|| handle.received(channel))
    }

    /// Forgets a peer, of which nothing more will be told.
    pub(super) fn remove(&mut self, peer: &Peer) {
        self.by_id.remove(&peer.id());
    }

    /// Forgets all.
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

/// An event, as `service()` tells it.
pub(super) fn event(
    kind: EventType,
    peer: Option<&Gd<LodeENetPacketPeer>>,
    data: u32,
    channel: u8,
) -> VarArray {
    let peer = peer.map_or_else(Variant::nil, ToGodot::to_variant);
    VarArray::from(&[kind.to_variant(), peer, data.to_variant(), channel.to_variant()])
}

//! The connections of a host, by their numbers.

use crate::event::PeerKey;
use crate::peer::Peer;
use crate::wire::MAXIMUM_PEERS;
use std::collections::HashMap;
use std::net::SocketAddr;

/// The connections of a host.
///
/// A connection stands in the slot of its number, so that a datagram finds it without a search. Numbers are offered to
/// remote hosts before anything is known of them, so two may come to have the same: the second one then stands in another
/// slot, and is found by its address.
#[derive(Debug, Default)]
pub(super) struct Peers {
    slots: Vec<Option<Box<Peer>>>,
    active: Vec<u16>,
    aliases: HashMap<(SocketAddr, u16), u16>,
    generation: u32,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.active.len()
    }

    /// The slots that are in use.
    pub(super) fn active(&self) -> &[u16] {
        &self.active
    }

    pub(super) fn slot_mut(&mut self, slot: u16) -> Option<&mut Peer> {
        self.slots.get_mut(usize::from(slot))?.as_deref_mut()
    }

    pub(super) fn slot(&self, slot: u16) -> Option<&Peer> {
        self.slots.get(usize::from(slot))?.as_deref()
    }

    pub(super) fn get(&self, key: PeerKey) -> Option<&Peer> {
        self.slot(key.slot).filter(|peer| peer.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: PeerKey) -> Option<&mut Peer> {
        self.slot_mut(key.slot).filter(|peer| peer.generation == key.generation)
    }

    pub(super) fn key(&self, slot: u16) -> Option<PeerKey> {
        Some(PeerKey { slot, generation: self.slot(slot)?.generation })
    }

    /// The slot of the connection that a datagram from `from` to the number `id` belongs to.
    pub(super) fn find(&self, from: SocketAddr, id: u16) -> Option<u16> {
        match self.slot(id) {
            Some(peer) if peer.incoming_id == id && (peer.address == from || peer.is_broadcast) => {
                Some(id)
            }
            _ if self.aliases.is_empty() => None,
            _ => self.aliases.get(&(from, id)).copied(),
        }
    }

    /// A slot that is free, as near to `wanted` as there is one.
    pub(super) fn free_slot(&self, wanted: u16) -> Option<u16> {
        let wanted = usize::from(wanted);
        (wanted..MAXIMUM_PEERS)
            .chain(0..wanted.min(MAXIMUM_PEERS))
            .find(|&slot| self.slots.get(slot).is_none_or(Option::is_none))
            .and_then(|slot| u16::try_from(slot).ok())
    }

    /// Adds a connection in a slot that is free.
    pub(super) fn insert(&mut self, slot: u16, mut peer: Peer) -> PeerKey {
        self.generation = self.generation.wrapping_add(1);
        peer.generation = self.generation;
        peer.position = self.active.len();
        self.active.push(slot);
        if peer.incoming_id != slot {
            self.aliases.insert((peer.address, peer.incoming_id), slot);
        }
        let index = usize::from(slot);
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(Box::new(peer));
        PeerKey { slot, generation: self.generation }
    }

    pub(super) fn remove(&mut self, slot: u16) -> Option<Box<Peer>> {
        let peer = self.slots.get_mut(usize::from(slot))?.take()?;
        self.active.swap_remove(peer.position);
        if let Some(&moved) = self.active.get(peer.position)
            && let Some(moved) = self.slot_mut(moved)
        {
            moved.position = peer.position;
        }
        if peer.incoming_id != slot {
            self.aliases.remove(&(peer.address, peer.incoming_id));
        }
        Some(peer)
    }
}

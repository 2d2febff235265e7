//! The peers of a host by id.

use crate::event::PeerKey;
use crate::peer::Peer;
use crate::wire::MAX_PEERS;
use std::collections::HashMap;
use std::net::SocketAddr;

/// The peers of a host.
///
/// A peer is stored in the slot of its id, so that a datagram finds it without a search. Ids are offered to remote
/// hosts before their addresses are validated, so two peers may get the same id. The second one is then stored in
/// another slot and found by its address.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// The slots in groups, since ids are random and a host may have few peers.
    groups: Vec<Group>,
    active: Vec<u16>,
    aliases: HashMap<(SocketAddr, u16), u16>,
    generation: u32,
}

/// Slots per group.
const GROUP_SIZE: usize = 64;

/// A group of slots.
#[derive(Debug, Default)]
struct Group {
    /// One bit for each slot in use.
    used: u64,
    /// Empty while no slot is in use.
    slots: Vec<Option<Box<Peer>>>,
}

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.active.len()
    }

    /// Returns the slots in use.
    pub(super) fn active(&self) -> &[u16] {
        &self.active
    }

    pub(super) fn slot_mut(&mut self, slot: u16) -> Option<&mut Peer> {
        let (group, index) = locate(slot);
        self.groups.get_mut(group)?.slots.get_mut(index)?.as_deref_mut()
    }

    pub(super) fn slot(&self, slot: u16) -> Option<&Peer> {
        let (group, index) = locate(slot);
        self.groups.get(group)?.slots.get(index)?.as_deref()
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

    /// Finds the slot of the peer that a datagram from `from` to the peer id `id` belongs to.
    pub(super) fn find(&self, from: SocketAddr, id: u16) -> Option<u16> {
        match self.slot(id) {
            Some(peer) if peer.incoming_id == id && (peer.address == from || peer.is_broadcast) => {
                Some(id)
            }
            _ if self.aliases.is_empty() => None,
            _ => self.aliases.get(&(from, id)).copied(),
        }
    }

    /// Finds a free slot: `wanted`, or another one without visiting each.
    pub(super) fn free_slot(&self, wanted: u16) -> Option<u16> {
        if usize::from(wanted) < MAX_PEERS && self.slot(wanted).is_none() {
            return Some(wanted);
        }
        let groups = MAX_PEERS.div_ceil(GROUP_SIZE);
        let first = locate(wanted).0;
        (0..groups).map(|step| (first + step) % groups).find_map(|group| {
            let used = self.groups.get(group).map_or(0, |group| group.used);
            let index = used.trailing_ones() as usize;
            let slot = group * GROUP_SIZE + index;
            let is_free = index < GROUP_SIZE && slot < MAX_PEERS;
            u16::try_from(slot).ok().filter(|_| is_free)
        })
    }

    /// Adds a peer in a free slot.
    pub(super) fn insert(&mut self, slot: u16, mut peer: Peer) -> PeerKey {
        self.generation = self.generation.wrapping_add(1);
        peer.generation = self.generation;
        peer.position = self.active.len();
        self.active.push(slot);
        if peer.incoming_id != slot {
            self.aliases.insert((peer.address, peer.incoming_id), slot);
        }
        let (group, index) = locate(slot);
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, Group::default);
        }
        let group = &mut self.groups[group];
        if group.slots.is_empty() {
            group.slots.resize_with(GROUP_SIZE, || None);
        }
        group.used |= 1 << index;
        group.slots[index] = Some(Box::new(peer));
        PeerKey { slot, generation: self.generation }
    }

    pub(super) fn remove(&mut self, slot: u16) -> Option<Box<Peer>> {
        let (group, index) = locate(slot);
        let group = self.groups.get_mut(group)?;
        let peer = group.slots.get_mut(index)?.take()?;
        group.used &= !(1 << index);
        if group.used == 0 {
            group.slots = Vec::new();
        }
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

/// Returns the group of a slot, and its index in the group.
fn locate(slot: u16) -> (usize, usize) {
    (usize::from(slot) / GROUP_SIZE, usize::from(slot) % GROUP_SIZE)
}

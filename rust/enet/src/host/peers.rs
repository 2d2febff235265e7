//! The connections of a host, by their numbers.

use crate::event::PeerKey;
use crate::peer::Peer;
use crate::wire::MAX_PEERS;
use std::collections::HashMap;
use std::net::SocketAddr;

/// The connections of a host.
///
/// A connection stands in the slot of its number, so that a datagram finds it without a search. Numbers are offered to
/// remote hosts before anything is known of them, so two may come to have the same: the second one then stands in another
/// slot, and is found by its address.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// The slots in groups, since numbers are random and a host may have few connections.
    groups: Vec<Group>,
    active: Vec<u16>,
    aliases: HashMap<(SocketAddr, u16), u16>,
    generation: u32,
}

/// How many slots stand together.
const GROUP: usize = 64;

/// Some slots.
#[derive(Debug, Default)]
struct Group {
    /// A bit for each slot that is in use.
    used: u64,
    /// None while no slot is.
    slots: Vec<Option<Box<Peer>>>,
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
        let (group, index) = place(slot);
        self.groups.get_mut(group)?.slots.get_mut(index)?.as_deref_mut()
    }

    pub(super) fn slot(&self, slot: u16) -> Option<&Peer> {
        let (group, index) = place(slot);
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

    /// A slot that is free: `wanted`, or one that is found without a look at each.
    pub(super) fn free_slot(&self, wanted: u16) -> Option<u16> {
        if usize::from(wanted) < MAX_PEERS && self.slot(wanted).is_none() {
            return Some(wanted);
        }
        let groups = MAX_PEERS.div_ceil(GROUP);
        let first = place(wanted).0;
        (0..groups).map(|step| (first + step) % groups).find_map(|group| {
            let used = self.groups.get(group).map_or(0, |group| group.used);
            let index = used.trailing_ones() as usize;
            let slot = group * GROUP + index;
            let is_free = index < GROUP && slot < MAX_PEERS;
            u16::try_from(slot).ok().filter(|_| is_free)
        })
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
        let (group, index) = place(slot);
        if group >= self.groups.len() {
            self.groups.resize_with(group + 1, Group::default);
        }
        let group = &mut self.groups[group];
        if group.slots.is_empty() {
            group.slots.resize_with(GROUP, || None);
        }
        group.used |= 1 << index;
        group.slots[index] = Some(Box::new(peer));
        PeerKey { slot, generation: self.generation }
    }

    pub(super) fn remove(&mut self, slot: u16) -> Option<Box<Peer>> {
        let (group, index) = place(slot);
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

/// The group of a slot, and its place in that.
fn place(slot: u16) -> (usize, usize) {
    (usize::from(slot) / GROUP, usize::from(slot) % GROUP)
}

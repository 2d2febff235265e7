//! The peers of a host, on the I/O thread.

use super::dial::Dial;
use super::id_map::IdMap;
use super::peer_shared::PeerShared;
use crate::dtls::Key;
use lodewire_enet::PeerKey;
use std::collections::VecDeque;
use std::sync::Arc;

/// A connected peer.
#[derive(Debug)]
pub(super) struct ConnectedPeer {
    pub(super) shared: Arc<PeerShared>,
    pub(super) key: PeerKey,
    /// Bytes that wait for the game, as known here.
    pub(super) waiting: usize,
    /// Bytes delivered since `waiting` was last updated.
    pub(super) delivered_since_update: usize,
    /// The numbers of waiting unreliable packets in the inbox, oldest first.
    pub(super) unreliable: VecDeque<u64>,
    /// Listed in `HostDriver::backpressured`.
    pub(super) is_backpressured: bool,
    /// The DTLS association of a server's peer.
    pub(super) association: Option<Key>,
}

/// The content of a slot of the protocol.
#[derive(Debug)]
pub(super) enum Slot {
    /// An attempt of the dial with this id.
    Dialing(u32, PeerKey),
    Connected(Box<ConnectedPeer>),
}

/// The peers by the protocol's slots, and by id.
#[derive(Debug, Default)]
pub(super) struct PeerTable {
    slots: IdMap<Slot>,
    ids: IdMap<PeerKey>,
}

impl Slot {
    fn key(&self) -> PeerKey {
        match self {
            Self::Dialing(_, key) => *key,
            Self::Connected(entry) => entry.key,
        }
    }
}

impl PeerTable {
    pub(super) fn set(&mut self, key: PeerKey, slot: Slot) {
        self.slots.insert(key.slot(), slot);
    }

    fn at(&self, key: PeerKey) -> Option<&Slot> {
        self.slots.get(&key.slot()).filter(|slot| slot.key() == key)
    }

    pub(super) fn insert(&mut self, entry: ConnectedPeer) {
        self.ids.insert(entry.shared.id, entry.key);
        self.set(entry.key, Slot::Connected(Box::new(entry)));
    }

    /// Returns the dial of an attempt.
    pub(super) fn dialing(&self, key: PeerKey) -> Option<u32> {
        match self.at(key)? {
            Slot::Dialing(id, _) => Some(*id),
            Slot::Connected(_) => None,
        }
    }

    pub(super) fn get_mut(&mut self, key: PeerKey) -> Option<&mut ConnectedPeer> {
        match self.slots.get_mut(&key.slot())? {
            Slot::Connected(entry) if entry.key == key => Some(entry),
            _ => None,
        }
    }

    pub(super) fn get_mut_by_id(&mut self, id: u32) -> Option<&mut ConnectedPeer> {
        let key = *self.ids.get(&id)?;
        self.get_mut(key)
    }

    pub(super) fn shared<'a>(
        &'a self,
        key: PeerKey,
        dials: &'a IdMap<Dial>,
    ) -> Option<&'a Arc<PeerShared>> {
        match self.at(key)? {
            Slot::Dialing(id, _) => dials.get(id).map(|dial| &dial.shared),
            Slot::Connected(entry) => Some(&entry.shared),
        }
    }

    /// Returns all connected peers and attempts.
    pub(super) fn keys(&self) -> Vec<PeerKey> {
        self.slots.values().map(Slot::key).collect()
    }

    /// Removes a peer or attempt.
    pub(super) fn remove(&mut self, key: PeerKey) -> Option<Slot> {
        self.at(key)?;
        let slot = self.slots.remove(&key.slot())?;
        if let Slot::Connected(entry) = &slot {
            self.ids.remove(&entry.shared.id);
        }
        Some(slot)
    }
}

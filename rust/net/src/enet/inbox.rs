//! What has happened and the game was not told yet.

use super::peer_shared::PeerShared;
use lodewire_enet::Delivery;
use std::collections::VecDeque;
use std::sync::Arc;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Arrival {
    Connected {
        peer: Arc<PeerShared>,
        channels: usize,
        data: u32,
    },
    Disconnected {
        id: u32,
        data: u32,
        /// In words, unless one of the two ends asked for it.
        reason: Option<String>,
    },
    Received {
        id: u32,
        channel: u8,
        delivery: Delivery,
        data: Box<[u8]>,
    },
}

/// What has happened, in its order. Packets are numbered, so that one that waits can be taken out again.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The number of the first.
    first: u64,
    arrivals: VecDeque<Option<Arrival>>,
    /// The game waits for the next.
    pub(super) waited_for: bool,
    /// The driver has ended: nothing more comes.
    pub(super) closed: bool,
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Adds something, and tells its number.
    pub(super) fn push(&mut self, arrival: Arrival) -> u64 {
        self.arrivals.push_back(Some(arrival));
        self.first + self.arrivals.len() as u64 - 1
    }

    /// Takes out a packet that the game has not taken yet, and tells how long it was.
    pub(super) fn drop_packet(&mut self, number: u64) -> Option<usize> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        match self.arrivals.get_mut(index)?.take() {
            Some(Arrival::Received { data, .. }) => Some(data.len()),
            other => {
                self.arrivals[index] = other;
                None
            }
        }
    }

    /// Whether the game has not taken the one with this number yet.
    pub(super) fn has(&self, number: u64) -> bool {
        number >= self.first
    }

    /// Moves everything onto the end of `arrivals`.
    pub(super) fn take(&mut self, arrivals: &mut VecDeque<Option<Arrival>>) {
        self.first += self.arrivals.len() as u64;
        if arrivals.is_empty() {
            std::mem::swap(arrivals, &mut self.arrivals);
        } else {
            arrivals.append(&mut self.arrivals);
        }
    }
}

//! Undelivered events and packets.

use super::peer_shared::PeerShared;
use lodewire_enet::Delivery;
use std::collections::VecDeque;
use std::sync::Arc;

/// An event or packet.
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
        /// The cause, unless one of the two sides disconnected.
        reason: Option<String>,
    },
    Received {
        id: u32,
        channel: u8,
        delivery: Delivery,
        data: Box<[u8]>,
    },
}

/// Maximum number of removed entries that are kept, in addition to as many as remain.
const SPARE_ENTRIES: usize = 64;

/// Events and packets in order. Entries are numbered, so that a waiting packet can be removed.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Entries with a lower number were taken by the game.
    first: u64,
    /// The number of the next entry.
    next: u64,
    /// Entries in order of number; removed ones are `None` until [`compact`](Self::compact).
    arrivals: VecDeque<Numbered>,
    /// The number of removed entries.
    removed: usize,
    /// The game waits for the next entry.
    pub(super) is_waited_for: bool,
    /// The driver has ended: nothing more arrives.
    pub(super) is_closed: bool,
}

/// An entry's number, and its content unless it was removed.
pub(super) type Numbered = (u64, Option<Arrival>);

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Appends an entry, and returns its number.
    pub(super) fn push(&mut self, arrival: Arrival) -> u64 {
        let number = self.next;
        self.next += 1;
        self.arrivals.push_back((number, Some(arrival)));
        number
    }

    /// Removes a packet that the game has not taken yet, and returns its length.
    pub(super) fn drop_packet(&mut self, number: u64) -> Option<usize> {
        let index = self.arrivals.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let entry = &mut self.arrivals[index].1;
        let Some(Arrival::Received { data, .. }) = entry else { return None };
        let len = data.len();
        *entry = None;
        self.removed += 1;
        if self.removed > self.arrivals.len() / 2 + SPARE_ENTRIES {
            self.compact();
        }
        Some(len)
    }

    /// Frees removed entries: they would accumulate while the game does not read.
    fn compact(&mut self) {
        self.arrivals.retain(|(_, arrival)| arrival.is_some());
        self.arrivals.shrink_to(2 * self.arrivals.len());
        self.removed = 0;
    }

    /// Returns true if the game has not taken this entry yet.
    pub(super) fn has(&self, number: u64) -> bool {
        number >= self.first
    }

    /// Moves all entries to the end of `arrivals`.
    pub(super) fn take(&mut self, arrivals: &mut VecDeque<Numbered>) {
        self.first = self.next;
        self.removed = 0;
        if arrivals.is_empty() {
            std::mem::swap(arrivals, &mut self.arrivals);
            // The capacity of a burst is not retained.
            if self.arrivals.capacity() > 4 * arrivals.len().max(SPARE_ENTRIES) {
                self.arrivals.shrink_to(arrivals.len());
            }
        } else {
            arrivals.append(&mut self.arrivals);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(id: u32) -> Arrival {
        Arrival::Received { id, channel: 0, delivery: Delivery::Unreliable, data: Box::new([7; 8]) }
    }

    #[test]
    fn dropped_packets_free_memory_before_the_game_reads() {
        let mut inbox = Inbox::default();
        // One that stays, before others that are replaced by newer ones.
        inbox.push(packet(1));
        let mut waiting = VecDeque::new();
        for _ in 0..100_000 {
            waiting.push_back(inbox.push(packet(2)));
            if waiting.len() > 100 {
                let oldest = waiting.pop_front().expect("there are some");
                assert_eq!(inbox.drop_packet(oldest), Some(8));
                assert_eq!(inbox.drop_packet(oldest), None, "once");
            }
        }
        let bound = 2 * (101 + 2 * SPARE_ENTRIES);
        assert!(inbox.arrivals.len() <= bound, "{} places", inbox.arrivals.len());
        assert!(inbox.arrivals.capacity() <= 2 * bound, "{}", inbox.arrivals.capacity());
        let newest = *waiting.back().expect("there are some");
        let mut taken = VecDeque::new();
        inbox.take(&mut taken);
        let left: Vec<_> = taken.iter().filter(|(_, arrival)| arrival.is_some()).collect();
        assert_eq!((left.len(), left[0].0, left[100].0), (101, 0, newest));
        assert!(!inbox.has(newest) && inbox.drop_packet(newest).is_none());
        assert!(inbox.has(inbox.next));
    }
}

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

/// How many packets that were taken out may keep their places, beside as many as still wait.
const SPARE: usize = 64;

/// What has happened, in its order. Packets are numbered, so that one that waits can be taken out again.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Everything with a lower number was taken by the game.
    first: u64,
    /// The number of the next.
    next: u64,
    /// In the order of their numbers; those that were taken out again are empty, until [`compact`](Self::compact).
    arrivals: VecDeque<Numbered>,
    /// How many are empty.
    empty: usize,
    /// The game waits for the next.
    pub(super) waited_for: bool,
    /// The driver has ended: nothing more comes.
    pub(super) closed: bool,
}

/// Something that happened, unless it was taken out again, and its number.
pub(super) type Numbered = (u64, Option<Arrival>);

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// Adds something, and returns its number.
    pub(super) fn push(&mut self, arrival: Arrival) -> u64 {
        let number = self.next;
        self.next += 1;
        self.arrivals.push_back((number, Some(arrival)));
        number
    }

    /// Takes out a packet that the game has not taken yet, and returns how long it was.
    pub(super) fn drop_packet(&mut self, number: u64) -> Option<usize> {
        let index = self.arrivals.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let place = &mut self.arrivals[index].1;
        let Some(Arrival::Received { data, .. }) = place else { return None };
        let len = data.len();
        *place = None;
        self.empty += 1;
        if self.empty > self.arrivals.len() / 2 + SPARE {
            self.compact();
        }
        Some(len)
    }

    /// Frees the places of what was taken out: they would grow without limit while the game does not look.
    fn compact(&mut self) {
        self.arrivals.retain(|(_, arrival)| arrival.is_some());
        self.arrivals.shrink_to(2 * self.arrivals.len());
        self.empty = 0;
    }

    /// Whether the game has not taken the one with this number yet.
    pub(super) fn has(&self, number: u64) -> bool {
        number >= self.first
    }

    /// Moves everything onto the end of `arrivals`.
    pub(super) fn take(&mut self, arrivals: &mut VecDeque<Numbered>) {
        self.first = self.next;
        self.empty = 0;
        if arrivals.is_empty() {
            std::mem::swap(arrivals, &mut self.arrivals);
            // The room of a burst is not kept for the next one.
            if self.arrivals.capacity() > 4 * arrivals.len().max(SPARE) {
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
    fn what_was_dropped_takes_no_room_while_the_game_does_not_look() {
        let mut inbox = Inbox::default();
        // One that stays, before and among those that make room for newer ones.
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
        let bound = 2 * (101 + 2 * SPARE);
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

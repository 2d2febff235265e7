//! Which sources of a driver are to be served, and in which order.

use super::driver::Readiness;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// The sources of one driver that are ready. Each of them is there once, whoever tells of it how often.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Those that the system told of.
    fresh: VecDeque<usize>,
    /// Those that had their share and have more to do.
    again: VecDeque<usize>,
    /// What each of them can do. A key that stands in a queue and not here is skipped.
    known: HashMap<usize, Readiness>,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The system tells what a source can do. One that waits for another share does not get ahead by it.
    pub(super) fn tell(&mut self, key: usize, readiness: Readiness) {
        match self.known.entry(key) {
            Entry::Occupied(known) => known.into_mut().merge(readiness),
            Entry::Vacant(place) => {
                place.insert(readiness);
                self.fresh.push_back(key);
            }
        }
    }

    /// A source has more to read, after the others had their turn.
    pub(super) fn again(&mut self, key: usize) {
        let more = Readiness { readable: true, ended: false, writable: false };
        match self.known.entry(key) {
            Entry::Occupied(known) => known.into_mut().merge(more),
            Entry::Vacant(place) => {
                place.insert(more);
                self.again.push_back(key);
            }
        }
    }

    /// Forgets what was told of a source: another one has its key now.
    pub(super) fn forget(&mut self, key: usize) {
        self.known.remove(&key);
    }

    /// How many sources stand in each queue: what a turn serves at most.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.fresh.len(), self.again.len())
    }

    /// Takes the next source that the system told of.
    pub(super) fn next_fresh(&mut self) -> Option<(usize, Readiness)> {
        let key = self.fresh.pop_front()?;
        self.known.remove_entry(&key)
    }

    /// Takes the next source that has more to do.
    pub(super) fn next_again(&mut self) -> Option<(usize, Readiness)> {
        let key = self.again.pop_front()?;
        self.known.remove_entry(&key)
    }
}

impl Readiness {
    fn merge(&mut self, other: Self) {
        self.readable |= other.readable;
        self.ended |= other.ended;
        self.writable |= other.writable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Readiness = Readiness { readable: true, ended: false, writable: false };
    const WRITE: Readiness = Readiness { readable: false, ended: false, writable: true };

    #[test]
    fn a_source_stands_in_the_queues_once() {
        let mut ready = Ready::default();
        ready.again(1);
        ready.again(1);
        ready.tell(1, WRITE);
        ready.tell(2, READ);
        ready.tell(2, WRITE);
        ready.again(2);
        let both = Readiness { writable: true, ..READ };
        assert_eq!(ready.waiting(), (1, 1));
        assert_eq!(ready.next_fresh(), Some((2, both)));
        assert_eq!(ready.next_again(), Some((1, both)), "it does not get ahead");
        assert_eq!((ready.next_fresh(), ready.next_again()), (None, None));
        assert!(ready.is_empty());
    }

    #[test]
    fn what_was_told_of_an_earlier_source_is_not_told_of_the_next_one() {
        let mut ready = Ready::default();
        ready.tell(1, Readiness { ended: true, ..READ });
        ready.forget(1);
        assert!(ready.is_empty());
        ready.tell(1, READ);
        let told: Vec<_> = (0..2).filter_map(|_| ready.next_fresh()).collect();
        assert_eq!(told, [(1, READ)]);
    }
}

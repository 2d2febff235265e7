//! The queue of a driver's ready sources.

use super::driver::Readiness;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// The ready sources of one driver. Each is queued once, however often it is reported.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Sources reported by the system.
    signalled: VecDeque<usize>,
    /// Sources that were served and have more to do.
    rescheduled: VecDeque<usize>,
    /// The readiness of each. A key that is in a queue but not here is skipped.
    readiness: HashMap<usize, Readiness>,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.readiness.is_empty()
    }

    /// Adds readiness reported by the system. A rescheduled source keeps its place in the queue.
    pub(super) fn signal(&mut self, key: usize, readiness: Readiness) {
        match self.readiness.entry(key) {
            Entry::Occupied(entry) => entry.into_mut().merge(readiness),
            Entry::Vacant(entry) => {
                entry.insert(readiness);
                self.signalled.push_back(key);
            }
        }
    }

    /// Queues a source that has more to read, behind the others.
    pub(super) fn reschedule(&mut self, key: usize) {
        let more = Readiness { readable: true, read_closed: false, writable: false };
        match self.readiness.entry(key) {
            Entry::Occupied(entry) => entry.into_mut().merge(more),
            Entry::Vacant(entry) => {
                entry.insert(more);
                self.rescheduled.push_back(key);
            }
        }
    }

    /// Drops the readiness of a source, because another one has its key now.
    pub(super) fn forget(&mut self, key: usize) {
        self.readiness.remove(&key);
    }

    /// Returns the lengths of both queues, which a turn serves at most.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.signalled.len(), self.rescheduled.len())
    }

    /// Takes the next source reported by the system.
    pub(super) fn next_signalled(&mut self) -> Option<(usize, Readiness)> {
        let key = self.signalled.pop_front()?;
        self.readiness.remove_entry(&key)
    }

    /// Takes the next source that has more to do.
    pub(super) fn next_rescheduled(&mut self) -> Option<(usize, Readiness)> {
        let key = self.rescheduled.pop_front()?;
        self.readiness.remove_entry(&key)
    }
}

impl Readiness {
    fn merge(&mut self, other: Self) {
        self.readable |= other.readable;
        self.read_closed |= other.read_closed;
        self.writable |= other.writable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Readiness = Readiness { readable: true, read_closed: false, writable: false };
    const WRITE: Readiness = Readiness { readable: false, read_closed: false, writable: true };

    #[test]
    fn a_source_is_queued_once() {
        let mut ready = Ready::default();
        ready.reschedule(1);
        ready.reschedule(1);
        ready.signal(1, WRITE);
        ready.signal(2, READ);
        ready.signal(2, WRITE);
        ready.reschedule(2);
        let both = Readiness { writable: true, ..READ };
        assert_eq!(ready.lengths(), (1, 1));
        assert_eq!(ready.next_signalled(), Some((2, both)));
        assert_eq!(ready.next_rescheduled(), Some((1, both)), "it keeps its place");
        assert_eq!((ready.next_signalled(), ready.next_rescheduled()), (None, None));
        assert!(ready.is_empty());
    }

    #[test]
    fn readiness_of_an_earlier_source_is_dropped() {
        let mut ready = Ready::default();
        ready.signal(1, Readiness { read_closed: true, ..READ });
        ready.forget(1);
        assert!(ready.is_empty());
        ready.signal(1, READ);
        let sources: Vec<_> = (0..2).filter_map(|_| ready.next_signalled()).collect();
        assert_eq!(sources, [(1, READ)]);
    }
}

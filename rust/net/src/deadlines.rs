//! A timer queue.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Deadlines by key, the earliest first.
///
/// A deadline cannot be removed: the caller remembers the one it has set, and ignores a key that is due at any other
/// time. So setting and clearing a timer costs no more than a push to a heap.
#[derive(Debug)]
pub(crate) struct Deadlines<K>(BinaryHeap<Reverse<(Instant, K)>>);

impl<K: Ord + Copy> Deadlines<K> {
    pub(crate) fn new() -> Self {
        Self(BinaryHeap::new())
    }

    /// Adds a deadline for `key`.
    pub(crate) fn set(&mut self, at: Instant, key: K) {
        self.0.push(Reverse((at, key)));
    }

    /// Returns the earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest deadline if it is not after `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, K)> {
        if self.next()? > now {
            return None;
        }
        let due = self.0.pop().map(|Reverse(due)| due);
        if self.0.is_empty() {
            // Frees the capacity that a burst has left behind.
            self.0 = BinaryHeap::new();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_are_due_in_order_and_not_early() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new();
        for (ms, key) in [(30, 'c'), (10, 'a'), (20, 'b'), (20, 'a')] {
            deadlines.set(at(ms), key);
        }
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.pop_due(at(9)), None);
        let due: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(at(20))).collect();
        assert_eq!(due, [(at(10), 'a'), (at(20), 'a'), (at(20), 'b')]);
        assert_eq!(deadlines.next(), Some(at(30)));
    }
}

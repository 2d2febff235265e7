//! Timers: which key is due next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Deadlines by key, the earliest first.
///
/// There is no removal: whoever sets a deadline remembers it, and ignores a key that comes up at another time than the
/// one it remembers. So a timer that is set and cleared often costs what it costs to push to a heap.
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

    /// When the earliest deadline comes.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest deadline if it has come by `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, K)> {
        if self.next()? > now {
            return None;
        }
        let due = self.0.pop().map(|Reverse(due)| due);
        if self.0.is_empty() {
            // A burst's room is not kept for the next one.
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
    fn deadlines_come_up_in_their_order_and_not_early() {
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

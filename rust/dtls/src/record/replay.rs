//! Anti-replay (RFC 6347 section 4.1.2.6).

/// Size of the window, which ends at the highest sequence number received.
const WINDOW: u64 = 256;

/// The sliding window of sequence numbers that are still accepted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// The highest sequence number received, plus one.
    next: u64,
    /// A bit for each received number in the window, at the number modulo the window's size.
    seen: [u64; 4],
}

impl ReplayWindow {
    /// Returns the word and the bit of a sequence number.
    fn bit(sequence: u64) -> (usize, u64) {
        // The window has as many bits as a byte has values.
        let [.., low] = sequence.to_be_bytes();
        (usize::from(low / 64), 1 << (low % 64))
    }

    /// Returns true if the sequence number was not received, and is not older than the window.
    pub(crate) fn is_new(&self, sequence: u64) -> bool {
        let (word, bit) = Self::bit(sequence);
        sequence >= self.next || self.next - sequence <= WINDOW && self.seen[word] & bit == 0
    }

    /// Marks the sequence number of an authentic record as received.
    pub(crate) fn mark_received(&mut self, sequence: u64) {
        if sequence >= self.next {
            if sequence - self.next >= WINDOW {
                self.seen = Default::default();
            } else {
                for passed in self.next..sequence {
                    let (word, bit) = Self::bit(passed);
                    self.seen[word] &= !bit;
                }
            }
            self.next = sequence + 1;
        }
        let (word, bit) = Self::bit(sequence);
        self.seen[word] |= bit;
    }
}

#[cfg(test)]
mod tests {
    use super::ReplayWindow;

    #[test]
    fn each_sequence_number_is_accepted_once() {
        let mut replay = ReplayWindow::default();
        for sequence in [5, 3, 4, 0, 63, 64, 255, 256] {
            assert!(replay.is_new(sequence), "{sequence}");
            replay.mark_received(sequence);
            assert!(!replay.is_new(sequence), "{sequence}");
        }
        assert!(replay.is_new(1) && !replay.is_new(0), "256 numbers up to 256");
        replay.mark_received(10_000);
        assert!(!replay.is_new(9_744) && replay.is_new(9_745) && replay.is_new(9_999));
        replay.mark_received((1 << 48) - 1);
        assert!(!replay.is_new(10_000));
    }

    #[test]
    fn no_sequence_number_is_accepted_twice_in_any_order() {
        let (mut replay, mut seen) = (ReplayWindow::default(), Vec::new());
        let mut number = 1_u64;
        for round in 0..20_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let sequence = round / 4 + number % 400;
            if replay.is_new(sequence) {
                replay.mark_received(sequence);
                seen.push(sequence);
            } else {
                let highest = seen.iter().max().copied().unwrap_or_default();
                assert!(seen.contains(&sequence) || highest - sequence >= 256, "{sequence}");
            }
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}

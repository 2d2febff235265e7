//! Which records have come already (RFC 6347 section 4.1.2.6).

/// How many records, up to the highest that has come, may still come.
const WINDOW: u64 = 256;

/// The window of the records that may still come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replay {
    /// One more than the highest number that has come.
    next: u64,
    /// Which of those in the window have, a bit for each number modulo the window's length.
    seen: [u64; 4],
}

impl Replay {
    /// Where the bit of a number is.
    fn bit(sequence: u64) -> (usize, u64) {
        // The window has as many bits as a byte has values.
        let [.., low] = sequence.to_be_bytes();
        (usize::from(low / 64), 1 << (low % 64))
    }

    /// Whether a record with this number may be new.
    pub(crate) fn may_come(&self, sequence: u64) -> bool {
        let (word, bit) = Self::bit(sequence);
        sequence >= self.next || self.next - sequence <= WINDOW && self.seen[word] & bit == 0
    }

    /// It has come, and was authentic.
    pub(crate) fn came(&mut self, sequence: u64) {
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
    use super::Replay;

    #[test]
    fn each_number_comes_once_within_the_window() {
        let mut replay = Replay::default();
        for sequence in [5, 3, 4, 0, 63, 64, 255, 256] {
            assert!(replay.may_come(sequence), "{sequence}");
            replay.came(sequence);
            assert!(!replay.may_come(sequence), "{sequence}");
        }
        assert!(replay.may_come(1) && !replay.may_come(0), "256 numbers up to 256");
        replay.came(10_000);
        assert!(!replay.may_come(9_744) && replay.may_come(9_745) && replay.may_come(9_999));
        replay.came((1 << 48) - 1);
        assert!(!replay.may_come(10_000));
    }

    #[test]
    fn in_any_order_none_comes_twice() {
        let (mut replay, mut seen) = (Replay::default(), Vec::new());
        let mut number = 1_u64;
        for round in 0..20_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let sequence = round / 4 + number % 400;
            if replay.may_come(sequence) {
                replay.came(sequence);
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

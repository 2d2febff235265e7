//! Which records have come already (RFC 6347 section 4.1.2.6).

/// The window of the records that may still come: 64, up to the highest that has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Replay {
    /// One more than the highest number that has come.
    next: u64,
    /// Which of the 64 below have: the lowest bit is the highest number.
    seen: u64,
}

impl Replay {
    /// Whether a record with this number may be new.
    pub(crate) fn may_come(&self, sequence: u64) -> bool {
        match self.next.checked_sub(sequence + 1) {
            None => true,
            Some(age) => age < 64 && self.seen & (1 << age) == 0,
        }
    }

    /// It has come, and was authentic.
    pub(crate) fn came(&mut self, sequence: u64) {
        match self.next.checked_sub(sequence + 1) {
            None => {
                let ahead = sequence + 1 - self.next;
                self.seen = if ahead < 64 { self.seen << ahead } else { 0 };
                self.seen |= 1;
                self.next = sequence + 1;
            }
            Some(age) if age < 64 => self.seen |= 1 << age,
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Replay;

    #[test]
    fn each_number_comes_once_within_the_window() {
        let mut replay = Replay::default();
        for sequence in [5, 3, 4, 0, 63, 64] {
            assert!(replay.may_come(sequence), "{sequence}");
            replay.came(sequence);
            assert!(!replay.may_come(sequence), "{sequence}");
        }
        assert!(replay.may_come(1) && !replay.may_come(0), "64 numbers up to 64");
        replay.came(10_000);
        assert!(!replay.may_come(9_936) && replay.may_come(9_937) && replay.may_come(9_999));
        replay.came((1 << 48) - 1);
        assert!(!replay.may_come(10_000));
    }
}

//! Masking keys, which only a client needs (§5.3).

use lodewire_websocket::MaskKey;

/// Keys from the system's randomness (§10.3), fetched by the block: a call of the system costs more than a key.
pub(super) struct MaskKeys {
    block: [u8; 256],
    used: usize,
}

impl MaskKeys {
    pub(super) fn new() -> Self {
        Self { block: [0; 256], used: 256 }
    }

    /// The next key; none if the system has no randomness.
    pub(super) fn next(&mut self) -> Option<MaskKey> {
        if self.used == self.block.len() {
            getrandom::fill(&mut self.block).ok()?;
            self.used = 0;
        }
        let key = self.block[self.used..].first_chunk().copied();
        self.used += size_of::<MaskKey>();
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_comes_twice() {
        let mut keys = MaskKeys::new();
        let seen: HashSet<_> = (0..256).map(|_| keys.next().expect("randomness")).collect();
        // Of 256 random 32-bit numbers, two are alike once in 130,000 times; three such are out of question.
        assert!(seen.len() >= 254);
    }
}

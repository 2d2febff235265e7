//! Masking keys of a client (RFC 6455 section 5.3).

use lodewire_websocket::MaskKey;

/// Random keys from the system (RFC 6455 section 10.3), fetched in blocks, because a system call costs more than a key.
pub(super) struct MaskKeys {
    block: [u8; 256],
    used: usize,
}

impl MaskKeys {
    pub(super) fn new() -> Self {
        Self { block: [0; 256], used: 256 }
    }

    /// Returns the next key, or `None` if the system cannot provide random bytes.
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
    fn keys_are_random() {
        let mut keys = MaskKeys::new();
        let visible: HashSet<_> = (0..256).map(|_| keys.next().expect("randomness")).collect();
        // Of 256 random 32-bit numbers two are equal with a probability of 1/130,000; three such pairs do not occur.
        assert!(visible.len() >= 254);
    }
}

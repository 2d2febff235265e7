//! Maps by locally assigned ids.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by [peer ids](super::Peer::id) or slots. They are assigned locally, so a strong hash is not needed.
pub type IdMap<T> = HashMap<u32, T, BuildHasherDefault<IdHasher>>;

/// The hasher of an [`IdMap`].
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u32(&mut self, id: u32) {
        // The table uses both ends of the hash.
        self.0 = u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

//! Maps by ids that this library has given itself.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by [ids of peers](super::Peer::id), or by their slots: this library chooses them itself, so that they need no better
/// hash.
pub type IdMap<T> = HashMap<u32, T, BuildHasherDefault<IdHasher>>;

/// The hash of an [`IdMap`].
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u32(&mut self, id: u32) {
        // The table takes both ends of the hash.
        self.0 = u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

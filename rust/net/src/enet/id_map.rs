//! Maps by ids that this library has given itself.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by ids of [`next_id`](super::endpoint::Endpoint::next_id): they come one after the other, and nobody else
/// chooses them, so that they are hashes as they are.
pub(super) type IdMap<T> = HashMap<u32, T, BuildHasherDefault<IdHasher>>;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdHasher(u64);

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

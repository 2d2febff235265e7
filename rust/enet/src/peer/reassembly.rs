//! A packet that comes in pieces.

use crate::wire::{Fragment, MAXIMUM_FRAGMENT_COUNT};

/// A packet of which pieces are missing.
///
/// Its memory is asked for zeroed and at once, which the system gives page by page as pieces are written.
#[derive(Debug)]
pub(crate) struct Reassembly {
    data: Vec<u8>,
    /// A bit for each piece that has come.
    come: Vec<u64>,
    count: u32,
    missing: u32,
}

/// Whether the numbers of a piece are in order, for packets of at most `maximum` bytes.
pub(crate) fn is_valid(fragment: &Fragment<'_>, maximum: usize) -> bool {
    let Ok(len) = u32::try_from(fragment.data.len()) else { return false };
    len > 0
        && fragment.count <= MAXIMUM_FRAGMENT_COUNT
        && fragment.number < fragment.count
        && usize::try_from(fragment.total_length).is_ok_and(|total| total <= maximum)
        && fragment.total_length >= fragment.count
        && fragment.offset < fragment.total_length
        && len <= fragment.total_length - fragment.offset
}

impl Reassembly {
    /// Begins with any piece, of which [`is_valid`] holds.
    pub(crate) fn new(fragment: &Fragment<'_>) -> Self {
        let words = fragment.count.div_ceil(64) as usize;
        Self {
            data: vec![0; fragment.total_length as usize],
            come: vec![0; words],
            count: fragment.count,
            missing: fragment.count,
        }
    }

    /// How many bytes of memory a packet in pieces takes.
    pub(crate) fn cost(fragment: &Fragment<'_>) -> usize {
        fragment.total_length as usize + fragment.count.div_ceil(64) as usize * 8
    }

    /// How many bytes of memory it takes.
    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.come.len() * 8
    }

    /// How many pieces it has.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether every piece has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Takes a piece, of which [`is_valid`] holds. Says whether it belongs to this packet.
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        if fragment.count != self.count || fragment.total_length as usize != self.data.len() {
            return false;
        }
        let (word, bit) = (fragment.number as usize / 64, 1 << (fragment.number % 64));
        if self.come[word] & bit == 0 {
            self.come[word] |= bit;
            self.missing -= 1;
            let begin = fragment.offset as usize;
            self.data[begin..begin + fragment.data.len()].copy_from_slice(fragment.data);
        }
        true
    }

    /// The packet.
    pub(crate) fn finish(self) -> Box<[u8]> {
        self.data.into_boxed_slice()
    }
}

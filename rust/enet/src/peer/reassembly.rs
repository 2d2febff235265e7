//! A packet that comes in pieces.

use crate::wire::{Fragment, MAX_FRAGMENT_COUNT};
use std::collections::BTreeMap;

/// What a piece takes beside its bytes, roughly.
const PIECE_OVERHEAD: usize = 96;
/// What a packet in pieces takes beside them, roughly.
pub(crate) const PIECES_OVERHEAD: usize = 256;

/// A packet of which pieces are missing. It keeps what has come: what the pieces say of the packet's length and of their number
/// takes no memory.
#[derive(Debug)]
pub(crate) struct Reassembly {
    pieces: BTreeMap<u32, Box<[u8]>>,
    /// How many there are in all.
    count: u32,
    /// The length of each but the last.
    len: u32,
    total: u32,
    /// How many bytes of memory it takes.
    kept: usize,
}

/// The length of the pieces of a packet, but for the last one, by one of them.
fn piece_len(fragment: &Fragment<'_>) -> Option<u32> {
    if fragment.number.checked_add(1)? < fragment.count {
        u32::try_from(fragment.data.len()).ok()
    } else {
        Some(fragment.offset.checked_div(fragment.number).unwrap_or(fragment.total_length))
    }
}

/// Whether the numbers of a piece are in order, for packets of at most `maximum` bytes: whoever splits a packet makes all
/// pieces as long as the first, but for the last one.
pub(crate) fn is_valid(fragment: &Fragment<'_>, maximum: usize) -> bool {
    let &Fragment { count, number, total_length: total, offset, data, .. } = fragment;
    let Some(len @ 1..) = piece_len(fragment) else { return false };
    count <= MAX_FRAGMENT_COUNT
        && number < count
        && usize::try_from(total).is_ok_and(|total| total <= maximum)
        && total.div_ceil(len) == count
        && number.checked_mul(len) == Some(offset)
        && total.checked_sub(offset).is_some_and(|rest| data.len() == rest.min(len) as usize)
}

impl Reassembly {
    /// The packet of any piece of which [`is_valid`] holds, without that piece.
    pub(crate) fn new(fragment: &Fragment<'_>) -> Self {
        Self {
            pieces: BTreeMap::new(),
            count: fragment.count,
            len: piece_len(fragment).unwrap_or(fragment.total_length),
            total: fragment.total_length,
            kept: PIECES_OVERHEAD,
        }
    }

    /// How many bytes of memory a piece takes.
    pub(crate) fn cost(fragment: &Fragment<'_>) -> usize {
        fragment.data.len() + PIECE_OVERHEAD
    }

    /// How many bytes of memory it takes.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// How many pieces it has.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether every piece has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.pieces.len() == self.count as usize
    }

    /// Whether a piece, of which [`is_valid`] holds, belongs to this packet.
    pub(crate) fn matches(&self, fragment: &Fragment<'_>) -> bool {
        fragment.count == self.count
            && fragment.total_length == self.total
            && piece_len(fragment) == Some(self.len)
    }

    /// Whether a piece has come.
    pub(crate) fn has(&self, fragment: &Fragment<'_>) -> bool {
        self.pieces.contains_key(&fragment.number)
    }

    /// Takes a piece that [belongs](Self::matches) to this packet and [has not come](Self::has) yet.
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>) {
        self.pieces.insert(fragment.number, fragment.data.into());
        self.kept += Self::cost(fragment);
    }

    /// The packet, if it is complete. Each piece is let go of as it is copied.
    pub(crate) fn finish(self) -> Box<[u8]> {
        let mut packet = Vec::with_capacity(self.total as usize);
        for (_, piece) in self.pieces {
            packet.extend_from_slice(&piece);
        }
        packet.into_boxed_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(count: u32, number: u32, total: u32, offset: u32, data: &[u8]) -> Fragment<'_> {
        Fragment { start_sequence: 1, count, number, total_length: total, offset, data }
    }

    #[test]
    fn pieces_are_of_one_length_and_cover_the_packet() {
        let data = [1; 10];
        for (count, number, total, offset, len) in
            [(1, 0, 10, 0, 10), (3, 0, 25, 0, 10), (3, 1, 25, 10, 10), (3, 2, 25, 20, 5)]
        {
            assert!(is_valid(&piece(count, number, total, offset, &data[..len]), 100));
        }
        for (count, number, total, offset, len) in [
            // One piece of a longer packet, nothing, and a packet that is too long.
            (1, 0, 20, 0, 10),
            (1, 0, 0, 0, 0),
            (3, 0, 25, 0, 0),
            (11, 0, 101, 0, 10),
            // Pieces that leave a gap, overlap, or lie behind the end.
            (3, 1, 25, 11, 10),
            (3, 1, 25, 9, 10),
            (3, 2, 25, 21, 4),
            (3, 2, 25, 20, 4),
            (3, 2, 25, 30, 5),
            // More pieces or fewer than there are, and one beyond them.
            (4, 0, 25, 0, 10),
            (2, 0, 25, 0, 10),
            (3, 3, 25, 20, 5),
            (u32::MAX, u32::MAX, u32::MAX, u32::MAX, 1),
        ] {
            let fragment = piece(count, number, total, offset, &data[..len]);
            assert!(!is_valid(&fragment, 100), "{fragment:?}");
        }
    }

    #[test]
    fn pieces_in_any_order_make_the_packet() {
        let data: Vec<u8> = (0..25).collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut pieces = None;
            for number in order {
                let (begin, end) = (10 * number, (10 * number + 10).min(25));
                let fragment = piece(3, number, 25, begin, &data[begin as usize..end as usize]);
                assert!(is_valid(&fragment, 100));
                let pieces = pieces.get_or_insert_with(|| Reassembly::new(&fragment));
                assert!(pieces.matches(&fragment) && !pieces.has(&fragment));
                pieces.add(&fragment);
                assert!(pieces.has(&fragment));
            }
            let pieces = pieces.expect("three pieces");
            assert!(pieces.is_complete());
            assert_eq!(pieces.kept(), 25 + 3 * PIECE_OVERHEAD + PIECES_OVERHEAD);
            assert_eq!(&pieces.finish()[..], &data[..]);
        }
    }
}

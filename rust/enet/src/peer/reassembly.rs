//! Reassembly of fragmented packets (`enet_protocol_handle_send_fragment`,
//! `enet_protocol_handle_send_unreliable_fragment`).

use crate::wire::{Fragment, MAX_FRAGMENT_COUNT};
use std::collections::BTreeMap;

/// Approximate memory overhead of a fragment.
const FRAGMENT_OVERHEAD: usize = 96;
/// Approximate memory overhead of an incomplete packet.
pub(crate) const REASSEMBLY_OVERHEAD: usize = 256;

/// An incomplete packet. It keeps the fragments received: the claimed length and fragment count take no memory.
#[derive(Debug)]
pub(crate) struct Reassembly {
    fragments: BTreeMap<u32, Box<[u8]>>,
    /// The number of fragments.
    count: u32,
    /// The length of each fragment but the last.
    len: u32,
    total: u32,
    /// The memory that it uses.
    buffered_bytes: usize,
}

/// Returns the length of a packet's fragments, except for the last one, derived from any of them.
fn fragment_len(fragment: &Fragment<'_>) -> Option<u32> {
    if fragment.number.checked_add(1)? < fragment.count {
        u32::try_from(fragment.data.len()).ok()
    } else {
        Some(fragment.offset.checked_div(fragment.number).unwrap_or(fragment.total_length))
    }
}

/// Returns true if the fields of a fragment are consistent, for packets of at most `maximum` bytes: all fragments but
/// the last have the same length.
pub(crate) fn is_valid(fragment: &Fragment<'_>, maximum: usize) -> bool {
    let &Fragment { count, number, total_length: total, offset, data, .. } = fragment;
    let Some(len @ 1..) = fragment_len(fragment) else { return false };
    count <= MAX_FRAGMENT_COUNT
        && number < count
        && usize::try_from(total).is_ok_and(|total| total <= maximum)
        && total.div_ceil(len) == count
        && number.checked_mul(len) == Some(offset)
        && total.checked_sub(offset).is_some_and(|rest| data.len() == rest.min(len) as usize)
}

impl Reassembly {
    /// Creates the packet of a fragment that [`is_valid`], without adding it.
    pub(crate) fn new(fragment: &Fragment<'_>) -> Self {
        Self {
            fragments: BTreeMap::new(),
            count: fragment.count,
            len: fragment_len(fragment).unwrap_or(fragment.total_length),
            total: fragment.total_length,
            buffered_bytes: REASSEMBLY_OVERHEAD,
        }
    }

    /// Returns the memory cost of a fragment.
    pub(crate) fn cost(fragment: &Fragment<'_>) -> usize {
        fragment.data.len() + FRAGMENT_OVERHEAD
    }

    /// Returns the memory that it uses.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    /// Returns the number of fragments.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns true if all fragments have arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.fragments.len() == self.count as usize
    }

    /// Returns true if a fragment that [`is_valid`] belongs to this packet.
    pub(crate) fn matches(&self, fragment: &Fragment<'_>) -> bool {
        fragment.count == self.count
            && fragment.total_length == self.total
            && fragment_len(fragment) == Some(self.len)
    }

    /// Returns true if a fragment has arrived already.
    pub(crate) fn has(&self, fragment: &Fragment<'_>) -> bool {
        self.fragments.contains_key(&fragment.number)
    }

    /// Adds a fragment that [belongs](Self::matches) to this packet and is [new](Self::has).
    pub(crate) fn add(&mut self, fragment: &Fragment<'_>) {
        self.fragments.insert(fragment.number, fragment.data.into());
        self.buffered_bytes += Self::cost(fragment);
    }

    /// Returns the complete packet. Each fragment is freed after it is copied.
    pub(crate) fn finish(self) -> Box<[u8]> {
        let mut packet = Vec::with_capacity(self.total as usize);
        for (_, fragment) in self.fragments {
            packet.extend_from_slice(&fragment);
        }
        packet.into_boxed_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(count: u32, number: u32, total: u32, offset: u32, data: &[u8]) -> Fragment<'_> {
        Fragment { start_sequence: 1, count, number, total_length: total, offset, data }
    }

    #[test]
    fn only_fragments_of_one_length_that_cover_the_packet_are_valid() {
        let data = [1; 10];
        for (count, number, total, offset, len) in
            [(1, 0, 10, 0, 10), (3, 0, 25, 0, 10), (3, 1, 25, 10, 10), (3, 2, 25, 20, 5)]
        {
            assert!(is_valid(&fragment(count, number, total, offset, &data[..len]), 100));
        }
        for (count, number, total, offset, len) in [
            // A single fragment of a longer packet, an empty packet, and one that is too long.
            (1, 0, 20, 0, 10),
            (1, 0, 0, 0, 0),
            (3, 0, 25, 0, 0),
            (11, 0, 101, 0, 10),
            // Fragments that leave a gap, overlap, or lie beyond the end.
            (3, 1, 25, 11, 10),
            (3, 1, 25, 9, 10),
            (3, 2, 25, 21, 4),
            (3, 2, 25, 20, 4),
            (3, 2, 25, 30, 5),
            // Wrong fragment counts, and a number beyond the last fragment.
            (4, 0, 25, 0, 10),
            (2, 0, 25, 0, 10),
            (3, 3, 25, 20, 5),
            (u32::MAX, u32::MAX, u32::MAX, u32::MAX, 1),
        ] {
            let fragment = fragment(count, number, total, offset, &data[..len]);
            assert!(!is_valid(&fragment, 100), "{fragment:?}");
        }
    }

    #[test]
    fn fragments_in_any_order_are_reassembled() {
        let data: Vec<u8> = (0..25).collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut fragments = None;
            for number in order {
                let (begin, end) = (10 * number, (10 * number + 10).min(25));
                let fragment = fragment(3, number, 25, begin, &data[begin as usize..end as usize]);
                assert!(is_valid(&fragment, 100));
                let fragments = fragments.get_or_insert_with(|| Reassembly::new(&fragment));
                assert!(fragments.matches(&fragment) && !fragments.has(&fragment));
                fragments.add(&fragment);
                assert!(fragments.has(&fragment));
            }
            let fragments = fragments.expect("three fragments");
            assert!(fragments.is_complete());
            assert_eq!(
                fragments.buffered_bytes(),
                25 + 3 * FRAGMENT_OVERHEAD + REASSEMBLY_OVERHEAD
            );
            assert_eq!(&fragments.finish()[..], &data[..]);
        }
    }
}

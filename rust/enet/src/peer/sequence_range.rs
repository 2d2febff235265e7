//! Ranges of commands.

use std::collections::VecDeque;

/// Consecutive commands of a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SequenceRange {
    pub(crate) channel: u8,
    /// The sequence number of the first.
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl SequenceRange {
    pub(crate) fn single(channel: u8, sequence: u32) -> Self {
        Self { channel, first: sequence, count: 1 }
    }

    /// Appends a command if it directly follows the range; returns true if it did.
    #[inline]
    pub(crate) fn try_extend(&mut self, channel: u8, sequence: u32) -> bool {
        let follows = channel == self.channel && sequence == self.first.wrapping_add(self.count);
        self.count += u32::from(follows);
        follows
    }

    /// Removes the first.
    #[inline]
    pub(crate) fn pop_first(&mut self) {
        self.first = self.first.wrapping_add(1);
        self.count -= 1;
    }

    pub(crate) fn sequences(self) -> impl Iterator<Item = u32> {
        (0..self.count).map(move |index| self.first.wrapping_add(index))
    }
}

/// Appends a command to a queue of ranges.
#[inline]
pub(crate) fn push(ranges: &mut VecDeque<SequenceRange>, channel: u8, sequence: u32) {
    if !ranges.back_mut().is_some_and(|range| range.try_extend(channel, sequence)) {
        ranges.push_back(SequenceRange::single(channel, sequence));
    }
}

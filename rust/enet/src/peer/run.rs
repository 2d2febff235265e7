//! Commands that follow each other.

use std::collections::VecDeque;

/// Some commands of a channel, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) channel: u8,
    /// The sequence number of the first.
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Run {
    pub(crate) fn of_one(channel: u8, sequence: u32) -> Self {
        Self { channel, first: sequence, count: 1 }
    }

    /// Takes in the command that follows. Says whether this one does.
    #[inline]
    pub(crate) fn take_in(&mut self, channel: u8, sequence: u32) -> bool {
        let follows = channel == self.channel && sequence == self.first.wrapping_add(self.count);
        self.count += u32::from(follows);
        follows
    }

    /// Leaves out the first.
    #[inline]
    pub(crate) fn skip(&mut self) {
        self.first = self.first.wrapping_add(1);
        self.count -= 1;
    }

    pub(crate) fn sequences(self) -> impl Iterator<Item = u32> {
        (0..self.count).map(move |index| self.first.wrapping_add(index))
    }
}

/// Adds a command to those that wait.
#[inline]
pub(crate) fn push(runs: &mut VecDeque<Run>, channel: u8, sequence: u32) {
    if !runs.back_mut().is_some_and(|run| run.take_in(channel, sequence)) {
        runs.push_back(Run::of_one(channel, sequence));
    }
}

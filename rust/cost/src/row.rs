//! A row of the table: a hostile sequence and its limits.

use crate::meter::{Meter, Sample};

/// The sizes of a row, as multiples of its own.
pub(crate) const MULTIPLES: [usize; 3] = [1, 10, 100];

/// A hostile sequence and what it may cost.
pub(crate) struct Row {
    /// What is sent, and to whom.
    pub(crate) name: &'static str,
    /// How much of it is sent at the smallest size, in whatever the row counts.
    pub(crate) size: usize,
    /// How many bytes may be allocated for each byte received.
    pub(crate) allocated: u64,
    /// How many instructions may be executed for each byte received.
    pub(crate) instructions: u64,
    /// How many bytes may be held at once, at each size.
    pub(crate) held: usize,
    /// Sends it, in the size that is given.
    pub(crate) run: fn(usize, &mut Meter),
}

impl Row {
    /// Measures it at each size.
    pub(crate) fn measure(&self) -> [Sample; MULTIPLES.len()] {
        MULTIPLES.map(|multiple| {
            let mut meter = Meter::default();
            (self.run)(self.size * multiple, &mut meter);
            meter.into_sample()
        })
    }
}

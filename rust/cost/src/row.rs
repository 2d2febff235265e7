//! A row of the table: a hostile sequence and its limits.

use crate::meter::{Meter, Sample};

/// The sizes of a row, as multiples of its own.
pub(crate) const MULTIPLES: [usize; 3] = [1, 10, 100];

/// A hostile sequence and what it may cost.
pub(crate) struct Row {
    /// The input and its receiver.
    pub(crate) name: &'static str,
    /// The amount at the smallest size, in the row's unit.
    pub(crate) size: usize,
    /// Maximum number of allocated bytes per byte received.
    pub(crate) allocated: u64,
    /// Maximum number of executed instructions per byte received.
    pub(crate) instructions: u64,
    /// Maximum number of bytes in use at once, at each size.
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

//! The figures of all rows, and the table of them.

use std::fmt;

use anyhow::{Result, ensure};

use crate::meter::Sample;
use crate::row::{MULTIPLES, Row};

/// Allocations that are independent of the input, such as a reused buffer. They do not count per byte received.
const ALLOCATED_ONCE: u64 = 16 << 10;
/// Instructions that are independent of the input.
const EXECUTED_ONCE: u64 = 200_000;

/// The result of a row.
struct Line<'a> {
    row: &'a Row,
    samples: [Sample; MULTIPLES.len()],
    /// The instructions of each size, if they were counted.
    instructions: Option<[u64; MULTIPLES.len()]>,
}

/// The results of all rows.
pub(crate) struct Table<'a>(Vec<Line<'a>>);

impl<'a> Table<'a> {
    /// The table of these rows. `instructions` has a figure for each size of each row.
    pub(crate) fn new(
        rows: &'a [Row],
        samples: Vec<[Sample; MULTIPLES.len()]>,
        instructions: Option<Vec<u64>>,
    ) -> Result<Self> {
        let mut counts = match instructions {
            Some(counts) => {
                let wanted = rows.len() * MULTIPLES.len();
                ensure!(counts.len() == wanted, "{} counts instead of {wanted}", counts.len());
                Some(counts.into_iter())
            }
            None => None,
        };
        let lines = rows.iter().zip(samples).map(|(row, samples)| {
            let instructions =
                counts.as_mut().map(|counts| MULTIPLES.map(|_| counts.next().unwrap_or(0)));
            Line { row, samples, instructions }
        });
        Ok(Self(lines.collect()))
    }

    /// Returns true if there are rows, and each is within its limits.
    pub(crate) fn has_passed(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|line| line.faults().is_empty())
    }
}

impl Line<'_> {
    /// The most bytes that were allocated for a byte received.
    fn allocated(&self) -> f64 {
        let cost = |sample: &Sample| per_byte(sample.allocated, ALLOCATED_ONCE, sample);
        self.samples.iter().map(cost).fold(0.0, f64::max)
    }

    /// The instructions for a byte received, at each size.
    fn executed(&self) -> Option<[f64; MULTIPLES.len()]> {
        let counts = self.instructions?;
        let mut pairs = counts.iter().zip(&self.samples);
        Some(MULTIPLES.map(|_| {
            pairs.next().map_or(0.0, |(count, sample)| per_byte(*count, EXECUTED_ONCE, sample))
        }))
    }

    /// The calls of the allocator for a byte received, at the largest size.
    fn calls(&self) -> f64 {
        self.samples.last().map_or(0.0, |sample| per_byte(sample.calls, 0, sample))
    }

    fn held(&self) -> usize {
        self.samples.iter().map(|sample| sample.peak).max().unwrap_or(0)
    }

    /// Returns the values that exceed their limits.
    fn faults(&self) -> Vec<String> {
        let mut faults: Vec<_> =
            self.samples.iter().flat_map(|sample| sample.faults.clone()).collect();
        if self.samples.iter().any(|sample| sample.received == 0) {
            faults.push("nothing was measured".to_owned());
        }
        if self.allocated() > self.row.allocated as f64 {
            faults.push("it allocates too much".to_owned());
        }
        if let Some(executed) = self.executed()
            && executed.iter().any(|cost| *cost > self.row.instructions as f64)
        {
            faults.push(format!("it takes too many instructions, at the sizes {executed:.0?}"));
        }
        if self.held() > self.row.held {
            faults.push("it holds too much".to_owned());
        }
        faults
    }
}

fn per_byte(cost: u64, once: u64, sample: &Sample) -> f64 {
    cost.saturating_sub(once) as f64 / sample.received.max(1) as f64
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|line| line.row.name.len()).max().unwrap_or(0);
        writeln!(
            f,
            "{:width$}  {:>9} {:>6}  {:>9} {:>6}  {:>9} {:>9}  {:>6}",
            "for each byte received:",
            "allocated",
            "limit",
            "instr.",
            "limit",
            "held KiB",
            "limit",
            "calls"
        )?;
        for line in &self.0 {
            let row = line.row;
            let executed = line.executed().map_or_else(
                || "-".to_owned(),
                |costs| format!("{:.1}", costs.into_iter().fold(0.0, f64::max)),
            );
            writeln!(
                f,
                "{:width$}  {:>9.1} {:>6}  {executed:>9} {:>6}  {:>9} {:>9}  {:>6.3}",
                row.name,
                line.allocated(),
                row.allocated,
                row.instructions,
                line.held() >> 10,
                row.held >> 10,
                line.calls(),
            )?;
            for fault in line.faults() {
                writeln!(f, "    FAIL {}: {fault}", row.name)?;
            }
        }
        let failed = self.0.iter().filter(|line| !line.faults().is_empty()).count();
        writeln!(f, "{} rows passed, {failed} failed", self.0.len() - failed)
    }
}

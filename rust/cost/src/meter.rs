//! Measures one unit of work.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lodewire_cost::{live, peak, reset_peak, spent};

/// The result of one size of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Bytes that came from the network.
    pub(crate) received: usize,
    /// Bytes that were allocated for them.
    pub(crate) allocated: u64,
    /// Calls of the allocator.
    pub(crate) calls: u64,
    /// By how much the allocated memory grew at most.
    pub(crate) peak: usize,
    /// Rules of the row that did not hold.
    pub(crate) faults: Vec<String>,
}

/// Measures the work of one size of a row.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    sample: Option<Sample>,
    faults: Vec<String>,
}

impl Meter {
    /// Measures `work`, which takes `received` bytes from the network. To be called once for each size.
    pub(crate) fn run<T: Default>(&mut self, received: usize, work: impl FnOnce() -> T) -> T {
        let mut work = Some(AssertUnwindSafe(work));
        let mut result = None;
        reset_peak();
        let (live_before, before) = (live(), spent());
        lodewire_measured_work(&mut || {
            if let Some(work) = work.take() {
                result = catch_unwind(work).ok();
            }
        });
        let spent = spent().since(before);
        self.sample = Some(Sample {
            received,
            allocated: spent.bytes,
            calls: spent.calls,
            peak: peak().saturating_sub(live_before),
            faults: Vec::new(),
        });
        self.check(result.is_some(), || "it panics".to_owned());
        result.unwrap_or_default()
    }

    /// Notes a rule that does not hold.
    pub(crate) fn check(&mut self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(rule());
        }
    }

    /// Returns the measurement.
    pub(crate) fn into_sample(self) -> Sample {
        Sample { faults: self.faults, ..self.sample.unwrap_or_default() }
    }
}

/// Runs the work that is measured. Callgrind knows it by its name: it counts inside this function only, and writes its
/// figures when it returns.
#[inline(never)]
fn lodewire_measured_work(work: &mut dyn FnMut()) {
    work();
}

//! The count of what passed, failed and was skipped.

use std::process::ExitCode;

use anyhow::Result;

use crate::report::{note, step};

/// Counts over all steps.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    failures: Vec<String>,
    skips: Vec<String>,
}

impl Tally {
    /// So many tests have passed.
    pub(crate) fn pass(&mut self, count: usize) {
        self.passed += count;
    }

    /// Runs one test, shown as a step, and counts it.
    pub(crate) fn run(&mut self, name: &str, test: impl FnOnce() -> Result<()>) {
        match step(&format!("running {name}"), test) {
            Ok(()) => self.pass(1),
            Err(error) => {
                note(&format!("FAIL {name}: {error:#}"));
                self.fail(name);
            }
        }
    }

    /// One thing has failed.
    pub(crate) fn fail(&mut self, what: &str) {
        self.fail_many(1, what);
    }

    /// So many have failed, which are named in one line.
    pub(crate) fn fail_many(&mut self, count: usize, what: &str) {
        self.failed += count;
        self.failures.push(what.to_owned());
    }

    /// One test did not run.
    pub(crate) fn skip(&mut self, what: &str, reason: &str) {
        self.skips.push(format!("{what}: {reason}"));
    }

    /// Lists what was skipped and what failed; the last line has the counts. It is a
    /// failure when nothing ran at all.
    pub(crate) fn finish(&self) -> ExitCode {
        println!();
        for skip in &self.skips {
            println!("skipped  {skip}");
        }
        for failure in &self.failures {
            println!("failed   {failure}");
        }
        if self.passed + self.failed == 0 {
            println!("failed   nothing ran");
        }
        println!("{}", self.last_line());
        if self.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn is_good(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    fn last_line(&self) -> String {
        let line = format!("{} passed, {} failed", self.passed, self.failed);
        if self.skips.is_empty() { line } else { format!("{line}, {} skipped", self.skips.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_run_is_counted() {
        let mut tally = Tally::default();
        tally.run("one", || Ok(()));
        assert!(tally.is_good());
        tally.run("two", || anyhow::bail!("why"));
        assert_eq!(tally.last_line(), "1 passed, 1 failed");
        assert_eq!(tally.failures, ["two"]);
    }

    #[test]
    fn the_last_line_counts() {
        let mut tally = Tally::default();
        assert!(!tally.is_good(), "nothing ran");
        tally.skip("a", "no node");
        assert!(!tally.is_good(), "nothing ran but what was skipped");
        tally.pass(3);
        assert!(tally.is_good());
        assert_eq!(tally.last_line(), "3 passed, 0 failed, 1 skipped");
        tally.fail_many(2, "two");
        assert!(!tally.is_good());
        assert_eq!(tally.last_line(), "3 passed, 2 failed, 1 skipped");
        assert_eq!(Tally::default().last_line(), "0 passed, 0 failed");
    }
}

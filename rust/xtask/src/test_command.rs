//! `cargo xtask test`.

use std::process::ExitCode;

use crate::godot_tests;
use crate::rust_checks;
use crate::tally::Tally;

/// Runs all steps, or only the tests whose name contains the filter. A step that fails
/// does not keep the others from running.
pub(crate) fn run(filter: Option<&str>) -> ExitCode {
    let mut tally = Tally::default();
    if filter.is_none() {
        rust_checks::run_checks(&mut tally);
    }
    rust_checks::run_tests(&mut tally, filter);
    godot_tests::run(&mut tally, filter);
    tally.finish()
}

//! `cargo xtask test`.

mod cost;
mod demos;
mod godot_run;
mod godot_tests;
mod guide;
mod help;
mod lifecycle;
mod log_scan;
mod package;
mod runner_selftest;
mod rust_checks;
pub(crate) mod rust_results;
pub(crate) mod tally;
mod workflows;

use std::process::ExitCode;

use tally::Tally;

/// What is not run here, since it takes long: each has a command of its own.
const ELSEWHERE: &str = "not run here: all 517 cases of Autobahn (cargo xtask conformance), ten minutes with 12,000 clients (cargo \
                         xtask soak), measurements (cargo xtask bench), fuzzing (CONTRIBUTING.md)";

/// Runs the checks alone.
pub(crate) fn check() -> ExitCode {
    let mut tally = Tally::default();
    rust_checks::run_checks(&mut tally);
    tally.finish()
}

/// Runs all steps, or only the tests whose name contains the filter. A step that fails
/// does not keep the others from running.
pub(crate) fn run(filter: Option<&str>) -> ExitCode {
    let mut tally = Tally::default();
    if filter.is_none() {
        rust_checks::run_checks(&mut tally);
    }
    if cost::is_selected(filter) {
        cost::check(&mut tally);
        if filter.is_some() {
            return tally.finish();
        }
    }
    rust_checks::run_tests(&mut tally, filter);
    godot_tests::run(&mut tally, filter);
    if filter.is_none() {
        println!("\n{ELSEWHERE}");
    }
    tally.finish()
}

//! `cargo xtask test`.

mod cost;
mod demos;
mod godot_run;
pub(crate) mod godot_tests;
mod guide;
mod help;
mod lifecycle;
mod log_scan;
mod npm_linters;
mod package;
mod runner_selftest;
mod rust_checks;
pub(crate) mod rust_results;
pub(crate) mod tally;

use std::process::ExitCode;

use rust_checks::Packages;
use tally::Tally;

/// Steps that only run on request, because they take minutes to build.
const WITH_RELEASE: &str = "not run here: the packed addon with the release library, and the tests of the bench (cargo xtask test --release)";
/// Steps that are not run here because they take long: each has its own command.
const ELSEWHERE: &str = "not run here: all 517 cases of Autobahn (cargo xtask conformance), ten minutes with 12,000 clients (cargo \
                         xtask soak), measurements (cargo xtask bench), fuzzing (CONTRIBUTING.md)";

/// Runs the checks alone.
pub(crate) fn check() -> ExitCode {
    let mut tally = Tally::default();
    rust_checks::run_checks(&mut tally, Packages::All);
    tally.finish()
}

/// Runs all steps, or only the tests whose name contains the filter. A step that fails
/// does not keep the others from running. With `release`, the bench and the release library are built and tested too.
pub(crate) fn run(filter: Option<&str>, release: bool) -> ExitCode {
    let mut tally = Tally::default();
    run_steps(&mut tally, filter, release);
    tally.finish()
}

/// Runs all steps with what is released, and then the tests on other platforms.
#[cfg(target_os = "linux")]
pub(crate) fn run_everywhere() -> ExitCode {
    let mut tally = Tally::default();
    run_steps(&mut tally, None, true);
    crate::platforms::run_all(&mut tally);
    tally.finish()
}

fn run_steps(tally: &mut Tally, filter: Option<&str>, release: bool) {
    let packages = if release { Packages::All } else { Packages::Default };
    if filter.is_none() {
        rust_checks::run_checks(tally, packages);
    }
    if cost::is_selected(filter) {
        cost::check(tally);
        if filter.is_some() {
            return;
        }
    }
    rust_checks::run_tests(tally, packages, filter);
    godot_tests::run(tally, filter, release);
    if filter.is_none() {
        println!();
        if !release {
            println!("{WITH_RELEASE}");
        }
        println!("{ELSEWHERE}");
    }
}

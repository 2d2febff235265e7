//! A check of the test runner itself: suites in `tests/runner_selftest` that must fail,
//! each in its way. A runner that passes silently would be worse than none.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::engine::Engine;
use crate::report::{note, step};
use crate::test::godot_run::GodotRun;
use crate::test::log_scan::{Outcome, Report};
use crate::test::tally::Tally;

/// Grace period after a test's deadline before the engine is killed. It only ends a hang.
const GRACE: Duration = Duration::from_mins(5);
/// Grace period for the test that hangs on purpose.
const GRACE_WITH_THE_HANG: Duration = Duration::from_secs(1);

/// The expected result of a suite of the self-test.
struct Expected {
    /// The folder in `tests/runner_selftest`; each is a run of its own.
    folder: &'static str,
    /// Each test, and a part of why it failed or was skipped; "" for one that passes.
    tests: &'static [(&'static str, &'static str)],
    /// A part of each problem of the run as a whole.
    problems: &'static [&'static str],
}

const HANG: &str = "hang";
const SKIPPED: &str = "skipped: ";

const EXPECTED: [Expected; 6] = [
    Expected {
        folder: "results",
        tests: &[
            ("test_broken.load", "Parse Error"),
            ("test_no_tests.load", "has no test_ method"),
            ("test_not_a_case.load", "does not extend res://test_case.gd"),
            ("test_results.test_passes", ""),
            ("test_results.test_passes_after_awaiting", ""),
            ("test_results.test_fails", "one and one: got 2, wanted 3 (test_results.gd:"),
            ("test_results.test_fails_after_awaiting", "it holds (test_results.gd:"),
            ("test_results.test_fails_by_type", "got 1, wanted 1.0"),
            ("test_results.test_asserts_nothing", "asserted nothing"),
            ("test_results.test_is_skipped", "skipped: not today"),
            ("test_results.test_fails_though_skipped", "before the skip"),
            ("test_results.test_takes_too_long", "not done after its deadline of 0.3 s"),
            ("test_results.test_waits_for_frames_too_long", "not done after its deadline of 0.3 s"),
            ("test_results.test_logs_an_error", "ERROR: not announced"),
            ("test_results.test_logs_an_announced_error", ""),
            ("test_results.test_logs_an_announced_error_twice", "ERROR: announced once"),
            ("test_results.test_announces_what_does_not_come", "did not come: never logged"),
            ("test_results.test_has_a_script_error", "SCRIPT ERROR: "),
            ("test_results.test_has_a_script_error_after_awaiting", "SCRIPT ERROR: "),
            ("test_setup.test_is_set_up", ""),
            ("test_setup.test_fails_and_is_cleaned_up", "on purpose"),
            ("test_setup.test_was_cleaned_up", ""),
            ("test_setup.test_starts_a_process", ""),
            ("test_setup.test_process_is_shown", "| said by the peer"),
            ("test_setup.test_process_was_killed", ""),
        ],
        problems: &[],
    },
    Expected {
        folder: "leak",
        tests: &[("test_leak.test_leaks_an_object", "")],
        problems: &["instances leaked at exit"],
    },
    Expected {
        folder: HANG,
        tests: &[("test_hang.test_hangs", "the engine hung")],
        problems: &["has no summary"],
    },
    Expected {
        folder: "crash",
        tests: &[("test_crash.test_crashes", "handle_crash")],
        problems: &["has no summary"],
    },
    Expected {
        folder: "early_quit",
        tests: &[("test_early_quit.test_quits", "it did not end")],
        problems: &["has no summary"],
    },
    Expected {
        folder: "wrong_exit_code",
        tests: &[("test_wrong_exit_code.test_changes_the_exit_code", "")],
        problems: &["the exit code is 3"],
    },
];

/// Runs the self test; each suite of it counts as one test.
pub(crate) fn run(
    tally: &mut Tally,
    engine: &Engine,
    logs: &Path,
    filter: Option<&str>,
) -> Result<()> {
    let wanted = |name: &str| filter.is_none_or(|text| name.contains(text));
    let name = |expected: &Expected| format!("runner_selftest/{}", expected.folder);
    let chosen: Vec<_> = EXPECTED.iter().filter(|expected| wanted(&name(expected))).collect();
    if chosen.is_empty() {
        return Ok(());
    }
    step("checking that the test runner reports what fails", || {
        for expected in chosen {
            let log_file = logs.join(format!("runner_selftest_{}.log", expected.folder));
            let report = GodotRun {
                engine,
                options: vec![format!("--suites=res://{}", name(expected))],
                variables: &[],
                grace: if expected.folder == HANG { GRACE_WITH_THE_HANG } else { GRACE },
                show: false,
                log_file: &log_file,
            }
            .run()?;
            match compare(expected, &report) {
                Ok(()) => {
                    note(&format!("ok   {}", name(expected)));
                    tally.pass(1);
                }
                Err(error) => {
                    let log = format!("the engine's whole log: {}", log_file.display());
                    note(&format!("FAIL {}: {error}\n{log}", name(expected)));
                    tally.fail(&name(expected));
                }
            }
        }
        Ok(())
    })
}

fn compare(expected: &Expected, report: &Report) -> Result<()> {
    let names: Vec<_> = report.tests.iter().map(|(name, _)| name.as_str()).collect();
    let expected_names: Vec<_> = expected.tests.iter().map(|(name, _)| *name).collect();
    if names != expected_names {
        bail!("the tests that ran are {names:#?}, expected were {expected_names:#?}");
    }
    for ((name, outcome), (_, part)) in report.tests.iter().zip(expected.tests) {
        let as_expected = match (outcome, part.strip_prefix(SKIPPED)) {
            (Outcome::Passed, _) => part.is_empty(),
            (Outcome::Skipped(why), Some(reason)) => why == reason,
            (Outcome::Failed(why), None) => !part.is_empty() && why.contains(part),
            _ => false,
        };
        if !as_expected {
            bail!("{name} came to {outcome:?}, expected was {part:?}");
        }
    }
    let parts = expected.problems;
    let as_expected = |(problem, part): (&String, &&str)| problem.contains(part);
    if report.problems.len() != parts.len() || !report.problems.iter().zip(parts).all(as_expected) {
        bail!("the run's problems are {:#?}, expected were {parts:#?}", report.problems);
    }
    Ok(())
}

//! The steps of `test` that cargo does: formatting, lints, documentation, Rust tests.

use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::process::{Finished, run, run_ok};
use crate::programs;
use crate::report::{note, step};
use crate::test::npm_linters;
use crate::test::rust_results::{Counts, cargo_test_counts, nextest_counts};
use crate::test::tally::Tally;
use crate::workspace;

/// The editor's help is compiled, and checked, as everything else.
pub(crate) const FEATURES: &str = "lodewire-extension/register-docs";

/// Which packages are checked and tested.
#[derive(Clone, Copy)]
pub(crate) enum Packages {
    /// The workspace's default members: all but the bench.
    Default,
    All,
}

impl Packages {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Default => &[],
            Self::All => &["--workspace"],
        }
    }
}

const CARGO_LIMIT: Duration = Duration::from_hours(1);

fn cargo(arguments: &[&str]) -> Command {
    let mut command = workspace::cargo();
    command.args(arguments);
    command
}

/// Runs the checks of formatting, lints, documentation, workflows and spelling. Each counts as one test.
pub(crate) fn run_checks(tally: &mut Tally, packages: Packages) {
    check(
        tally,
        "checking the formatting",
        cargo(&["fmt", "--all", "--", "--check", "--color=never"]),
    );
    let mut clippy = cargo(&["clippy", "--features", FEATURES, "--all-targets"]);
    clippy.args(packages.arguments()).args(["--", "-D", "warnings"]);
    check(tally, "checking with clippy", clippy);
    let without_features = ["clippy", "--package", "lodewire-enet", "--no-default-features"];
    let mut clippy = cargo(&without_features);
    clippy.args(["--all-targets", "--", "-D", "warnings"]);
    check(tally, "checking ENet without compression libraries", clippy);
    let mut doc = cargo(&["doc", "--features", FEATURES, "--no-deps", "--document-private-items"]);
    doc.args(packages.arguments()).env("RUSTDOCFLAGS", "-D warnings");
    check(tally, "checking the documentation", doc);
    npm_linters::check(tally);
}

fn check(tally: &mut Tally, what: &str, command: Command) {
    match step(what, || run_ok(command, CARGO_LIMIT)) {
        Ok(_) => tally.pass(1),
        Err(error) => {
            println!("{error:#}");
            tally.fail(what);
        }
    }
}

/// The Rust tests and the examples in the documentation.
pub(crate) fn run_tests(tally: &mut Tally, packages: Packages, filter: Option<&str>) {
    if programs::find("openssl").is_none() {
        // They find out as well, and do nothing.
        tally.skip("DTLS with OpenSSL", "there is no openssl on this machine");
    }
    if has_nextest() {
        let mut command = cargo(&["nextest", "run", "--features", FEATURES]);
        command.args(packages.arguments()).args(["--no-fail-fast", "--no-tests", "pass"]);
        command.args(["--status-level", "fail", "--final-status-level", "fail"]);
        command.args(filter);
        count(tally, "running the Rust tests (cargo-nextest)", command, |output| {
            nextest_counts(output, filter.is_some())
        });
    } else {
        let mut command = cargo(&["test", "--features", FEATURES, "--no-fail-fast"]);
        command.args(packages.arguments()).args(["--lib", "--bins", "--tests"]);
        command.args(filter);
        count(tally, "running the Rust tests (cargo test)", command, cargo_test_counts);
    }
    let mut command = cargo(&["test", "--features", FEATURES, "--no-fail-fast", "--doc"]);
    command.args(packages.arguments()).args(filter);
    count(tally, "running the documentation's examples", command, cargo_test_counts);
}

fn has_nextest() -> bool {
    run_ok(cargo(&["nextest", "--version"]), CARGO_LIMIT).is_ok()
}

/// Runs tests, and counts what the runner says of them.
fn count(
    tally: &mut Tally,
    what: &str,
    command: Command,
    counts_in: impl Fn(&str) -> Option<Counts>,
) {
    let result = step(what, || {
        let finished = run(command, CARGO_LIMIT).inspect_err(|_| tally.fail(what))?;
        let counts = settle(&finished, counts_in(&finished.output));
        tally.pass(counts.passed);
        for _ in 0..counts.ignored {
            tally.skip(what, "a test is marked #[ignore]");
        }
        if counts.failed > 0 {
            tally.fail_many(counts.failed, &format!("{what}: {}, told above", counts.failed));
            bail!("{}", finished.telling_output());
        }
        note(&format!("{} passed", counts.passed));
        Ok(())
    });
    if let Err(error) = result {
        println!("{error:#}");
    }
}

/// The counts, which must agree with the exit code. Where there are none, as after a build
/// that failed, that is one failure.
fn settle(finished: &Finished, counts: Option<Counts>) -> Counts {
    let all_is_well = counts.is_some() && finished.status.success();
    let mut counts = counts.unwrap_or_default();
    if counts.failed == 0 && !all_is_well {
        counts.failed = 1;
    }
    counts
}

//! The steps of `test` that need the engine.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::cache::Cache;
use crate::conformance;
use crate::engine::{self, Engine};
use crate::foreign_peers;
use crate::library;
use crate::project;
use crate::report::{note, step};
use crate::test::demos;
use crate::test::godot_run::GodotRun;
use crate::test::help;
use crate::test::lifecycle;
use crate::test::log_scan::Outcome;
use crate::test::package;
use crate::test::runner_selftest;
use crate::test::tally::Tally;
use crate::workspace;

const GRACE: Duration = Duration::from_mins(5);

/// The engine, the library, the import, and the tests. What fails is counted.
pub(crate) fn run(tally: &mut Tally, filter: Option<&str>, release: bool) {
    if let Err(error) = run_steps(tally, filter, release) {
        println!("{error:#}");
        tally.fail("the Godot tests cannot run, told above");
    }
}

fn run_steps(tally: &mut Tally, filter: Option<&str>, release: bool) -> Result<()> {
    let cache = Cache::open()?;
    let engine = engine::set_up(&cache)?;
    library::build(library::Kind::Development)?;
    project::link_addon()?;
    project::import(&engine, &workspace::demo_project())?;
    project::import(&engine, &workspace::tests_project())?;
    let logs = cache.scratch("logs")?;
    help::run_check(tally, &engine, filter);
    demos::run(tally, &cache, &engine, filter)?;
    package::run_tests(tally, &cache, &engine, filter, release)?;
    runner_selftest::run(tally, &engine, &logs, filter)?;
    lifecycle::run(tally, &engine, &logs, filter);
    conformance::run_selection(tally, &cache, &engine, filter);
    let options: Vec<_> = filter.map(|text| format!("--filter={text}")).into_iter().collect();
    run_suites(tally, &cache, &engine, &logs, &options)
}

/// Runs the suites of the tests' project, with options of its runner.
pub(crate) fn run_suites(
    tally: &mut Tally,
    cache: &Cache,
    engine: &Engine,
    logs: &Path,
    options: &[String],
) -> Result<()> {
    let mut variables = foreign_peers::set_up(cache)?;
    #[cfg(unix)]
    {
        let start = logs.join("start-engine");
        engine.write_start(&start)?;
        variables.push(("LODEWIRE_GODOT".to_owned(), start.into()));
    }
    let log_file = logs.join("tests.log");
    let report = step("running the Godot tests", || {
        GodotRun {
            engine,
            options: options.to_vec(),
            variables: &variables,
            grace: GRACE,
            show: true,
            log_file: &log_file,
        }
        .run()
    })?;
    let mut failed = !report.problems.is_empty();
    for (name, outcome) in report.tests {
        match outcome {
            Outcome::Passed => tally.pass(1),
            Outcome::Skipped(why) => tally.skip(&name, &why),
            Outcome::Failed(_) => {
                failed = true;
                tally.fail(&name);
            }
        }
    }
    for problem in report.problems {
        let line = problem.lines().find(|line| !line.starts_with("| ")).unwrap_or_default();
        tally.fail(&format!("the run of the Godot tests: {line}"));
    }
    if failed {
        note(&format!("the engine's whole log: {}", log_file.display()));
    }
    Ok(())
}

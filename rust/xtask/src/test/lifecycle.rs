//! Reloads and quits under load: the extension must leave no thread and no descriptor
//! behind, and no engine may crash.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::engine::Engine;
use crate::process::{Event, Running};
use crate::test::tally::Tally;
use crate::workspace;

const RELOADS: &str = "lifecycle/100_reloads_under_load";
const QUITS: &str = "lifecycle/100_quits_under_load";
const QUIT_COUNT: u32 = 100;

/// For one engine.
const LIMIT: Duration = Duration::from_mins(10);

/// Runs both; each counts as one test.
pub(crate) fn run(tally: &mut Tally, engine: &Engine, logs: &Path, filter: Option<&str>) {
    let wanted = |name: &str| filter.is_none_or(|text| name.contains(text));
    for (name, check) in [(RELOADS, reloads as fn(&Engine, &Path) -> Result<()>), (QUITS, quits)] {
        if !wanted(name) {
            continue;
        }
        if !cfg!(target_os = "linux") {
            tally.skip(name, "only Linux tells what a process holds");
            continue;
        }
        tally.run(name, || check(engine, logs));
    }
}

/// A hundred reloads in one editor: only an editor reloads extensions.
fn reloads(engine: &Engine, logs: &Path) -> Result<()> {
    let mut command = engine.headless(&workspace::tests_project());
    command.args(["--editor", "--script", "res://lifecycle/reload.gd"]);
    let log = run_to_end(command)?;
    std::fs::write(logs.join("reloads.log"), &log)?;
    match log.lines().find_map(|line| line.strip_prefix("lifecycle: ")) {
        Some("100 reloads") => Ok(()),
        Some(failure) => bail!("{failure}"),
        None => bail!("the editor ended silently:\n{log}"),
    }
}

/// A hundred engines that quit at different moments.
fn quits(engine: &Engine, _: &Path) -> Result<()> {
    for frames in 1..=QUIT_COUNT {
        let mut command = engine.headless(&workspace::tests_project());
        command.args(["--script", "res://lifecycle/quit.gd", "--", &format!("--frames={frames}")]);
        let log = run_to_end(command)?;
        if let Some(error) = log.lines().find(|line| line.contains("ERROR:")) {
            bail!("after {frames} frames: {error}");
        }
    }
    Ok(())
}

/// Runs an engine to its end, which must be an orderly one, and gives what it printed.
fn run_to_end(command: Command) -> Result<String> {
    let mut running = Running::start(command)?;
    let until = Instant::now() + LIMIT;
    let mut log = String::new();
    loop {
        match running.next_event(Duration::from_millis(500))? {
            Event::Line(line) => {
                log += &line;
                log.push('\n');
            }
            Event::Ended(status) if status.success() || log.contains("lifecycle: FAIL") => {
                return Ok(log);
            }
            Event::Ended(status) => bail!("the engine ended with {status}:\n{log}"),
            Event::Quiet if Instant::now() > until => bail!("the engine hangs:\n{log}"),
            Event::Quiet => {}
        }
    }
}

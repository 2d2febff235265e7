//! One run of the test runner in tests/, in the engine.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::engine::Engine;
use crate::process::{Event, Running};
use crate::report::Heartbeat;
use crate::test::log_scan::{Ending, LogScan, Outcome, Report};
use crate::workspace;

/// Timeout of the engine outside of tests: to start, and to exit.
const BETWEEN_TESTS: Duration = Duration::from_mins(10);

/// The configuration of a run.
pub(crate) struct GodotRun<'a> {
    pub(crate) engine: &'a Engine,
    /// Options of the runner.
    pub(crate) options: Vec<String>,
    /// More variables of the environment.
    pub(crate) variables: &'a [(String, OsString)],
    /// How much longer than its deadline a test may take before the engine is killed:
    /// the runner ends the test itself, unless the test keeps it from running.
    pub(crate) grace: Duration,
    /// Prints each test when it ends.
    pub(crate) show: bool,
    /// The path of the complete log.
    pub(crate) log_file: &'a Path,
}

impl GodotRun<'_> {
    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<Report> {
        let mut command = self.engine.headless(&workspace::tests_project());
        command.arg("--").args(&self.options);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut running = Running::start(command)?;
        let mut scan = LogScan::new();
        let mut log = String::new();
        let mut heartbeat = Heartbeat::new();
        let mut shown = 0;
        let mut killed = None;
        let mut test_began = Instant::now();
        let mut test_name = None;
        let status = loop {
            match running.next_event(Duration::from_millis(500))? {
                Event::Ended(status) => break status,
                Event::Quiet => {}
                Event::Line(line) => {
                    log += &line;
                    log.push('\n');
                    scan.read(&line);
                }
            }
            // The last one may still get lines that tell more of its failure.
            let open = usize::from(scan.running().is_none());
            let complete = scan.tests().len().saturating_sub(open);
            if self.show && complete > shown {
                heartbeat.make_room();
                show_tests(&scan.tests()[shown..complete]);
                shown = complete;
            }
            heartbeat.beat(scan.running().map_or("", |(name, _)| name));
            let name = scan.running().map(|(name, _)| name.to_owned());
            if name != test_name {
                test_name = name;
                test_began = Instant::now();
            }
            let limit = scan.running().map_or(BETWEEN_TESTS, |(_, limit)| limit + self.grace);
            if test_began.elapsed() > limit && killed.is_none() {
                killed =
                    Some(format!("the engine hung, and was killed after {} s", limit.as_secs()));
                running.kill();
            }
        };
        drop(heartbeat);
        fs::write(self.log_file, log)?;
        let ending = killed.map_or(Ending::Exited(status.code()), Ending::Killed);
        let report = scan.end(&ending);
        if self.show {
            show_tests(&report.tests[shown.min(report.tests.len())..]);
            for problem in &report.problems {
                println!("    FAIL {}", indented(problem));
            }
        }
        Ok(report)
    }
}

fn show_tests(tests: &[(String, Outcome)]) {
    for (name, outcome) in tests {
        match outcome {
            Outcome::Passed => println!("    ok   {name}"),
            Outcome::Failed(why) => println!("    FAIL {name}: {}", indented(why)),
            Outcome::Skipped(why) => println!("    skip {name}: {why}"),
        }
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n         ")
}

//! The log of one run of the Godot tests: what each test came to, and what else went
//! wrong. The runner in tests/runner.gd says whether the checks held; the rest of the
//! log says whether that can be believed.

use std::time::Duration;

use crate::log_lines::{RunnerLine, can_be_announced, is_continuation, is_problem, runner_line};

/// Maximum numbers of lines that continue an error, and that precede it.
const KEPT_AFTER: usize = 8;
const KEPT_BEFORE: usize = 4;

/// The texts of the runner's own lines in a backtrace, which are omitted.
const RUNNER_FRAME: &str = "(res://runner.gd:";

/// The result of a test.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// All held.
    Passed,
    /// The failed checks, in one or more lines.
    Failed(String),
    /// Why it did not run.
    Skipped(String),
}

/// The end of the run.
pub(crate) enum Ending {
    /// The engine ended with an exit code; without one when a signal ended it.
    Exited(Option<i32>),
    /// It was killed, with the reason.
    Killed(String),
}

/// The result of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// The tests, in the order in which they ran.
    pub(crate) tests: Vec<(String, Outcome)>,
    /// Problems outside of a test.
    pub(crate) problems: Vec<String>,
}

/// A test that runs.
struct Current {
    name: String,
    deadline: Duration,
    announced: Vec<String>,
    problems: Vec<String>,
}

/// The line that indented lines continue.
#[derive(Clone, Copy)]
enum Continues {
    Nothing,
    Failure,
    /// A line of the engine that is not kept: an announced error, a warning.
    Harmless,
    Problem(usize),
}

/// Reads a log line by line.
pub(crate) struct LogScan {
    report: Report,
    current: Option<Current>,
    continues: Continues,
    before: Vec<String>,
    summary: Option<[usize; 3]>,
    told: [usize; 3],
}

impl LogScan {
    pub(crate) fn new() -> Self {
        Self {
            report: Report::default(),
            current: None,
            continues: Continues::Nothing,
            before: Vec::new(),
            summary: None,
            told: [0; 3],
        }
    }

    /// The test that runs, and how long it may.
    pub(crate) fn running(&self) -> Option<(&str, Duration)> {
        self.current.as_ref().map(|current| (current.name.as_str(), current.deadline))
    }

    /// The tests that have ended.
    pub(crate) fn tests(&self) -> &[(String, Outcome)] {
        &self.report.tests
    }

    /// Reads the next line.
    pub(crate) fn read(&mut self, line: &str) {
        if is_continuation(line) && self.read_continuation(line) {
            return;
        }
        self.continues = Continues::Nothing;
        match runner_line(line) {
            Some(RunnerLine::Start(name, seconds)) => {
                self.end_test(None);
                self.current = Some(Current {
                    name: name.to_owned(),
                    deadline: Duration::from_secs(seconds),
                    announced: Vec::new(),
                    problems: Vec::new(),
                });
                self.before.clear();
            }
            Some(RunnerLine::Loaded(name)) => {
                self.end_test(Some((name, Outcome::Passed)));
                // It is no test: only one that failed is told.
                self.report.tests.pop_if(|(_, outcome)| *outcome == Outcome::Passed);
            }
            Some(RunnerLine::Passed(name)) => {
                self.told[0] += 1;
                self.end_test(Some((name, Outcome::Passed)));
            }
            Some(RunnerLine::Failed(name, why)) => {
                self.told[1] += 1;
                self.end_test(Some((name, Outcome::Failed(why.to_owned()))));
                self.continues = Continues::Failure;
            }
            Some(RunnerLine::Skipped(name, why)) => {
                self.told[2] += 1;
                self.end_test(Some((name, Outcome::Skipped(why.to_owned()))));
            }
            Some(RunnerLine::ExpectError(text)) => match &mut self.current {
                Some(current) => current.announced.push(text.to_owned()),
                None => self.problem(line),
            },
            Some(RunnerLine::Summary(counts)) => {
                self.end_test(None);
                if self.summary.replace(counts).is_some() {
                    self.problem("there is more than one summary");
                }
            }
            None => self.read_engine_line(line),
        }
    }

    /// Ends the log.
    pub(crate) fn end(mut self, ending: &Ending) -> Report {
        if let Ending::Killed(why) = ending {
            self.problem(why);
        }
        self.end_test(None);
        match self.summary {
            None => self.report.problems.push("the run has no summary: it did not end".to_owned()),
            Some(summary) if summary != self.told => {
                let problem = format!("the summary says {summary:?}, the lines {:?}", self.told);
                self.report.problems.push(problem);
            }
            Some([_, failed, _]) => {
                if let Ending::Exited(code) = ending
                    && *code != Some(i32::from(failed > 0))
                {
                    let code = code.map_or("none (a signal)".to_owned(), |code| code.to_string());
                    let problem = format!("{failed} tests failed, but the exit code is {code}");
                    self.report.problems.push(problem);
                }
            }
        }
        self.report
    }

    fn read_engine_line(&mut self, line: &str) {
        if can_be_announced(line)
            && let Some(current) = &mut self.current
            && let Some(index) = current.announced.iter().position(|text| line.contains(text))
        {
            current.announced.remove(index);
            self.continues = Continues::Harmless;
        } else if is_problem(line) {
            self.problem(line);
        } else if !line.trim().is_empty() {
            if self.before.len() == KEPT_BEFORE {
                self.before.remove(0);
            }
            self.before.push(line.to_owned());
            if can_be_announced(line) {
                self.continues = Continues::Harmless;
            }
        }
    }

    /// Adds an indented line to what it belongs to; false if it does not belong to anything.
    fn read_continuation(&mut self, line: &str) -> bool {
        if line.contains(RUNNER_FRAME) {
            return true;
        }
        match self.continues {
            Continues::Nothing => return false,
            Continues::Harmless => {}
            Continues::Failure => {
                if let Some((_, Outcome::Failed(why))) = self.report.tests.last_mut() {
                    why.push('\n');
                    why.push_str(line.strip_prefix("     ").unwrap_or(line));
                }
            }
            Continues::Problem(lines) => {
                let problems = match &mut self.current {
                    Some(current) => &mut current.problems,
                    None => &mut self.report.problems,
                };
                if let (Some(problem), true) = (problems.last_mut(), lines < KEPT_AFTER) {
                    problem.push('\n');
                    problem.push_str(line);
                }
                self.continues = Continues::Problem(lines + 1);
            }
        }
        true
    }

    /// Notes what went wrong, with what was printed before.
    fn problem(&mut self, line: &str) {
        let mut problem = String::new();
        for before in self.before.drain(..) {
            problem.extend(["| ", &before, "\n"]);
        }
        problem.push_str(line);
        match &mut self.current {
            Some(current) => current.problems.push(problem),
            None => self.report.problems.push(problem),
        }
        self.continues = Continues::Problem(0);
    }

    /// Ends the test that runs, with what the runner says of it; `None` when it says nothing.
    fn end_test(&mut self, told: Option<(&str, Outcome)>) {
        let Some(current) = self.current.take() else {
            if let Some((name, _)) = told {
                self.problem(&format!("{name} ends, but it has not begun"));
            }
            return;
        };
        let mut problems = current.problems;
        for text in current.announced {
            problems.push(format!("the announced error did not come: {text}"));
        }
        let outcome = match told {
            Some((name, outcome)) if name == current.name => outcome,
            _ => {
                problems.insert(0, "it did not end".to_owned());
                Outcome::Passed
            }
        };
        self.report.tests.push((current.name, with_problems(outcome, &problems)));
    }
}

/// A test that logs what it should not has failed, whatever it says itself.
fn with_problems(outcome: Outcome, problems: &[String]) -> Outcome {
    if problems.is_empty() {
        return outcome;
    }
    let problems = problems.join("\n");
    match outcome {
        Outcome::Failed(why) => Outcome::Failed(format!("{problems}\n{why}")),
        Outcome::Passed | Outcome::Skipped(_) => Outcome::Failed(problems),
    }
}

#[cfg(test)]
mod tests;

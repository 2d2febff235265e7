//! Child processes: their output as lines in the order in which they came, their
//! end, and no process left behind.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process_group;
use crate::report::Heartbeat;

/// The next event of a running process.
pub(crate) enum Event {
    /// It printed a line, to its output or its error output.
    Line(String),
    /// It said nothing for the time given.
    Quiet,
    /// It has ended, and all that it printed has been seen.
    Ended(ExitStatus),
}

/// A process that runs. Dropping it kills the process and all that it started.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    ended: Option<(ExitStatus, Instant)>,
}

impl Running {
    /// What a dead process may leave in the pipe is read for so long: a grandchild that holds the pipe open must not
    /// hold us up for ever.
    const LAST_WORDS: Duration = Duration::from_mins(1);
    const POLL: Duration = Duration::from_millis(20);

    /// Starts a process without input, in a group of its own.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let (reader, writer) = pipe().context("no pipe")?;
        let error_writer = writer.try_clone().context("no pipe")?;
        command.stdin(Stdio::null()).stdout(writer).stderr(error_writer);
        process_group::lead(&mut command);
        let child =
            command.spawn().with_context(|| format!("{} does not start", describe(&command)))?;
        process_group::remember(child.id());
        // The command holds our ends of the pipe: without this the reader never sees its end.
        drop(command);
        let (sender, lines) = channel();
        thread::spawn(move || send_lines(reader, &sender));
        Ok(Self { child, lines, ended: None })
    }

    /// Waits for what happens next, at most for `wait`.
    pub(crate) fn next_event(&mut self, wait: Duration) -> Result<Event> {
        let until = Instant::now() + wait;
        loop {
            if self.ended.is_none()
                && let Some(status) = self.child.try_wait()?
            {
                self.ended = Some((status, Instant::now()));
                process_group::end(self.child.id());
            }
            let pause = Self::POLL.min(until.saturating_duration_since(Instant::now()));
            let all_is_read = match self.lines.recv_timeout(pause) {
                Ok(line) => return Ok(Event::Line(line)),
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if let Some((status, at)) = self.ended
                && (all_is_read || at.elapsed() > Self::LAST_WORDS)
            {
                return Ok(Event::Ended(status));
            }
            if Instant::now() >= until {
                return Ok(Event::Quiet);
            }
            if all_is_read {
                // It closed its output and goes on.
                thread::sleep(pause);
            }
        }
    }

    /// Kills the process and all that it started. Its end then comes as an event.
    pub(crate) fn kill(&mut self) {
        if self.ended.is_none() {
            process_group::kill(&mut self.child);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
            // Nobody is left to be told.
            let _ = self.child.wait();
            process_group::end(self.child.id());
        }
    }
}

fn send_lines(reader: PipeReader, sender: &Sender<String>) {
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        if sender.send(line).is_err() {
            return;
        }
        bytes.clear();
    }
}

/// The prefixes of cargo's progress lines.
const CARGO_PROGRESS: [&str; 5] =
    ["   Compiling ", "    Checking ", " Documenting ", " Downloading ", "  Downloaded "];

/// The prefixes of cargo's lines for a package that it has started.
const CARGO_PACKAGE: [&str; 2] = ["   Compiling ", "    Checking "];

/// A process that has ended, and all that it printed.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    command: String,
}

impl Finished {
    /// An error with the output, unless the process ended with 0.
    pub(crate) fn check(self) -> Result<String> {
        if self.status.success() {
            return Ok(self.output);
        }
        bail!("`{}` failed ({}):\n{}", self.command, self.status, self.telling_output());
    }

    /// The output without pages of what cargo has compiled, which would hide the rest.
    pub(crate) fn telling_output(&self) -> String {
        let is_telling = |line: &&str| !CARGO_PROGRESS.iter().any(|word| line.starts_with(word));
        let lines: Vec<_> = self.output.lines().filter(is_telling).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

/// Runs a process to its end with no more than a sign of life on the screen.
/// After `limit` it is killed, which is an error.
pub(crate) fn run(command: Command, limit: Duration) -> Result<Finished> {
    let description = describe(&command);
    let until = Instant::now() + limit;
    let mut heartbeat = Heartbeat::new();
    let mut output = String::new();
    let mut last = String::new();
    let mut packages = 0;
    let mut running = Running::start(command)?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match running.next_event(left.min(Duration::from_secs(1)))? {
            Event::Line(line) => {
                output += &line;
                output.push('\n');
                if CARGO_PACKAGE.iter().any(|word| line.starts_with(word)) {
                    packages += 1;
                    last = format!("{packages} packages, {}", line.trim_start());
                } else {
                    last = line;
                }
            }
            Event::Quiet => {}
            Event::Ended(status) => {
                return Ok(Finished { status, output, command: description });
            }
        }
        if Instant::now() >= until {
            bail!("`{description}` was not done after {} s:\n{output}", limit.as_secs());
        }
        heartbeat.beat(&last);
    }
}

/// As [`run`], for what must end with 0: its output.
pub(crate) fn run_ok(command: Command, limit: Duration) -> Result<String> {
    run(command, limit)?.check()
}

/// The program's name and its arguments, to be read.
fn describe(command: &Command) -> String {
    let program = command.get_program();
    let program = std::path::Path::new(program).file_name().unwrap_or(program);
    std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_keep_their_order() {
        let output = run_ok(shell("echo 1; echo 2 >&2; echo 3; printf 4"), Duration::from_mins(1));
        assert_eq!(output.unwrap(), "1\n2\n3\n4\n");
    }

    #[test]
    fn a_failure_carries_the_output() {
        let error = run_ok(shell("echo why >&2; exit 3"), Duration::from_mins(1)).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
        assert!(error.to_string().contains('3'), "{error}");
    }

    /// Waits for the end of a process whose id was written into a file. Returns true if it has ended.
    fn ends(id_file: &std::path::Path) -> bool {
        let script = format!(
            "for _ in $(seq 600); do kill -0 $(cat {}) || exit 0; sleep 0.1; done; exit 1",
            id_file.display()
        );
        run_ok(shell(&script), Duration::from_mins(5)).is_ok()
    }

    #[test]
    fn what_takes_too_long_is_killed_with_its_children() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 600 & echo $! >{}; echo begun; wait", file.path().display());
        let mut running = Running::start(shell(&script)).unwrap();
        let begun = running.next_event(Duration::from_mins(1)).unwrap();
        assert!(matches!(begun, Event::Line(line) if line == "begun"));
        drop(running);
        assert!(ends(file.path()));
        assert!(run(shell("sleep 600"), Duration::from_millis(300)).is_err());
    }

    #[test]
    fn a_child_that_stays_behind_is_killed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 600 & echo $! >{}; echo done", file.path().display());
        assert_eq!(run_ok(shell(&script), Duration::from_mins(5)).unwrap(), "done\n");
        assert!(ends(file.path()));
    }
}

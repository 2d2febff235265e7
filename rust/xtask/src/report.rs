//! The progress output: steps with their duration, and a heartbeat.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Runs one step: says what it is, and how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}");
    let began = Instant::now();
    let result = work();
    let ending = if result.is_ok() { "done in" } else { "failed after" };
    note(&format!("{ending} {:.1} s", began.elapsed().as_secs_f32()));
    result
}

/// Prints a line, or several, that belong to the running step.
pub(crate) fn note(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

/// A sign of life while something takes long: one line that is rewritten on a
/// terminal, a new line now and then elsewhere.
pub(crate) struct Heartbeat {
    began: Instant,
    next: Instant,
    terminal: bool,
    line_is_open: bool,
}

impl Heartbeat {
    /// Longer texts would wrap, and could not be rewritten.
    const SHOWN_LENGTH: usize = 60;

    pub(crate) fn new() -> Self {
        let began = Instant::now();
        let terminal = stdout().is_terminal();
        Self { began, next: began + Self::interval(terminal), terminal, line_is_open: false }
    }

    /// Shows what is being done, if it is time to. Call it often.
    pub(crate) fn beat(&mut self, doing: &str) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + Self::interval(self.terminal);
        let doing: String = doing.trim().chars().take(Self::SHOWN_LENGTH).collect();
        let line = format!("    … {} s  {doing}", self.began.elapsed().as_secs());
        if self.terminal {
            print!("\r\x1b[K{}", line.trim_end());
            // A sign of life that cannot be shown is no reason to stop.
            let _ = stdout().flush();
            self.line_is_open = true;
        } else {
            println!("{}", line.trim_end());
        }
    }

    /// Makes room for a line of something else, which is a sign of life as well.
    pub(crate) fn make_room(&mut self) {
        if self.line_is_open {
            print!("\r\x1b[K");
            let _ = stdout().flush();
            self.line_is_open = false;
        }
        self.next = Instant::now() + Self::interval(self.terminal);
    }

    fn interval(terminal: bool) -> Duration {
        Duration::from_secs(if terminal { 1 } else { 5 })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.make_room();
    }
}

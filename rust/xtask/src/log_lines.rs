//! Lines of the engine's log, one at a time: what each of them means.

/// The lines of the test runner (tests/runner.gd).
#[derive(Debug, PartialEq)]
pub(crate) enum RunnerLine<'a> {
    /// A test begins, and has so many seconds.
    Start(&'a str, u64),
    /// A suite has been loaded, which is not counted as a test.
    Loaded(&'a str),
    /// A test has passed.
    Passed(&'a str),
    /// A test has failed; the first line of why.
    Failed(&'a str, &'a str),
    /// A test was skipped, and why.
    Skipped(&'a str, &'a str),
    /// The running test announces a line of the engine with this text.
    ExpectError(&'a str),
    /// All tests have run: how many passed, failed, were skipped.
    Summary([usize; 3]),
}

/// Reads a line of the test runner; `None` for all other lines.
pub(crate) fn runner_line(line: &str) -> Option<RunnerLine<'_>> {
    if let Some(rest) = line.strip_prefix("start: ") {
        let (name, rest) = rest.split_once(" (deadline ")?;
        return Some(RunnerLine::Start(name, rest.strip_suffix(" s)")?.parse().ok()?));
    }
    if let Some(name) = line.strip_prefix("loaded: ") {
        return Some(RunnerLine::Loaded(name));
    }
    if let Some(rest) = line.strip_prefix("ok   ") {
        return Some(RunnerLine::Passed(rest.split_once(" (")?.0));
    }
    if let Some(rest) = line.strip_prefix("FAIL ") {
        let (name, why) = rest.split_once(": ")?;
        return Some(RunnerLine::Failed(name, why));
    }
    if let Some(rest) = line.strip_prefix("skip ") {
        let (name, why) = rest.split_once(": ")?;
        return Some(RunnerLine::Skipped(name, why));
    }
    if let Some(text) = line.strip_prefix("expect-error: ") {
        return Some(RunnerLine::ExpectError(text));
    }
    let counts = line.strip_prefix("tests: ")?.strip_suffix(" skipped")?;
    let (passed, rest) = counts.split_once(" passed, ")?;
    let (failed, skipped) = rest.split_once(" failed, ")?;
    Some(RunnerLine::Summary([passed.parse().ok()?, failed.parse().ok()?, skipped.parse().ok()?]))
}

/// What the engine (or the extension in it) logs when something is wrong, wherever in
/// the line it stands. `ERROR:` is in `SCRIPT ERROR:` and `USER ERROR:` as well.
const PROBLEMS: [&str; 11] = [
    "ERROR:",
    // Printed by the engine without `ERROR:`, as when a certificate is read by `save_to_string()`.
    "Unexpected NUL character",
    "Parse Error",
    "Failed loading resource",
    "Failed to load",
    "dynamic library not found",
    "leaked at exit",
    "still in use at exit",
    "Leaked instance:",
    "handle_crash",
    "panicked at",
];

/// Returns true if a line of the log reports a problem.
pub(crate) fn is_problem(line: &str) -> bool {
    PROBLEMS.iter().any(|text| line.contains(text))
}

/// Whether a test may announce the line. A `SCRIPT ERROR:` ends the function it is in,
/// so the rest of a test would not run: that is never meant.
pub(crate) fn can_be_announced(line: &str) -> bool {
    (line.contains("ERROR:") || line.contains("WARNING:")) && !line.contains("SCRIPT ERROR:")
}

/// Returns true if a line continues the previous one: `   at: …` and similar ones.
pub(crate) fn is_continuation(line: &str) -> bool {
    line.starts_with("  ") && !line.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_runner_are_read() {
        let name = "addon/test_addon.test_x";
        for (line, wanted) in [
            ("start: addon/test_addon.test_x (deadline 10 s)", RunnerLine::Start(name, 10)),
            ("loaded: addon/test_addon.test_x", RunnerLine::Loaded(name)),
            ("ok   addon/test_addon.test_x (12 ms)", RunnerLine::Passed(name)),
            ("FAIL addon/test_addon.test_x: a: b", RunnerLine::Failed(name, "a: b")),
            ("skip addon/test_addon.test_x: no node", RunnerLine::Skipped(name, "no node")),
            ("expect-error: a: b", RunnerLine::ExpectError("a: b")),
            ("tests: 1 passed, 2 failed, 3 skipped", RunnerLine::Summary([1, 2, 3])),
        ] {
            assert_eq!(runner_line(line), Some(wanted), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_the_runners() {
        for line in [
            "",
            "ok",
            "ok   test_x",
            "     FAIL addon/test_addon.test_x: indented",
            "start: test_x",
            "tests: many passed, 0 failed, 0 skipped",
            "ERROR: FAIL",
        ] {
            assert_eq!(runner_line(line), None, "{line}");
        }
    }

    #[test]
    fn problems_are_seen() {
        for line in [
            "ERROR: my error",
            "USER ERROR: my error",
            "SCRIPT ERROR: Cannot call method 'queue_free' on a null value.",
            "printed without an end of lineERROR: my error",
            "WARNING: ObjectDB instances leaked at exit (run with --verbose for details).",
            "ERROR: 1 resources still in use at exit (run with --verbose for details).",
            "handle_crash: Program crashed with signal 11",
            "thread 'io' panicked at src/lib.rs:1:1:",
            "Unicode parsing error, some characters were replaced with \u{FFFD} (U+FFFD): Unexpected NUL character",
        ] {
            assert!(is_problem(line), "{line}");
        }
        for line in
            ["", "WARNING: my warning", "   at: push_error (core/variant.cpp:1)", "errors: 0"]
        {
            assert!(!is_problem(line), "{line}");
        }
    }

    #[test]
    fn script_errors_cannot_be_announced() {
        assert!(can_be_announced("ERROR: x") && can_be_announced("USER WARNING: x"));
        assert!(!can_be_announced("SCRIPT ERROR: x") && !can_be_announced("USER SCRIPT ERROR: x"));
        assert!(!can_be_announced("handle_crash: Program crashed with signal 11"));
    }
}

//! Logs as engines write them, and what they come to.

use super::*;

const OK: Ending = Ending::Exited(Some(0));
const FAILED: Ending = Ending::Exited(Some(1));

fn scan(log: &str, ending: &Ending) -> Report {
    let mut scan = LogScan::new();
    for line in log.lines() {
        scan.read(line);
    }
    scan.end(ending)
}

/// A log with one test that prints the lines, and passes by its own account.
fn scan_test(lines: &str) -> Report {
    let log = format!(
        "Godot Engine v4.6.3\n\nstart: a.test_x (deadline 10 s)\n{lines}ok   a.test_x (1 ms)\n\
         tests: 1 passed, 0 failed, 0 skipped\n"
    );
    scan(&log, &OK)
}

fn failure(report: &Report) -> &str {
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    match report.tests.as_slice() {
        [(_, Outcome::Failed(why))] => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clean_log_passes() {
    let report = scan_test("printed by the test\nWARNING: nobody minds\n   at: somewhere\n");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(report.tests, [("a.test_x".to_owned(), Outcome::Passed)]);
}

#[test]
fn failures_and_skips_are_told_with_their_reasons() {
    let log = "start: a.load (deadline 10 s)\nloaded: a.load\n\
               start: a.test_1 (deadline 10 s)\n\
               FAIL a.test_1: got 1, wanted 2 (a.gd:4)\n     and more\n       | ERROR: of a peer\n\
               start: a.test_2 (deadline 10 s)\nskip a.test_2: ERROR: no node\n\
               tests: 0 passed, 1 failed, 1 skipped\n";
    let report = scan(log, &FAILED);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let why = "got 1, wanted 2 (a.gd:4)\nand more\n  | ERROR: of a peer".to_owned();
    assert_eq!(
        report.tests,
        [
            ("a.test_1".to_owned(), Outcome::Failed(why)),
            ("a.test_2".to_owned(), Outcome::Skipped("ERROR: no node".to_owned())),
        ]
    );
}

#[test]
fn an_error_that_is_not_announced_fails_its_test() {
    for error in ["ERROR: x", "USER ERROR: x", "SCRIPT ERROR: x", "thread 'io' panicked at x:"] {
        let report = scan_test(&format!(
            "hello\n{error}\n   at: push_error (y.cpp:1)\n       \
             [0] start (res://runner.gd:1)\nbye\n"
        ));
        assert_eq!(failure(&report), format!("| hello\n{error}\n   at: push_error (y.cpp:1)"));
    }
}

#[test]
fn an_announced_error_is_taken_once() {
    let error = "ERROR: no such peer\n   at: x\n";
    assert!(matches!(
        scan_test(&format!("expect-error: such\n{error}")).tests[0].1,
        Outcome::Passed
    ));
    let twice = scan_test(&format!("expect-error: such\n{error}{error}"));
    assert!(failure(&twice).starts_with("ERROR: no such peer"));
    let announced_twice = scan_test(&format!("expect-error: such\nexpect-error: such\n{error}"));
    assert_eq!(failure(&announced_twice), "the announced error did not come: such");
}

#[test]
fn an_error_before_its_announcement_fails() {
    let report = scan_test("ERROR: such\nexpect-error: such\n");
    assert_eq!(failure(&report), "ERROR: such\nthe announced error did not come: such");
}

#[test]
fn a_warning_can_be_announced_and_must_come_then() {
    assert_eq!(scan_test("expect-error: w\nWARNING: w\n").tests[0].1, Outcome::Passed);
    assert!(failure(&scan_test("expect-error: w\n")).contains("did not come: w"));
}

#[test]
fn a_script_error_cannot_be_announced() {
    let report = scan_test("expect-error: null\nSCRIPT ERROR: null\n");
    assert!(failure(&report).contains("SCRIPT ERROR: null"));
}

#[test]
fn a_script_that_does_not_load_fails() {
    let log = "start: a.load (deadline 10 s)\nSCRIPT ERROR: Parse Error: Expected name.\n\
               \x20  at: GDScript::reload (res://a.gd:2)\nloaded: a.load\n\
               tests: 0 passed, 0 failed, 0 skipped\n";
    let report = scan(log, &OK);
    assert!(failure(&report).contains("res://a.gd:2"));
}

#[test]
fn errors_between_and_after_tests_are_problems() {
    let log = "ERROR: GDExtension dynamic library not found: 'res://x.gdextension'.\n   at: open\n\
               start: a.test_x (deadline 10 s)\nok   a.test_x (1 ms)\n\
               tests: 1 passed, 0 failed, 0 skipped\n\
               WARNING: ObjectDB instances leaked at exit (run with --verbose for details).\n\
               ERROR: 1 resources still in use at exit (run with --verbose for details).\n";
    let report = scan(log, &OK);
    assert_eq!(report.problems.len(), 3, "{:?}", report.problems);
    assert!(report.problems[0].ends_with("\n   at: open"));
    assert!(report.problems[1].contains("leaked at exit"));
    assert!(report.problems[2].contains("still in use"));
}

#[test]
fn a_run_that_stops_early_fails() {
    let log = "start: a.test_x (deadline 10 s)\nok   a.test_x (1 ms)\n";
    assert_eq!(scan(log, &OK).problems, ["the run has no summary: it did not end"]);
    assert_eq!(scan("", &OK).problems.len(), 1);
    let report = scan("start: a.test_x (deadline 10 s)\nhandle_crash: signal 11\n", &FAILED);
    assert_eq!(report.problems.len(), 1);
    let (name, Outcome::Failed(why)) = &report.tests[0] else { panic!("{report:?}") };
    assert!(name == "a.test_x" && why.contains("did not end") && why.contains("signal 11"));
}

#[test]
fn a_run_that_is_killed_fails_the_test_that_ran() {
    let killed = Ending::Killed("killed after 30 s".to_owned());
    let report = scan("start: a.test_x (deadline 10 s)\n", &killed);
    let (_, Outcome::Failed(why)) = &report.tests[0] else { panic!("{report:?}") };
    assert!(why.contains("killed after 30 s"));
    let all_ran = "start: a.test_x (deadline 10 s)\nok   a.test_x (1 ms)\n\
                   tests: 1 passed, 0 failed, 0 skipped\n";
    assert_eq!(scan(all_ran, &killed).problems, ["killed after 30 s"]);
}

#[test]
fn counts_and_exit_codes_must_agree() {
    let log =
        |counts: &str| format!("start: a.test_x (deadline 1 s)\nok   a.test_x (1 ms)\n{counts}\n");
    let right = log("tests: 1 passed, 0 failed, 0 skipped");
    assert!(scan(&right, &OK).problems.is_empty());
    for ending in [FAILED, Ending::Exited(None), Ending::Exited(Some(134))] {
        assert_eq!(scan(&right, &ending).problems.len(), 1);
    }
    let wrong = log("tests: 2 passed, 0 failed, 0 skipped");
    assert_eq!(scan(&wrong, &OK).problems.len(), 1);
    let twice = format!("{right}tests: 1 passed, 0 failed, 0 skipped\n");
    assert_eq!(scan(&twice, &OK).problems, ["there is more than one summary"]);
}

#[test]
fn lines_of_another_test_are_not_believed() {
    let log = "start: a.test_x (deadline 1 s)\nok   a.test_y (1 ms)\nok   a.test_z (1 ms)\n\
               tests: 2 passed, 0 failed, 0 skipped\n";
    let report = scan(log, &OK);
    assert_eq!(
        report.tests,
        [("a.test_x".to_owned(), Outcome::Failed("it did not end".to_owned()))]
    );
    assert_eq!(report.problems, ["a.test_z ends, but it has not begun"]);
}

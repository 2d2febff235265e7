//! The summaries of the Rust test runners.

/// The numbers of tests by result.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Marked `#[ignore]`.
    pub(crate) ignored: usize,
}

/// Reads the last line of cargo-nextest. It counts the tests that a filter left out
/// together with the ignored ones: with a filter none count as ignored.
pub(crate) fn nextest_counts(output: &str, filtered: bool) -> Option<Counts> {
    let summary = output.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, counts) = summary.split_once(" run: ")?;
    let failed = ["failed", "timed out", "exec failed"];
    Some(Counts {
        passed: number_before(counts, "passed"),
        failed: failed.into_iter().map(|word| number_before(counts, word)).sum(),
        ignored: if filtered { 0 } else { number_before(counts, "skipped") },
    })
}

/// The number in `3 failed`, which is one of several parts; 0 without such a part.
/// A part may be followed by more, as in `4 passed (1 slow)`.
fn number_before(counts: &str, word: &str) -> usize {
    counts
        .split([',', ';'])
        .filter_map(|part| part.trim().split_once(' '))
        .find(|(_, rest)| *rest == word || rest.starts_with(&format!("{word} (")))
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

/// Adds up the last lines of the test programs that `cargo test` runs.
pub(crate) fn cargo_test_counts(output: &str) -> Option<Counts> {
    let mut sum: Option<Counts> = None;
    for line in output.lines() {
        let Some(counts) = line.strip_prefix("test result: ") else { continue };
        let counts = counts.split_once(". ").map_or(counts, |(_, counts)| counts);
        let sum = sum.get_or_insert_default();
        sum.passed += number_before(counts, "passed");
        sum.failed += number_before(counts, "failed");
        sum.ignored += number_before(counts, "ignored");
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_is_read() {
        let output = "    Starting 9 tests across 3 binaries\n        FAIL [   0.005s] a b\n\
                      ────────────\n     Summary [   0.012s] 9 tests run: 5 passed (1 slow, 1 leaky), \
                      2 failed, 1 timed out, 1 exec failed, 3 skipped\n        FAIL [   0.005s] a b\n\
                      error: test run failed\n";
        assert_eq!(
            nextest_counts(output, false),
            Some(Counts { passed: 5, failed: 4, ignored: 3 })
        );
        assert_eq!(nextest_counts(output, true).unwrap().ignored, 0);
        let one = "     Summary [   0.012s] 1 test run: 1 passed, 0 skipped\n";
        assert_eq!(nextest_counts(one, false), Some(Counts { passed: 1, failed: 0, ignored: 0 }));
        assert_eq!(nextest_counts("error: could not compile", false), None);
    }

    #[test]
    fn cargo_test_is_read() {
        let output = "running 2 tests\ntest a ... ok\n\n\
                      test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; \
                      finished in 0.00s\n\n\
                      test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; \
                      0 filtered out; finished in 0.00s\n";
        assert_eq!(cargo_test_counts(output), Some(Counts { passed: 5, failed: 2, ignored: 1 }));
        assert_eq!(cargo_test_counts("error: could not compile"), None);
    }
}

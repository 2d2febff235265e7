//! The results of the cases, from Autobahn's report.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Our name in the report.
pub(super) const AGENT: &str = "lodewire";

/// The words of the report, from good to bad. What is "INFORMATIONAL" has no right answer.
const GOOD: [&str; 2] = ["OK", "INFORMATIONAL"];

/// The end of a run of the suite, in addition to its report.
pub(super) struct Ended {
    /// The number of cases to run.
    pub(super) wanted: usize,
    /// Unexpected lines in the engine's log.
    pub(super) problems: Vec<String>,
}

/// Each case, with how it behaved and how it closed.
pub(super) struct Outcomes {
    cases: BTreeMap<Vec<u32>, (String, String)>,
    ended: Ended,
}

impl Outcomes {
    pub(super) fn read(index: &Path, ended: Ended) -> Result<Self> {
        let text = fs::read_to_string(index).context("Autobahn has written no report")?;
        Self::parse(&text, ended)
    }

    fn parse(text: &str, ended: Ended) -> Result<Self> {
        let index: Value = serde_json::from_str(text)?;
        let cases = index[AGENT].as_object().context("the report does not know us")?;
        let word = |case: &Value, key: &str| case[key].as_str().unwrap_or("?").to_owned();
        let read = |(id, case): (&String, &Value)| {
            let id = id.split('.').map(|part| part.parse().unwrap_or(0)).collect();
            (id, (word(case, "behavior"), word(case, "behaviorClose")))
        };
        Ok(Self { cases: cases.iter().map(read).collect(), ended })
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// Returns true if there are cases, all have run and passed, and the engine has logged nothing unexpected.
    pub(super) fn is_good(&self) -> bool {
        let is_complete = self.len() > 0 && self.len() == self.ended.wanted;
        is_complete && self.ended.problems.is_empty() && self.cases.values().all(is_good)
    }

    /// A table of how many there are of each kind, and the cases that are not as they should be.
    pub(super) fn print(&self, role: &str) {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (behaviour, close) in self.cases.values() {
            counts.entry(behaviour).or_default().0 += 1;
            counts.entry(close).or_default().1 += 1;
        }
        println!();
        println!(
            "{:<20} {:>9} {:>9}",
            format!("{} cases, {role}", self.len()),
            "messages",
            "close"
        );
        for (word, (behaviour, close)) in counts {
            println!("{word:<20} {behaviour:>9} {close:>9}");
        }
        for (id, outcome) in self.cases.iter().filter(|(_, outcome)| !is_good(outcome)) {
            let id: Vec<String> = id.iter().map(ToString::to_string).collect();
            println!("case {:<15} {:>9} {:>9}", id.join("."), outcome.0, outcome.1);
        }
        if self.len() != self.ended.wanted {
            println!("{} cases ran of {}", self.len(), self.ended.wanted);
        }
        for problem in &self.ended.problems {
            println!("the engine: {problem}");
        }
    }
}

fn is_good((behaviour, close): &(String, String)) -> bool {
    GOOD.contains(&behaviour.as_str()) && GOOD.contains(&close.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_cases(first: &str, second: &str, ended: Ended) -> Outcomes {
        let case = format!(r#"{{"behavior": "{first}", "behaviorClose": "{second}"}}"#);
        let good = r#"{"behavior": "OK", "behaviorClose": "INFORMATIONAL"}"#;
        let text = format!(r#"{{"lodewire": {{"1.1.1": {good}, "10.1.1": {case}}}}}"#);
        Outcomes::parse(&text, ended).unwrap()
    }

    fn after(wanted: usize) -> Ended {
        Ended { wanted, problems: Vec::new() }
    }

    #[test]
    fn every_case_must_be_good_in_both_ways() {
        let of = |first: &str, second: &str| two_cases(first, second, after(2));
        assert!(of("OK", "OK").is_good());
        assert_eq!(of("OK", "OK").len(), 2);
        for bad in ["NON-STRICT", "FAILED", "UNIMPLEMENTED", "WRONG CODE"] {
            assert!(!of(bad, "OK").is_good() && !of("OK", bad).is_good(), "{bad}");
        }
    }

    #[test]
    fn a_report_must_be_complete() {
        assert!(!two_cases("OK", "OK", after(3)).is_good(), "one did not run");
        assert!(!Outcomes::parse(r#"{"lodewire": {}}"#, after(0)).unwrap().is_good());
        assert!(Outcomes::parse("{}", after(0)).is_err());
    }

    #[test]
    fn what_the_engine_logs_counts() {
        let problems = vec!["ERROR: none".to_owned()];
        assert!(!two_cases("OK", "OK", Ended { wanted: 2, problems }).is_good());
    }
}

//! What the cases came to, as Autobahn's report has it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Our name in the report.
pub(super) const AGENT: &str = "lodewire";

/// The words of the report, from good to bad. What is "INFORMATIONAL" has no right answer.
const GOOD: [&str; 2] = ["OK", "INFORMATIONAL"];

/// Each case, with how it behaved and how it closed.
pub(super) struct Outcomes(BTreeMap<Vec<u32>, (String, String)>);

impl Outcomes {
    pub(super) fn read(index: &Path) -> Result<Self> {
        let text = fs::read_to_string(index).context("Autobahn has written no report")?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let index: Value = serde_json::from_str(text)?;
        let cases = index[AGENT].as_object().context("the report does not know us")?;
        let word = |case: &Value, key: &str| case[key].as_str().unwrap_or("?").to_owned();
        let read = |(id, case): (&String, &Value)| {
            let id = id.split('.').map(|part| part.parse().unwrap_or(0)).collect();
            (id, (word(case, "behavior"), word(case, "behaviorClose")))
        };
        Ok(Self(cases.iter().map(read).collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are any, and each did what it should.
    pub(super) fn is_good(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(is_good)
    }

    /// A table of how many there are of each kind, and the cases that are not as they should be.
    pub(super) fn print(&self, role: &str) {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (behaviour, close) in self.0.values() {
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
        for (id, outcome) in self.0.iter().filter(|(_, outcome)| !is_good(outcome)) {
            let id: Vec<String> = id.iter().map(ToString::to_string).collect();
            println!("case {:<15} {:>9} {:>9}", id.join("."), outcome.0, outcome.1);
        }
    }
}

fn is_good((behaviour, close): &(String, String)) -> bool {
    GOOD.contains(&behaviour.as_str()) && GOOD.contains(&close.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_must_be_good_in_both_ways() {
        let of = |first: &str, second: &str| {
            let case = format!(r#"{{"behavior": "{first}", "behaviorClose": "{second}"}}"#);
            let good = r#"{"behavior": "OK", "behaviorClose": "INFORMATIONAL"}"#;
            let text = format!(r#"{{"lodewire": {{"1.1.1": {good}, "10.1.1": {case}}}}}"#);
            Outcomes::parse(&text).unwrap()
        };
        assert!(of("OK", "OK").is_good());
        assert_eq!(of("OK", "OK").len(), 2);
        for bad in ["NON-STRICT", "FAILED", "UNIMPLEMENTED", "WRONG CODE"] {
            assert!(!of(bad, "OK").is_good() && !of("OK", bad).is_good(), "{bad}");
        }
        assert!(!Outcomes::parse(r#"{"lodewire": {}}"#).unwrap().is_good(), "nothing ran");
        assert!(Outcomes::parse("{}").is_err());
    }
}

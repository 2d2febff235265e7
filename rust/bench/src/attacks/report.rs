//! The table of the attacks, and the targets of ours.

use super::attack::Attack;
use crate::number::number;
use crate::target::{self, Bound, Target};

/// The most of a core, in percent.
const MOST_CORE: f64 = 30.0;
/// The longest latency of another server's health at the 99th percentile, in milliseconds.
const MOST_HEALTH: f64 = 10.0;

/// The result of an attack.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    /// The rate in Mbit/s.
    pub(super) rate: f64,
    /// In percent.
    pub(super) core: f64,
    /// In milliseconds.
    pub(super) health: Option<f64>,
    pub(super) sent: usize,
    pub(super) lost: usize,
    pub(super) disconnects: usize,
    /// By how much it grew, in MiB.
    pub(super) memory: f64,
}

/// All outcomes of an attack, by the server's name. The first is ours.
pub(super) type Outcomes = Vec<(&'static str, Result<Outcome, String>)>;

/// The table of what was measured.
pub(super) fn table(measured: &[(Attack, Outcomes)]) -> String {
    let mut text = "| attack | server | Mbit/s | of a core, % | health p99, ms | packets lost | connections lost \
        | memory, MiB | its bound, MiB |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for (attack, outcomes) in measured {
        for (index, (server, outcome)) in outcomes.iter().enumerate() {
            let title = attack.title();
            let bound = if index == 0 { number(attack.bound) } else { "–".to_owned() };
            let line = match outcome {
                Ok(outcome) => format!(
                    "| {title} | {server} | {} | {} | {} | {} of {} | {} | {} | {bound} |\n",
                    number(outcome.rate),
                    number(outcome.core),
                    outcome.health.map_or_else(|| "–".to_owned(), number),
                    outcome.lost,
                    outcome.sent,
                    outcome.disconnects,
                    number(outcome.memory),
                ),
                Err(error) => format!("| {title} | {server} | {error} | | | | | | {bound} |\n"),
            };
            text += &line;
        }
    }
    text
}

/// The table of targets.
pub(super) fn targets(measured: &[(Attack, Outcomes)]) -> String {
    let mut text = target::HEAD.to_owned();
    for (attack, outcomes) in measured {
        let mut add = |figure: &str, unit, most, value: fn(&Outcome) -> Option<f64>| {
            let of = |outcome: &Result<Outcome, String>| value(outcome.as_ref().ok()?);
            let mut values = outcomes.iter().map(|(name, outcome)| (*name, of(outcome)));
            let ours = values.next().and_then(|(_, value)| value);
            let peers = values.filter_map(|(name, value)| Some((name, value?))).collect();
            let title = format!("{}: {figure}", attack.title());
            let bound = Bound::Itself(most);
            text += &Target { title, unit, ours, range: None, peers, bound }.row();
        };
        add("of a core", "%", MOST_CORE, |outcome| Some(outcome.core));
        add("health", "ms", MOST_HEALTH, |outcome| outcome.health);
        add("lost", "", 0.0, |outcome| Some((outcome.lost + outcome.disconnects) as f64));
        add("memory", "MiB", attack.bound, |outcome| Some(outcome.memory));
    }
    text
}

//! Targets of ours, compared with its peers, and their results.

use crate::number::number;

/// The head of the table of targets.
pub(crate) const HEAD: &str = "| figure | ours | its rounds | peers | ratio | wanted | reached |
|---|---|---|---|---|---|---|
";

/// A target and its measured result.
pub(crate) struct Target {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Option<f64>,
    /// The least and the most of the rounds.
    pub(crate) range: Option<(f64, f64)>,
    /// Everything that ours is compared with; the best of it counts.
    pub(crate) peers: Vec<(&'static str, f64)>,
    pub(crate) bound: Bound,
}

/// The condition of a target.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// The ratio of ours to the best, which is the least, is at most this.
    AtMost(f64),
    /// The ratio of ours to the best, which is the most, is at least this.
    AtLeast(f64),
    /// Our own value is at most this.
    Itself(f64),
}

impl Target {
    /// Ours as a part or a multiple of the best peer.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let peers = self.peers.iter().map(|(_, value)| *value);
        let best = match self.bound {
            Bound::AtLeast(_) => peers.max_by(f64::total_cmp),
            Bound::AtMost(_) | Bound::Itself(_) => peers.min_by(f64::total_cmp),
        };
        Some(self.ours? / best?)
    }

    /// Returns true if the target is met; `None` if it was not measured.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        match self.bound {
            Bound::AtMost(most) => Some(self.ratio()? <= most),
            Bound::AtLeast(least) => Some(self.ratio()? >= least),
            Bound::Itself(most) => Some(self.ours? <= most),
        }
    }

    /// Its row in the table.
    pub(crate) fn row(&self) -> String {
        let none = || "–".to_owned();
        let peers: Vec<_> =
            self.peers.iter().map(|(name, value)| format!("{name} {}", number(*value))).collect();
        let limit = match self.bound {
            Bound::AtMost(most) => format!("≤ {}", number(most)),
            Bound::AtLeast(least) => format!("≥ {}", number(least)),
            Bound::Itself(most) => format!("≤ {} {}", number(most), self.unit),
        };
        let range = |(least, most)| format!("{}–{}", number(least), number(most));
        format!(
            "| {} | {} | {} | {} | {} | {limit} | {} |\n",
            self.title,
            self.ours.map_or_else(none, |value| format!("{} {}", number(value), self.unit)),
            self.range.map_or_else(none, range),
            if peers.is_empty() { none() } else { peers.join("; ") },
            self.ratio().map_or_else(none, number),
            match self.is_reached() {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "not measured",
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_peer_counts() {
        let target = |bound| Target {
            title: "speed".to_owned(),
            unit: "m/s",
            ours: Some(8.0),
            range: Some((7.0, 9.0)),
            peers: vec![("slow", 4.0), ("fast", 16.0)],
            bound,
        };
        let more = target(Bound::AtLeast(1.0));
        assert_eq!((more.ratio(), more.is_reached()), (Some(0.5), Some(false)));
        let less = target(Bound::AtMost(2.0));
        assert_eq!((less.ratio(), less.is_reached()), (Some(2.0), Some(true)));
        assert_eq!(target(Bound::Itself(7.0)).is_reached(), Some(false));
        let row =
            "| speed | 8.00 m/s | 7.00–9.00 | slow 4.00; fast 16.0 | 0.50 | ≥ 1.00 | **no** |\n";
        assert_eq!(more.row(), row);
    }
}

//! The measurements of each round.

use std::collections::{BTreeMap, BTreeSet};

/// Something that is measured in every round.
pub(crate) trait Summary: Copy + Ord {
    /// Returns true if the kernel samples it: few samples, of which none can be discarded.
    fn is_sampled(self) -> bool {
        false
    }
}

/// All that was measured: figures of subjects.
pub(crate) struct Figures<F, S> {
    values: BTreeMap<(F, S), Vec<f64>>,
    /// Why something could not be measured.
    missing: BTreeMap<(F, S), String>,
}

impl<F, S> Default for Figures<F, S> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), missing: BTreeMap::new() }
    }
}

impl<F: Summary, S: Copy + Ord> Figures<F, S> {
    /// Adds what a round gave.
    pub(crate) fn add(&mut self, figure: F, subject: S, value: f64) {
        self.values.entry((figure, subject)).or_default().push(value);
    }

    /// Notes why there is nothing.
    pub(crate) fn miss(&mut self, figure: F, subject: S, why: &str) {
        self.missing.insert((figure, subject), why.to_owned());
    }

    /// Everything that could not be measured, and why.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        let reasons: BTreeSet<_> = self.missing.values().map(String::as_str).collect();
        reasons.into_iter()
    }

    /// The median of the rounds; of what the kernel samples, the mean, which uses all samples.
    pub(crate) fn get(&self, figure: F, subject: S) -> Option<f64> {
        let values = self.values.get(&(figure, subject))?;
        if figure.is_sampled() {
            return Some(values.iter().sum::<f64>() / values.len() as f64);
        }
        let mut values = values.clone();
        values.sort_by(f64::total_cmp);
        let upper = values[values.len() / 2];
        Some(f64::midpoint(values[(values.len() - 1) / 2], upper))
    }

    /// The smallest and the largest of the rounds.
    pub(crate) fn range(&self, figure: F, subject: S) -> Option<(f64, f64)> {
        let values = self.values.get(&(figure, subject))?;
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        let most = values.iter().copied().max_by(f64::total_cmp)?;
        Some((least, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Figure {
        Timed,
        Sampled,
        Other,
    }

    impl Summary for Figure {
        fn is_sampled(self) -> bool {
            self == Self::Sampled
        }
    }

    #[test]
    fn medians_and_means() {
        let mut figures = Figures::default();
        for value in [9.0, 1.0, 2.0] {
            figures.add(Figure::Timed, 'a', value);
            figures.add(Figure::Sampled, 'a', value);
        }
        assert_eq!(figures.get(Figure::Timed, 'a'), Some(2.0));
        assert_eq!(figures.get(Figure::Sampled, 'a'), Some(4.0));
        assert_eq!(figures.range(Figure::Timed, 'a'), Some((1.0, 9.0)));
        figures.add(Figure::Timed, 'a', 4.0);
        assert_eq!(figures.get(Figure::Timed, 'a'), Some(3.0));
        assert_eq!(figures.get(Figure::Other, 'a'), None);
    }
}

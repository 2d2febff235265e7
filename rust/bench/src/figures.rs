//! What was measured, round by round.

use std::collections::BTreeMap;

use crate::subject::Subject;

/// What is measured of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Processor time per echoed message, in microseconds, under a load of [`crate::measure::LOADS`].
    EchoCpu(usize),
    /// The part of it in the program itself.
    EchoUser(usize),
    /// KiB per idle connection.
    Memory,
    /// Milliseconds until a burst is served.
    Burst,
    /// How many of the burst were served in time.
    BurstServed,
    /// Microseconds of the game's thread, for one of something.
    GameThread(Work),
    /// Microseconds of all threads for it.
    Process(Work),
}

/// What the game's thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// An opening handshake.
    Handshake,
    /// One over TLS.
    TlsHandshake,
    /// An echo, one message per peer and frame.
    Echo,
    /// An echo, many messages per peer and frame.
    EchoMany,
    /// The same by the call that takes them all.
    EchoBatch,
    /// A frame without anything new, with so many peers.
    IdleFrame(usize),
}

impl Work {
    /// What it is called in the table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Handshake => "a ws:// handshake".to_owned(),
            Self::TlsHandshake => "a wss:// handshake".to_owned(),
            Self::Echo => "an echo, 100 peers × 1 message".to_owned(),
            Self::EchoMany => "an echo, 20 peers × 16 messages".to_owned(),
            Self::EchoBatch => "an echo by get_packets(), 20 × 16".to_owned(),
            Self::IdleFrame(peers) => format!("a frame with {peers} idle peers"),
        }
    }
}

/// All that was measured.
#[derive(Default)]
pub(crate) struct Figures {
    values: BTreeMap<(Figure, Subject), Vec<f64>>,
    /// Why something could not be measured.
    missing: BTreeMap<(Figure, Subject), String>,
}

impl Figures {
    /// Adds what a round gave.
    pub(crate) fn add(&mut self, figure: Figure, subject: Subject, value: f64) {
        self.values.entry((figure, subject)).or_default().push(value);
    }

    /// Notes why there is nothing.
    pub(crate) fn miss(&mut self, figure: Figure, subject: Subject, why: &str) {
        self.missing.insert((figure, subject), why.to_owned());
    }

    /// Everything that could not be measured, and why.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        let reasons: std::collections::BTreeSet<_> =
            self.missing.values().map(String::as_str).collect();
        reasons.into_iter()
    }

    /// The median of the rounds; of times that the kernel samples, the mean, which uses all samples.
    pub(crate) fn get(&self, figure: Figure, subject: Subject) -> Option<f64> {
        let values = self.values.get(&(figure, subject))?;
        if matches!(figure, Figure::EchoUser(_)) {
            return Some(values.iter().sum::<f64>() / values.len() as f64);
        }
        let mut values = values.clone();
        values.sort_by(f64::total_cmp);
        let upper = values[values.len() / 2];
        Some(f64::midpoint(values[(values.len() - 1) / 2], upper))
    }

    /// The smallest and the largest of the rounds.
    pub(crate) fn range(&self, figure: Figure, subject: Subject) -> Option<(f64, f64)> {
        let values = self.values.get(&(figure, subject))?;
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        let most = values.iter().copied().max_by(f64::total_cmp)?;
        Some((least, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_means() {
        let mut figures = Figures::default();
        for value in [9.0, 1.0, 2.0] {
            figures.add(Figure::Memory, Subject::Node, value);
            figures.add(Figure::EchoUser(0), Subject::Node, value);
        }
        assert_eq!(figures.get(Figure::Memory, Subject::Node), Some(2.0));
        assert_eq!(figures.get(Figure::EchoUser(0), Subject::Node), Some(4.0));
        assert_eq!(figures.range(Figure::Memory, Subject::Node), Some((1.0, 9.0)));
        figures.add(Figure::Memory, Subject::Node, 4.0);
        assert_eq!(figures.get(Figure::Memory, Subject::Node), Some(3.0));
        assert_eq!(figures.get(Figure::Burst, Subject::Node), None);
    }
}

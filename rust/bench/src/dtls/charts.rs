//! The plot: one chart for figures that belong together, bars for the subjects.

use super::figure::{Figure, Figures};
use super::keys::KINDS;
use super::subject::{IN_THE_ENGINE, SUBJECTS, Subject};
use crate::plot::{Bar, Chart};

/// All charts.
pub(crate) fn all(figures: &Figures) -> Vec<Chart> {
    let handshakes = KINDS.map(|kind| (kind.name().to_owned(), Figure::Handshakes(kind)));
    let mut charts = vec![
        chart(figures, "handshakes/s on one core: more is better", &SUBJECTS, &handshakes),
        chart(
            figures,
            "records of 512 B on one core, M/s: more is better",
            &SUBJECTS,
            &[(String::new(), Figure::Records)],
        ),
        chart(
            figures,
            "memory of an idle connection, B",
            &SUBJECTS,
            &[(String::new(), Figure::Memory)],
        ),
    ];
    for (figure, _) in Figure::in_the_engine() {
        let title = format!("{}, {}", figure.title(), figure.unit());
        charts.push(chart(figures, &title, &IN_THE_ENGINE, &[(String::new(), figure)]));
    }
    charts
}

fn chart(
    figures: &Figures,
    title: &str,
    subjects: &[Subject],
    named: &[(String, Figure)],
) -> Chart {
    let mut bars = Vec::new();
    for (name, figure) in named {
        for subject in subjects {
            let Some(value) = figures.get(*figure, *subject) else { continue };
            let who = subject.name();
            let name = if name.is_empty() { who.to_owned() } else { format!("{who}: {name}") };
            bars.push(Bar { name, value, user: 0.0, ours: subject.is_ours() });
        }
    }
    Chart { title: title.to_owned(), bars }
}

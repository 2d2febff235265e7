//! The plot: one chart for figures that belong together, bars for the subjects.

use super::figure::{Figure, Figures, Work};
use super::measure::{ECHO_DELIVERIES, FLOW_DELIVERIES, FLOW_PEERS, IDLE_PEERS, SLOTS};
use super::subject::{SUBJECTS, Subject};
use crate::plot::{Bar, Chart};

/// All charts.
pub(crate) fn all(figures: &Figures) -> Vec<Chart> {
    let mut charts = Vec::new();
    for peers in FLOW_PEERS {
        let flows = FLOW_DELIVERIES
            .map(|delivery| (delivery.name().to_owned(), Figure::Flow(delivery, peers)));
        let title = format!("in memory, {peers} peers, M packets/s: more is better");
        charts.push(chart(figures, title, &flows));
    }
    let idle = SLOTS
        .map(|slots| (format!("{} of {} slots", slots.connected, slots.all), Figure::Idle(slots)));
    charts.push(chart(figures, "an idle wake-up, µs".to_owned(), &idle));
    let echoes =
        ECHO_DELIVERIES.map(|delivery| (delivery.name().to_owned(), Figure::Echo(delivery)));
    charts.push(chart(figures, "server's processor time per echo, µs".to_owned(), &echoes));
    let bulk = [("bulk".to_owned(), Figure::Bulk)];
    charts.push(chart(figures, "packets of 1 MB, MB/s: more is better".to_owned(), &bulk));
    let coder =
        [("compress".to_owned(), Figure::Compress), ("decompress".to_owned(), Figure::Decompress)];
    charts.push(chart(figures, "range coder, 1 KiB, µs".to_owned(), &coder));
    let frames: Vec<_> = Work::all().map(|work| (work.name(), Figure::GameThread(work))).collect();
    let (packets, frames) = frames.split_at(frames.len() - IDLE_PEERS.len());
    charts.push(game_thread(figures, "game's thread per packet, µs", packets));
    charts.push(game_thread(figures, "game's thread per frame with idle peers, µs", frames));
    charts
}

fn game_thread(figures: &Figures, title: &str, named: &[(String, Figure)]) -> Chart {
    let mut bars = Vec::new();
    for (name, figure) in named {
        for subject in [Subject::Engine, Subject::Addon] {
            let Some(value) = figures.get(*figure, subject) else { continue };
            let ours = subject.is_ours();
            let who = if ours { "Lodewire" } else { "Godot" };
            bars.push(Bar { name: format!("{who}: {name}"), value, user: 0.0, ours });
        }
    }
    Chart { title: title.to_owned(), bars }
}

fn chart(figures: &Figures, title: String, named: &[(String, Figure)]) -> Chart {
    let mut bars = Vec::new();
    for (name, figure) in named {
        for subject in SUBJECTS {
            let Some(value) = figures.get(*figure, subject) else { continue };
            let name = format!("{}: {name}", subject.name());
            bars.push(Bar { name, value, user: 0.0, ours: subject.is_ours() });
        }
    }
    Chart { title, bars }
}

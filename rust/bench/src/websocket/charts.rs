//! The plot: one chart per figure, bars for the servers.

use crate::plot::{Bar, Chart};
use crate::websocket::figure::{Figure, Figures, Work};
use crate::websocket::measure::{BURST, IDLE_CONNECTIONS, IDLE_PEERS, LOADS};
use crate::websocket::subject::{ECHO_SERVERS, Subject};

/// All charts.
pub(crate) fn all(figures: &Figures) -> Vec<Chart> {
    let mut charts = Vec::new();
    for (index, load) in LOADS.iter().enumerate() {
        let title = format!("processor time per echo, {}, µs (orange: user)", load.name);
        let bars = server_bars(figures, Figure::EchoCpu(index), Some(index));
        charts.push(Chart { title, bars });
    }
    let title = format!("memory per idle connection of {IDLE_CONNECTIONS}, KiB");
    charts.push(Chart { title, bars: server_bars(figures, Figure::Memory, None) });
    let title = format!("{BURST} connections at once, ms");
    charts.push(Chart { title, bars: server_bars(figures, Figure::Burst, None) });
    charts.push(game_thread(
        "game's thread per handshake, µs",
        figures,
        &[Work::Handshake, Work::TlsHandshake],
    ));
    let echoes = [Work::Echo, Work::EchoMany, Work::EchoBatch];
    charts.push(game_thread("game's thread per echo, µs", figures, &echoes));
    let frames = IDLE_PEERS.map(Work::IdleFrame);
    charts.push(game_thread("game's thread per frame with idle peers, µs", figures, &frames));
    charts
}

fn server_bars(figures: &Figures, figure: Figure, load: Option<usize>) -> Vec<Bar> {
    let bar = |subject: Subject| {
        let user = load.and_then(|load| figures.get(Figure::EchoUser(load), subject));
        Some(Bar {
            name: subject.name().to_owned(),
            value: figures.get(figure, subject)?,
            user: user.unwrap_or(0.0),
            ours: subject.is_ours(),
        })
    };
    ECHO_SERVERS.into_iter().chain([Subject::AcceptLoop]).filter_map(bar).collect()
}

fn game_thread(title: &str, figures: &Figures, works: &[Work]) -> Chart {
    let mut bars = Vec::new();
    for work in works {
        for subject in [Subject::Engine, Subject::Addon] {
            let Some(value) = figures.get(Figure::GameThread(*work), subject) else { continue };
            let ours = subject.is_ours();
            let who = if ours { "Lodewire" } else { "Godot" };
            bars.push(Bar { name: format!("{who}: {}", work.name()), value, user: 0.0, ours });
        }
    }
    Chart { title: title.to_owned(), bars }
}

//! The targets of ours, compared with its peers.

use crate::target::{Bound, Target};
use crate::websocket::figure::{Figure, Figures, Work};
use crate::websocket::measure::{BURST, IDLE_CONNECTIONS, IDLE_PEERS, LOADS};
use crate::websocket::subject::{ECHO_SERVERS, Subject};

const KIB: &str = "KiB";
const MICROS: &str = "µs";
const MILLIS: &str = "ms";

/// A frame with many idle peers may cost this much more than one with none: what is measured is a microsecond.
const NOT_GROWING: f64 = 1.5;

/// All targets.
pub(crate) fn all(figures: &Figures) -> Vec<Target> {
    let mut targets = Vec::new();
    for (index, load) in LOADS.iter().enumerate() {
        let peers: Vec<_> = ECHO_SERVERS.into_iter().filter(|subject| !subject.is_ours()).collect();
        let title = format!("processor time per echo, {}", load.name);
        targets.push(target(
            figures,
            title,
            MICROS,
            Figure::EchoCpu(index),
            Subject::Io,
            &peers,
            1.05,
        ));
        // As it comes; the lean one stands in the table of servers.
        let peers = [Subject::Tungstenite];
        let title = format!("user time per echo, {}", load.name);
        let figure = Figure::EchoUser(index);
        targets.push(target(figures, title, MICROS, figure, Subject::Io, &peers, load.wanted_user));
    }
    for ours in [Subject::Io, Subject::Polled] {
        let title = format!("an idle connection of {IDLE_CONNECTIONS} ({})", ours.name());
        let peers: Vec<_> = ECHO_SERVERS.into_iter().filter(|subject| !subject.is_ours()).collect();
        targets.push(target(figures, title, KIB, Figure::Memory, ours, &peers, 1.0));
    }
    for ours in [Subject::Io, Subject::Polled] {
        let title = format!("{BURST} connections served ({})", ours.name());
        let peers = [Subject::AcceptLoop];
        targets.push(target(figures, title, MILLIS, Figure::Burst, ours, &peers, 2.0));
    }
    for (work, most) in [
        (Work::Handshake, 1.0 / 10.0),
        (Work::TlsHandshake, 1.0 / 50.0),
        (Work::Echo, 1.0 / 4.0),
        (Work::EchoMany, 1.0 / 4.0),
    ] {
        let title = format!("game's thread: {}", work.name());
        let figure = Figure::GameThread(work);
        let peers = [Subject::Engine];
        targets.push(target(figures, title, MICROS, figure, Subject::Addon, &peers, most));
    }
    let batch = Figure::GameThread(Work::EchoBatch);
    let engine = figures.get(Figure::GameThread(Work::EchoMany), Subject::Engine);
    targets.push(Target {
        title: format!("game's thread: {}", Work::EchoBatch.name()),
        unit: MICROS,
        ours: figures.get(batch, Subject::Addon),
        range: figures.range(batch, Subject::Addon),
        peers: engine.map(|value| (Subject::Engine.name(), value)).into_iter().collect(),
        bound: Bound::AtMost(1.0 / 10.0),
    });
    let idle = |peers| Figure::GameThread(Work::IdleFrame(peers));
    let frame = |peers| figures.get(idle(peers), Subject::Addon);
    let [least, .., most] = IDLE_PEERS;
    targets.push(Target {
        title: format!("game's thread: {}", Work::IdleFrame(most).name()),
        unit: MICROS,
        ours: frame(most),
        range: figures.range(idle(most), Subject::Addon),
        peers: frame(least).map(|value| ("itself without peers", value)).into_iter().collect(),
        bound: Bound::AtMost(NOT_GROWING),
    });
    targets
}

fn target(
    figures: &Figures,
    title: String,
    unit: &'static str,
    figure: Figure,
    ours: Subject,
    peers: &[Subject],
    most: f64,
) -> Target {
    let bound = if unit == KIB { Bound::Itself(most) } else { Bound::AtMost(most) };
    let peers = peers.iter().filter_map(|peer| Some((peer.name(), figures.get(figure, *peer)?)));
    let (range, ours) = (figures.range(figure, ours), figures.get(figure, ours));
    Target { title, unit, ours, range, peers: peers.collect(), bound }
}

//! The targets of ours, compared with its peers.

use super::figure::{Figure, Figures, Load};
use super::game_thread::LOADS;
use super::keys::KINDS;
use super::subject::Subject;
use crate::target::{Bound, Target};

/// Records beside OpenSSL's.
const RECORDS: f64 = 1.5;
/// Bytes of an idle peer.
const MEMORY: f64 = 4096.0;

/// On the game's thread with the engine's sockets: milliseconds of the worst frame, microseconds of a handshake, and a
/// packet's part of the engine's.
const UDP: (f64, f64, f64) = (3.0, 60.0, 0.85);
/// With a socket of its own.
const LISTEN: (f64, f64, f64) = (0.5, 10.0, 1.0 / 3.0);
/// And in batches.
const BATCH: f64 = 1.0 / 5.0;

/// All targets.
pub(crate) fn all(figures: &Figures) -> Vec<Target> {
    let openssl = &[Subject::OpenSsl];
    let mut targets = Vec::new();
    for kind in KINDS {
        let bound = Bound::AtLeast(1.0);
        targets.push(target(figures, Figure::Handshakes(kind), Subject::Lodewire, openssl, bound));
    }
    targets.push(target(
        figures,
        Figure::Records,
        Subject::Lodewire,
        openssl,
        Bound::AtLeast(RECORDS),
    ));
    for figure in [Figure::Memory, Figure::ServerMemory] {
        targets.push(target(figures, figure, Subject::Lodewire, &[], Bound::Itself(MEMORY)));
    }
    for (subject, (frame, handshake, packet)) in
        [(Subject::AddonUdp, UDP), (Subject::AddonListen, LISTEN)]
    {
        let engine = &[Subject::Engine];
        let mut add = |figure, bound| {
            let of = target(figures, figure, subject, engine, bound);
            let title = format!("{}: {}", subject.name(), of.title);
            targets.push(Target { title, ..of });
        };
        add(Figure::WorstFrame, Bound::Itself(frame));
        add(Figure::GameHandshake, Bound::Itself(handshake));
        for load in measured(false) {
            add(Figure::GamePacket(load), Bound::AtMost(packet));
        }
    }
    // The engine has no batches: they are compared with its packets one by one.
    for load in measured(true) {
        let one_by_one = Load { batch: false, ..load };
        let peers = figures.get(Figure::GamePacket(one_by_one), Subject::Engine);
        let of = target(
            figures,
            Figure::GamePacket(load),
            Subject::AddonListen,
            &[],
            Bound::AtMost(BATCH),
        );
        targets.push(Target {
            title: format!("{}: {}", Subject::AddonListen.name(), of.title),
            peers: peers.map(|value| (Subject::Engine.name(), value)).into_iter().collect(),
            ..of
        });
    }
    targets
}

/// A packet among many: with one in a frame, it is the frame's calls that are measured.
fn measured(batch: bool) -> impl Iterator<Item = Load> {
    LOADS.into_iter().filter(move |load| load.batch == batch && load.packets > 1)
}

fn target(
    figures: &Figures,
    figure: Figure,
    of: Subject,
    peers: &[Subject],
    bound: Bound,
) -> Target {
    let peers = peers.iter().filter_map(|peer| Some((peer.name(), figures.get(figure, *peer)?)));
    Target {
        title: figure.title(),
        unit: figure.unit(),
        ours: figures.get(figure, of),
        range: figures.range(figure, of),
        peers: peers.collect(),
        bound,
    }
}

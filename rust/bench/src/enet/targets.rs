//! The targets of ours, compared with its peers.

use super::figure::{Figure, Figures, Work};
use super::measure::{ECHO_DELIVERIES, FLOW_DELIVERIES, FLOW_PEERS, GAME_LOADS, IDLE_PEERS, SLOTS};
use super::subject::Subject;
use crate::target::{Bound, Target};

/// In memory, ours is so much faster than each of its peers.
const FLOW: f64 = 2.0;

/// A wake-up may cost so much more with many slots than with few.
const NOT_GROWING: f64 = 2.0;

/// The part of C ENet's processor time that ours takes.
const ECHO: f64 = 0.75;

/// The part of the engine's time in the game's thread that ours takes, by the documented calls and by those that take many
/// at once.
const GAME_THREAD: f64 = 1.0 / 3.0;
const GAME_THREAD_BATCH: f64 = 1.0 / 8.0;

/// All targets.
pub(crate) fn all(figures: &Figures) -> Vec<Target> {
    let c_enet = [Subject::CEnet];
    let mut targets = Vec::new();
    for peers in FLOW_PEERS {
        for delivery in FLOW_DELIVERIES {
            let others = [Subject::CEnet, Subject::RustyEnet];
            let figure = Figure::Flow(delivery, peers);
            targets.push(target(figures, figure, &others, Bound::AtLeast(FLOW)));
        }
    }
    let [few, many @ ..] = SLOTS.map(Figure::Idle);
    for figure in many {
        let least = figures.get(few, Subject::Lodewire);
        targets.push(Target {
            peers: least.map(|value| ("itself with few slots", value)).into_iter().collect(),
            ..target(figures, figure, &[], Bound::AtMost(NOT_GROWING))
        });
    }
    for delivery in ECHO_DELIVERIES {
        targets.push(target(figures, Figure::Echo(delivery), &c_enet, Bound::AtMost(ECHO)));
    }
    targets.push(target(figures, Figure::Bulk, &c_enet, Bound::AtLeast(1.0)));
    for figure in [Figure::Compress, Figure::Decompress] {
        targets.push(target(figures, figure, &c_enet, Bound::AtMost(1.0)));
    }
    for load in GAME_LOADS {
        let received = Figure::GameThread(Work::Receive(load));
        for (work, bound) in
            [(Work::Receive(load), GAME_THREAD), (Work::Batch(load), GAME_THREAD_BATCH)]
        {
            let figure = Figure::GameThread(work);
            let engine = target(figures, received, &[Subject::Engine], Bound::AtMost(bound));
            targets.push(of_the_addon(figures, figure, engine));
        }
    }
    for work in Work::all().filter(|work| !matches!(work, Work::Batch(_))) {
        let figure = Figure::Process(work);
        let engine = target(figures, figure, &[Subject::Engine], Bound::AtMost(1.0));
        targets.push(of_the_addon(figures, figure, engine));
    }
    let [least, .., most] = IDLE_PEERS.map(|peers| Figure::GameThread(Work::IdleFrame(peers)));
    let least = figures.get(least, Subject::Addon);
    targets.push(Target {
        peers: least.map(|value| ("itself without peers", value)).into_iter().collect(),
        ..of_the_addon(figures, most, target(figures, most, &[], Bound::AtMost(NOT_GROWING)))
    });
    targets
}

/// The target for a class of the engine.
fn of_the_addon(figures: &Figures, figure: Figure, target: Target) -> Target {
    Target {
        title: figure.title(),
        ours: figures.get(figure, Subject::Addon),
        range: figures.range(figure, Subject::Addon),
        ..target
    }
}

fn target(figures: &Figures, figure: Figure, peers: &[Subject], bound: Bound) -> Target {
    let peers = peers.iter().filter_map(|peer| Some((peer.name(), figures.get(figure, *peer)?)));
    Target {
        title: figure.title(),
        unit: figure.unit(),
        ours: figures.get(figure, Subject::Lodewire),
        range: figures.range(figure, Subject::Lodewire),
        peers: peers.collect(),
        bound,
    }
}

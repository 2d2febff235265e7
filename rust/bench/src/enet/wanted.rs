//! What is wanted of ours, beside its peers.

use super::figure::{Figure, Figures, Work};
use super::measure::{ECHO_DELIVERIES, FLOW_DELIVERIES, FLOW_PEERS, GAME_LOADS, IDLE_PEERS, SLOTS};
use super::subject::Subject;
use crate::wish::{Bound, Wish};

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

/// All wishes.
pub(crate) fn all(figures: &Figures) -> Vec<Wish> {
    let c_enet = [Subject::CEnet];
    let mut wishes = Vec::new();
    for peers in FLOW_PEERS {
        for delivery in FLOW_DELIVERIES {
            let others = [Subject::CEnet, Subject::RustyEnet];
            let figure = Figure::Flow(delivery, peers);
            wishes.push(wish(figures, figure, &others, Bound::AtLeast(FLOW)));
        }
    }
    let [few, many @ ..] = SLOTS.map(Figure::Idle);
    for figure in many {
        let least = figures.get(few, Subject::Lodewire);
        wishes.push(Wish {
            peers: least.map(|value| ("itself with few slots", value)).into_iter().collect(),
            ..wish(figures, figure, &[], Bound::AtMost(NOT_GROWING))
        });
    }
    for delivery in ECHO_DELIVERIES {
        wishes.push(wish(figures, Figure::Echo(delivery), &c_enet, Bound::AtMost(ECHO)));
    }
    wishes.push(wish(figures, Figure::Bulk, &c_enet, Bound::AtLeast(1.0)));
    for figure in [Figure::Compress, Figure::Decompress] {
        wishes.push(wish(figures, figure, &c_enet, Bound::AtMost(1.0)));
    }
    for load in GAME_LOADS {
        let received = Figure::GameThread(Work::Receive(load));
        for (work, bound) in
            [(Work::Receive(load), GAME_THREAD), (Work::Batch(load), GAME_THREAD_BATCH)]
        {
            let figure = Figure::GameThread(work);
            let engine = wish(figures, received, &[Subject::Engine], Bound::AtMost(bound));
            wishes.push(of_the_addon(figures, figure, engine));
        }
    }
    for work in Work::all().filter(|work| !matches!(work, Work::Batch(_))) {
        let figure = Figure::Process(work);
        let engine = wish(figures, figure, &[Subject::Engine], Bound::AtMost(1.0));
        wishes.push(of_the_addon(figures, figure, engine));
    }
    let [least, .., most] = IDLE_PEERS.map(|peers| Figure::GameThread(Work::IdleFrame(peers)));
    let least = figures.get(least, Subject::Addon);
    wishes.push(Wish {
        peers: least.map(|value| ("itself without peers", value)).into_iter().collect(),
        ..of_the_addon(figures, most, wish(figures, most, &[], Bound::AtMost(NOT_GROWING)))
    });
    wishes
}

/// The wish for a class of the engine.
fn of_the_addon(figures: &Figures, figure: Figure, wish: Wish) -> Wish {
    Wish {
        title: figure.title(),
        ours: figures.get(figure, Subject::Addon),
        range: figures.range(figure, Subject::Addon),
        ..wish
    }
}

fn wish(figures: &Figures, figure: Figure, peers: &[Subject], bound: Bound) -> Wish {
    let peers = peers.iter().filter_map(|peer| Some((peer.name(), figures.get(figure, *peer)?)));
    Wish {
        title: figure.title(),
        unit: figure.unit(),
        ours: figures.get(figure, Subject::Lodewire),
        range: figures.range(figure, Subject::Lodewire),
        peers: peers.collect(),
        bound,
    }
}

//! `LodeMonitors`: what the hosts are doing, as the engine's custom monitors.

use godot::classes::Performance;
use godot::prelude::*;
use lodewire_net::Figures;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::main_thread;

/// How often a host's numbers are taken: the editor asks once a second.
const INTERVAL: Duration = Duration::from_millis(500);

/// Shows what servers, clients and hosts are doing in the editor, in Debugger > Monitors.
///
/// After [method enable], each [LodeWebSocketServer], [LodeWebSocketClient], [LodeENetConnection] (also those of a
/// [LodeENetMultiplayerPeer]) and each [LodeDTLSServer] that [method LodeDTLSServer.listen]s has monitors of its own, from
/// its next poll until it stops. They are in a group with the name of the class, a number and the port, such as
/// [code]LodeENetConnection 1 (port 9090)[/code]: peers, connections that are coming about, packets and bytes per second in
/// both directions, the mean round-trip time and the packets that are lost where the protocol measures them, and the bytes
/// that wait for the game and for the network. They are taken twice a second, when the game polls.
/// ```gdscript
/// func _ready():
///     LodeMonitors.enable()
/// ```
/// [method Performance.get_custom_monitor_names] lists them, and [method Performance.get_custom_monitor] reads one, for
/// graphs of your own.
#[derive(GodotClass)]
#[class(base=Object, no_init)]
pub(crate) struct LodeMonitors {
    base: Base<Object>,
}

#[godot_api]
impl LodeMonitors {
    /// Switches the monitors on. To do so twice does no harm.
    #[func]
    fn enable() {
        SWITCH.with_borrow_mut(|switch| switch.is_on = true);
    }

    /// Switches the monitors off, and removes those that there are.
    #[func]
    fn disable() {
        switch_off();
    }

    /// Whether the monitors are on.
    #[func]
    fn is_enabled() -> bool {
        is_on()
    }
}

#[derive(Default)]
struct Switch {
    is_on: bool,
    /// How often it was switched off: what was shown before is not shown any more.
    epoch: u32,
    /// How many hosts were shown so far.
    count: u32,
    /// What is shown.
    ids: Vec<StringName>,
}

thread_local! {
    /// Of the game's thread, the only one that objects live on.
    static SWITCH: RefCell<Switch> = RefCell::default();
}

fn is_on() -> bool {
    SWITCH.with_borrow(|switch| switch.is_on)
}

/// Removes all monitors. Also for the moment before the library is unloaded: the engine must not call into it then.
pub(crate) fn switch_off() {
    let ids = SWITCH.with_borrow_mut(|switch| {
        switch.is_on = false;
        switch.epoch = switch.epoch.wrapping_add(1);
        std::mem::take(&mut switch.ids)
    });
    remove(&ids);
}

fn remove(ids: &[StringName]) {
    if ids.is_empty() {
        return;
    }
    let mut performance = Performance::singleton();
    for id in ids {
        if performance.has_custom_monitor(id) {
            performance.remove_custom_monitor(id);
        }
    }
}

/// Which numbers a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    WebSocket,
    Enet,
    Dtls,
}

impl Family {
    /// Whether the numbers of this name are measured.
    fn has(self, name: &str) -> bool {
        match name {
            ROUND_TRIP => self != Self::Dtls,
            LOST => self == Self::Enet,
            _ => true,
        }
    }
}

const ROUND_TRIP: &str = "round-trip time (ms)";
const LOST: &str = "packet loss (%)";

/// The names of the monitors, in the order of [`values`].
const NAMES: [&str; 10] = [
    "peers",
    "connecting",
    "packets in (per second)",
    "packets out (per second)",
    "bytes in (per second)",
    "bytes out (per second)",
    ROUND_TRIP,
    LOST,
    "bytes buffered in",
    "bytes buffered out",
];

/// The numbers as of `now`, with the rates since `before`. None is less than 0.
#[expect(clippy::cast_precision_loss, reason = "a graph")]
fn values(now: &Figures, before: &Figures, time: Duration) -> [f64; NAMES.len()] {
    let rate = |of: fn(&Figures) -> u64| {
        of(now).saturating_sub(of(before)) as f64 / time.as_secs_f64().max(0.001)
    };
    [
        now.peers as f64,
        now.handshakes as f64,
        rate(|figures| figures.packets_in),
        rate(|figures| figures.packets_out),
        rate(|figures| figures.bytes_in),
        rate(|figures| figures.bytes_out),
        now.round_trip.map_or(0.0, |time| time.as_secs_f64() * 1000.0),
        now.loss.map_or(0.0, |loss| loss.clamp(0.0, 1.0) * 100.0),
        now.waiting_in as f64,
        now.waiting_out as f64,
    ]
}

/// What is shown of one host, if anything is. Dropping it shows it no longer.
#[derive(Default)]
pub(crate) struct Monitor(RefCell<Option<Shown>>);

struct Shown {
    epoch: u32,
    ids: Vec<StringName>,
    values: Rc<[Cell<f64>; NAMES.len()]>,
    figures: Figures,
    taken: Instant,
}

impl Monitor {
    /// To be called with every poll of a host that is there: takes its numbers, if they are to be shown and it is time.
    pub(crate) fn update(
        &self,
        class: &str,
        family: Family,
        port: u16,
        figures: impl FnOnce() -> Figures,
    ) {
        main_thread::free_waiting_later();
        if !is_on() {
            return;
        }
        let now = Instant::now();
        let mut shown = self.0.borrow_mut();
        let epoch = SWITCH.with_borrow(|switch| switch.epoch);
        match shown.as_mut().filter(|shown| shown.epoch == epoch) {
            Some(shown) => {
                let time = now.saturating_duration_since(shown.taken);
                if time >= INTERVAL {
                    let figures = figures();
                    let values = values(&figures, &shown.figures, time);
                    shown.values.iter().zip(values).for_each(|(cell, value)| cell.set(value));
                    (shown.figures, shown.taken) = (figures, now);
                }
            }
            None => *shown = Some(Shown::new(class, family, port, epoch, figures(), now)),
        }
    }

    /// Shows the host no longer: it has stopped.
    pub(crate) fn remove(&self) {
        let shown = self.0.take();
        if let Some(shown) = shown {
            let is_there = SWITCH.try_with(|switch| {
                let mut switch = switch.borrow_mut();
                switch.ids.retain(|id| !shown.ids.contains(id));
                switch.is_on && switch.epoch == shown.epoch
            });
            if is_there == Ok(true) {
                remove(&shown.ids);
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Shown {
    fn new(
        class: &str,
        family: Family,
        port: u16,
        epoch: u32,
        figures: Figures,
        now: Instant,
    ) -> Self {
        let number = SWITCH.with_borrow_mut(|switch| {
            switch.count = switch.count.wrapping_add(1);
            switch.count
        });
        let first = values(&figures, &figures, INTERVAL);
        let values = Rc::new(first.map(Cell::new));
        let mut performance = Performance::singleton();
        let mut ids = Vec::new();
        for (index, name) in NAMES.into_iter().enumerate().filter(|(_, name)| family.has(name)) {
            let id = StringName::from(&format!("{class} {number} (port {port})/{name}"));
            let values = Rc::clone(&values);
            let read = Callable::from_fn(name, move |_| values[index].get());
            performance.add_custom_monitor(&id, &read);
            ids.push(id);
        }
        SWITCH.with_borrow_mut(|switch| switch.ids.extend(ids.iter().cloned()));
        Self { epoch, ids, values, figures, taken: now }
    }
}

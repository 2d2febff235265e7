//! `LodeMonitors`: statistics of hosts as custom monitors of the engine.

use godot::classes::Performance;
use godot::prelude::*;
use lodewire_net::Stats;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::main_thread;

/// Minimum time between two samples of a host: the editor reads once a second.
const INTERVAL: Duration = Duration::from_millis(500);

/// Shows statistics of servers, clients and hosts in the editor, in Debugger > Monitors.
///
/// After [method enable], each [LodeWebSocketServer], [LodeWebSocketClient], [LodeENetConnection] (including those of a
/// [LodeENetMultiplayerPeer]) and each listening [LodeDTLSServer] has its own monitors, from its next poll until it
/// stops. They are grouped by the name of the class, a number and the port, for example [code]LodeENetConnection 1
/// (port 9090)[/code]: connected peers, peers that are connecting, packets and bytes per second in both directions, the
/// mean round-trip time and packet loss where the protocol measures them, and the bytes that are buffered in both
/// directions. They are sampled twice a second, when the game polls.
/// ```gdscript
/// func _ready():
///     LodeMonitors.enable()
/// ```
/// [method Performance.get_custom_monitor_names] lists the monitors, and [method Performance.get_custom_monitor] reads
/// one, for example for your own graphs.
#[derive(GodotClass)]
#[class(base=Object, no_init)]
pub(crate) struct LodeMonitors {
    base: Base<Object>,
}

#[godot_api]
impl LodeMonitors {
    /// Enables the monitors. Has no effect if they are enabled already.
    #[func]
    fn enable() {
        SWITCH.with_borrow_mut(|switch| switch.is_on = true);
    }

    /// Disables and removes the monitors.
    #[func]
    fn disable() {
        disable();
    }

    /// Returns [code]true[/code] if the monitors are enabled.
    #[func]
    fn is_enabled() -> bool {
        is_on()
    }
}

#[derive(Default)]
struct Switch {
    is_on: bool,
    /// Incremented when the monitors are disabled: monitors of earlier epochs are no longer shown.
    epoch: u32,
    /// The number of hosts that have been shown so far.
    count: u32,
    /// The monitors that are shown.
    ids: Vec<StringName>,
}

thread_local! {
    /// The state of the main thread, which owns all objects.
    static SWITCH: RefCell<Switch> = RefCell::default();
}

fn is_on() -> bool {
    SWITCH.with_borrow(|switch| switch.is_on)
}

/// Removes all monitors. Also called before the library is unloaded: the engine must not call into it after that.
pub(crate) fn disable() {
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

/// The protocol family, which determines the statistics of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    WebSocket,
    Enet,
    Dtls,
}

impl Family {
    /// Returns true if the statistic with this name is measured.
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

/// Returns the statistics at `now`, with the rates since `before`. None is negative.
#[expect(clippy::cast_precision_loss, reason = "a graph")]
fn values(now: &Stats, before: &Stats, time: Duration) -> [f64; NAMES.len()] {
    let rate = |of: fn(&Stats) -> u64| {
        of(now).saturating_sub(of(before)) as f64 / time.as_secs_f64().max(0.001)
    };
    [
        now.peers as f64,
        now.handshakes as f64,
        rate(|stats| stats.packets_in),
        rate(|stats| stats.packets_out),
        rate(|stats| stats.bytes_in),
        rate(|stats| stats.bytes_out),
        now.round_trip.map_or(0.0, |time| time.as_secs_f64() * 1000.0),
        now.loss.map_or(0.0, |loss| loss.clamp(0.0, 1.0) * 100.0),
        now.buffered_in as f64,
        now.buffered_out as f64,
    ]
}

/// The monitors of one host. Dropping it removes them.
#[derive(Default)]
pub(crate) struct Monitor(RefCell<Option<Shown>>);

struct Shown {
    epoch: u32,
    ids: Vec<StringName>,
    values: Rc<[Cell<f64>; NAMES.len()]>,
    stats: Stats,
    taken: Instant,
}

impl Monitor {
    /// Samples a host if monitors are enabled and a sample is due. Called with every poll of an active host.
    pub(crate) fn update(
        &self,
        class: &str,
        family: Family,
        port: u16,
        stats: impl FnOnce() -> Stats,
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
                    let stats = stats();
                    let values = values(&stats, &shown.stats, time);
                    shown.values.iter().zip(values).for_each(|(cell, value)| cell.set(value));
                    (shown.stats, shown.taken) = (stats, now);
                }
            }
            None => *shown = Some(Shown::new(class, family, port, epoch, stats(), now)),
        }
    }

    /// Removes the monitors of a host that has stopped.
    pub(crate) fn remove(&self) {
        let shown = self.0.take();
        if let Some(shown) = shown {
            let is_shown = SWITCH.try_with(|switch| {
                let mut switch = switch.borrow_mut();
                switch.ids.retain(|id| !shown.ids.contains(id));
                switch.is_on && switch.epoch == shown.epoch
            });
            if is_shown == Ok(true) {
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
    fn new(class: &str, family: Family, port: u16, epoch: u32, stats: Stats, now: Instant) -> Self {
        let number = SWITCH.with_borrow_mut(|switch| {
            switch.count = switch.count.wrapping_add(1);
            switch.count
        });
        let first = values(&stats, &stats, INTERVAL);
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
        Self { epoch, ids, values, stats, taken: now }
    }
}

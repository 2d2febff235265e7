//! What the properties come to.

use super::LodeENetConnection;
use lodewire_net::enet::{Config, HostConfig, Simulation};
use std::time::Duration;

/// The properties that hold for a host that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Live {
    mtu: usize,
    gather: Duration,
    waiting: usize,
    outgoing: usize,
    simulation: Simulation,
}

/// The longest time that a property may mean: what is longer is a mistake.
const LONGEST_MILLIS: f64 = 60_000.0;

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(within(millis, LONGEST_MILLIS) / 1000.0)
}

/// From 0 to `most`; what is no number is 0.
fn within(value: f64, most: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, most) }
}

fn bytes(bytes: i64) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

fn share(share: f64) -> f64 {
    within(share, 1.0)
}

/// The properties as the script has them: compared at each call, which must cost next to nothing.
pub(super) type Properties = ([f64; 6], [i64; 3]);

impl LodeENetConnection {
    fn properties(&self) -> Properties {
        (
            [
                self.flush_interval,
                self.simulated_latency,
                self.simulated_jitter,
                self.simulated_loss,
                self.simulated_duplication,
                self.simulated_reordering,
            ],
            [self.mtu.into(), self.max_buffered_bytes, self.max_outgoing_bytes],
        )
    }

    fn wanted(&self) -> Live {
        Live {
            mtu: usize::try_from(self.mtu).unwrap_or(0),
            gather: millis(self.flush_interval),
            waiting: bytes(self.max_buffered_bytes),
            outgoing: bytes(self.max_outgoing_bytes),
            simulation: Simulation {
                latency: millis(self.simulated_latency),
                jitter: millis(self.simulated_jitter),
                loss: share(self.simulated_loss),
                duplication: share(self.simulated_duplication),
                reordering: share(self.simulated_reordering),
            },
        }
    }

    /// The configuration of a new host.
    pub(super) fn config(&mut self, host: HostConfig) -> Config {
        let wanted = self.wanted();
        self.live = Live { simulation: Simulation::default(), ..wanted };
        // The rest is applied with the first call.
        self.applied = Properties::default();
        Config {
            host: HostConfig {
                mtu: wanted.mtu,
                checksum: self.use_checksum,
                waiting_limit: wanted.waiting,
                host_waiting_limit: bytes(self.max_total_buffered_bytes),
                half_open_limit: usize::try_from(self.max_half_open).unwrap_or(0),
                half_open_per_address: usize::try_from(self.max_half_open_per_address).unwrap_or(0),
                ..host
            },
            gather: wanted.gather,
            outgoing_limit: wanted.outgoing,
            ..Config::default()
        }
    }

    /// Has the host do as the properties say, if a script has changed one.
    pub(super) fn apply(&mut self) {
        let properties = self.properties();
        if std::mem::replace(&mut self.applied, properties) == properties {
            return;
        }
        let wanted = self.wanted();
        let live = std::mem::replace(&mut self.live, wanted);
        let Some(connection) = &self.connection else { return };
        if live.mtu != wanted.mtu {
            connection.set_mtu(wanted.mtu);
        }
        if live.waiting != wanted.waiting {
            connection.set_waiting_limit(wanted.waiting);
        }
        if live.simulation != wanted.simulation {
            connection.simulate(wanted.simulation);
        }
        connection.set_gather(wanted.gather);
        connection.set_outgoing_limit(wanted.outgoing);
    }
}

//! Converts the properties of a host.

use super::LodeENetConnection;
use lodewire_net::enet::{Config, HostConfig, Simulation};
use std::time::Duration;

/// The properties that can be changed while a host exists.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RuntimeSettings {
    mtu: usize,
    flush_interval: Duration,
    waiting: usize,
    outgoing: usize,
    simulation: Simulation,
}

/// Maximum time that a property may have, in milliseconds.
const MAX_MILLIS: f64 = 60_000.0;

fn millis(millis: f64) -> Duration {
    Duration::from_secs_f64(within(millis, MAX_MILLIS) / 1000.0)
}

/// Clamps to the range from 0 to `max`; NaN becomes 0.
fn within(value: f64, max: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, max) }
}

fn bytes(bytes: i64) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

fn share(share: f64) -> f64 {
    within(share, 1.0)
}

/// The properties as the script has set them. They are compared in each call, so this must be cheap.
pub(super) type PropertyValues = ([f64; 6], [i64; 3]);

impl LodeENetConnection {
    fn property_values(&self) -> PropertyValues {
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

    fn runtime_settings(&self) -> RuntimeSettings {
        RuntimeSettings {
            mtu: usize::try_from(self.mtu).unwrap_or(0),
            flush_interval: millis(self.flush_interval),
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

    /// Returns the configuration of a new host.
    pub(super) fn config(&mut self, host: HostConfig) -> Config {
        let runtime_settings = self.runtime_settings();
        self.live = RuntimeSettings { simulation: Simulation::default(), ..runtime_settings };
        // The simulation is applied with the first call.
        self.applied = PropertyValues::default();
        Config {
            host: HostConfig {
                mtu: runtime_settings.mtu,
                checksum: self.use_checksum,
                max_waiting_data: runtime_settings.waiting,
                max_total_waiting_data: bytes(self.max_total_buffered_bytes),
                max_half_open: usize::try_from(self.max_half_open).unwrap_or(0),
                max_half_open_per_address: usize::try_from(self.max_half_open_per_address)
                    .unwrap_or(0),
                ..host
            },
            flush_interval: runtime_settings.flush_interval,
            max_outgoing_bytes: runtime_settings.outgoing,
            ..Config::default()
        }
    }

    /// Applies the properties to the host if a script has changed one.
    pub(super) fn apply(&mut self) {
        let property_values = self.property_values();
        if std::mem::replace(&mut self.applied, property_values) == property_values {
            return;
        }
        let runtime_settings = self.runtime_settings();
        let live = std::mem::replace(&mut self.live, runtime_settings);
        let Some(connection) = &self.connection else { return };
        if live.mtu != runtime_settings.mtu {
            connection.set_mtu(runtime_settings.mtu);
        }
        if live.waiting != runtime_settings.waiting {
            connection.set_max_waiting_data(runtime_settings.waiting);
        }
        if live.simulation != runtime_settings.simulation {
            connection.simulate(runtime_settings.simulation);
        }
        connection.set_flush_interval(runtime_settings.flush_interval);
        connection.set_max_outgoing_bytes(runtime_settings.outgoing);
    }
}

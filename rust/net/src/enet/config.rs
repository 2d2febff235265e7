//! The configuration of a host.

use lodewire_enet::HostConfig;
use std::time::Duration;

/// The configuration of a host.
#[derive(Clone, Debug)]
pub struct Config {
    /// The configuration of the protocol.
    pub host: HostConfig,
    /// Maximum time for which outgoing packets are gathered.
    pub flush_interval: Duration,
    /// Maximum number of outgoing bytes per peer. A single packet may be longer.
    pub max_outgoing_bytes: usize,
    /// Echoes every packet on the I/O thread: to measure protocol and driver only.
    pub echo: bool,
}

impl Default for Config {
    /// Returns a flush interval of a millisecond, enough for a burst of packets, and 64 MiB of outgoing bytes.
    fn default() -> Self {
        Self {
            host: HostConfig::default(),
            flush_interval: Duration::from_millis(1),
            max_outgoing_bytes: 64 << 20,
            echo: false,
        }
    }
}

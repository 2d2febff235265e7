//! Dialing: outgoing connections until they are established.

use super::endpoint::Command;
use super::peer_shared::PeerShared;
use crate::happy_eyeballs::HappyEyeballs;
use lodewire_enet::PeerKey;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An outgoing connection that is not established yet.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) shared: Arc<PeerShared>,
    pub(super) channels: usize,
    pub(super) data: u32,
    pub(super) attempts: HappyEyeballs<PeerKey>,
    /// The number of attempts that wait for a DTLS handshake.
    pub(super) dtls_pending: usize,
    /// When the dial times out, if the protocol does not earlier.
    pub(super) deadline: Option<Instant>,
    /// The settings of each attempt.
    pub(super) settings: PeerSettings,
}

/// The settings of a peer, the last of each kind.
#[derive(Debug, Default)]
pub(super) struct PeerSettings {
    ping_interval: Option<Duration>,
    timeout: Option<[u32; 3]>,
    throttle: Option<[u32; 3]>,
}

impl PeerSettings {
    /// Stores a setting. Other commands are ignored.
    pub(super) fn store_command(&mut self, command: &Command) {
        match *command {
            Command::SetPingInterval { millis, .. } => {
                self.ping_interval = Some(Duration::from_millis(millis.into()));
            }
            Command::SetTimeout { limit, minimum, maximum, .. } => {
                self.timeout = Some([limit, minimum, maximum]);
            }
            Command::ConfigureThrottle { interval, acceleration, deceleration, .. } => {
                self.throttle = Some([interval, acceleration, deceleration]);
            }
            _ => {}
        }
    }

    /// Applies the settings to a peer of the protocol.
    pub(super) fn apply(&self, host: &mut lodewire_enet::Host, key: PeerKey) {
        if let Some(interval) = self.ping_interval {
            host.set_ping_interval(key, interval);
        }
        if let Some([limit, minimum, maximum]) = self.timeout {
            host.set_timeout(key, limit, minimum, maximum);
        }
        if let Some([interval, acceleration, deceleration]) = self.throttle {
            host.configure_throttle(key, interval, acceleration, deceleration);
        }
    }
}

impl Dial {
    /// Returns when the next attempt or the timeout is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.attempts.next_at.into_iter().chain(self.deadline).min()
    }

    /// Returns true once every attempt has failed.
    pub(super) fn is_exhausted(&self) -> bool {
        self.dtls_pending == 0 && self.attempts.have_all_failed()
    }
}

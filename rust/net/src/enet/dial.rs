//! A connection that the game has asked for, until it is there.

use super::endpoint::Command;
use super::peer_shared::PeerShared;
use crate::happy_eyeballs::HappyEyeballs;
use lodewire_enet::PeerKey;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection that is asked for.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) shared: Arc<PeerShared>,
    pub(super) channels: usize,
    pub(super) data: u32,
    pub(super) attempts: HappyEyeballs<PeerKey>,
    /// How many of its attempts wait for DTLS.
    pub(super) dtls_pending: usize,
    /// When it is given up, if the protocol does not earlier.
    pub(super) deadline: Option<Instant>,
    /// How each of its attempts is served.
    pub(super) tuning: Tuning,
}

/// What the game has set for a peer, last of each kind.
#[derive(Debug, Default)]
pub(super) struct Tuning {
    ping_interval: Option<Duration>,
    timeout: Option<[u32; 3]>,
    throttle: Option<[u32; 3]>,
}

impl Tuning {
    /// Notes a setting. Other commands change nothing.
    pub(super) fn note(&mut self, command: &Command) {
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
    /// When it next has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        self.attempts.next_at.into_iter().chain(self.deadline).min()
    }

    /// Whether there is nothing left to hope for.
    pub(super) fn is_over(&self) -> bool {
        self.dtls_pending == 0 && self.attempts.have_all_failed()
    }
}

//! A connection that the game has asked for, until it is there.

use super::peer_shared::PeerShared;
use crate::attempts::Attempts;
use lodewire_enet::PeerKey;
use std::sync::Arc;
use std::time::Instant;

/// A connection that is asked for.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) shared: Arc<PeerShared>,
    pub(super) channels: usize,
    pub(super) data: u32,
    pub(super) attempts: Attempts<PeerKey>,
    /// How many of its attempts wait for DTLS.
    pub(super) securing: usize,
    /// When it is given up, if the protocol does not earlier.
    pub(super) deadline: Option<Instant>,
}

impl Dial {
    /// When it next has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        self.attempts.next.into_iter().chain(self.deadline).min()
    }

    /// Whether there is nothing left to hope for.
    pub(super) fn is_over(&self) -> bool {
        self.securing == 0 && self.attempts.is_over()
    }
}

//! A connection that the game has asked for, until it is there.

use super::peer_shared::PeerShared;
use crate::attempts::Attempts;
use lodewire_enet::PeerKey;
use std::sync::Arc;

/// A connection that is asked for.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) shared: Arc<PeerShared>,
    pub(super) channels: usize,
    pub(super) data: u32,
    pub(super) attempts: Attempts<PeerKey>,
    /// How many of its attempts wait for DTLS.
    pub(super) securing: usize,
}

impl Dial {
    /// Whether there is nothing left to hope for.
    pub(super) fn is_over(&self) -> bool {
        self.securing == 0 && self.attempts.is_over()
    }
}

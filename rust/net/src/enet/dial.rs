//! A connection that the game has asked for, until it is there.

use super::peer_shared::PeerShared;
use lodewire_enet::PeerKey;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an address may stay silent before the next is tried beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The most addresses of a name that are tried.
const MAXIMUM_ADDRESSES: usize = 8;

/// A connection that is asked for, at one address after the other: the first that answers is it.
#[derive(Debug)]
pub(super) struct Dial {
    pub(super) shared: Arc<PeerShared>,
    pub(super) channels: usize,
    pub(super) data: u32,
    /// Those that are not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// Those that are.
    pub(super) attempts: Vec<PeerKey>,
    /// When the next one is tried.
    pub(super) next_attempt: Option<Instant>,
    /// The name of the host is looked up.
    pub(super) is_resolving: bool,
}

impl Dial {
    pub(super) fn new(shared: Arc<PeerShared>, channels: usize, data: u32) -> Self {
        Self {
            shared,
            channels,
            data,
            addresses: VecDeque::new(),
            attempts: Vec::new(),
            next_attempt: None,
            is_resolving: true,
        }
    }

    /// Where to, the best first.
    pub(super) fn resolved(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.is_resolving = false;
        self.addresses = addresses.into_iter().take(MAXIMUM_ADDRESSES).collect();
    }

    /// The next address to try.
    pub(super) fn next_address(&mut self, now: Instant) -> Option<SocketAddr> {
        let address = self.addresses.pop_front();
        self.next_attempt = (!self.addresses.is_empty()).then(|| now + ATTEMPT_DELAY);
        address
    }

    /// Whether there is nothing left to hope for.
    pub(super) fn is_over(&self) -> bool {
        !self.is_resolving && self.attempts.is_empty() && self.addresses.is_empty()
    }
}

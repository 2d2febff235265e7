//! A host that is asked for at one address after the other: the first that answers is it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an address may stay silent before the next is tried beside it (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The most addresses of a name that are tried.
const MAXIMUM_ADDRESSES: usize = 8;

/// The attempts to reach a host. `K` tells which connection one is.
#[derive(Debug)]
pub(crate) struct Attempts<K> {
    /// Those that are not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// Those that were, in the order of the tries.
    tried: Vec<SocketAddr>,
    /// The connections to them.
    pub(crate) under_way: Vec<K>,
    /// When the next one is tried.
    pub(crate) next: Option<Instant>,
    /// The name of the host is looked up.
    is_resolving: bool,
}

impl<K> Attempts<K> {
    /// None yet: the host's addresses are to be told.
    pub(crate) fn new() -> Self {
        Self {
            addresses: VecDeque::new(),
            tried: Vec::new(),
            under_way: Vec::new(),
            next: None,
            is_resolving: true,
        }
    }

    /// Where to, the best first.
    pub(crate) fn resolved(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.is_resolving = false;
        self.addresses = addresses.into_iter().take(MAXIMUM_ADDRESSES).collect();
    }

    /// The next address to try.
    pub(crate) fn next_address(&mut self, now: Instant) -> Option<SocketAddr> {
        let address = self.addresses.pop_front();
        self.tried.extend(address);
        self.next = (!self.addresses.is_empty()).then(|| now + ATTEMPT_DELAY);
        address
    }

    /// Starts with the first address again. Returns the connections under way, for the caller to end.
    pub(crate) fn restart(&mut self) -> Vec<K> {
        for address in self.tried.drain(..).rev() {
            self.addresses.push_front(address);
        }
        self.next = None;
        std::mem::take(&mut self.under_way)
    }

    /// Whether there is nothing left to hope for.
    pub(crate) fn is_over(&self) -> bool {
        !self.is_resolving && self.under_way.is_empty() && self.addresses.is_empty()
    }
}

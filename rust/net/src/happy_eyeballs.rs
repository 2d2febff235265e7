//! Happy Eyeballs (RFC 8305): connection attempts to the addresses of a host, staggered, of which the first to succeed
//! wins.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Connection attempt delay (RFC 8305 section 5): how long an attempt runs alone before the next one starts.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Maximum number of addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// The connection attempts to a host. `K` identifies a connection.
#[derive(Debug)]
pub(crate) struct HappyEyeballs<K> {
    /// Addresses that have not been tried yet.
    addresses: VecDeque<SocketAddr>,
    /// Addresses that have been tried, in order.
    tried: Vec<SocketAddr>,
    /// The connections that are being attempted.
    pub(crate) in_flight: Vec<K>,
    /// The time at which the next attempt starts.
    pub(crate) next_at: Option<Instant>,
    /// The name of the host is being resolved.
    is_resolving: bool,
}

impl<K> HappyEyeballs<K> {
    /// Creates a set without attempts, which waits for [`resolved`](Self::resolved).
    pub(crate) fn new() -> Self {
        Self {
            addresses: VecDeque::new(),
            tried: Vec::new(),
            in_flight: Vec::new(),
            next_at: None,
            is_resolving: true,
        }
    }

    /// Sets the addresses to try, the preferred one first.
    pub(crate) fn resolved(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.is_resolving = false;
        self.addresses = addresses.into_iter().take(MAX_ADDRESSES).collect();
    }

    /// Takes the next address to try.
    pub(crate) fn next_address(&mut self, now: Instant) -> Option<SocketAddr> {
        let address = self.addresses.pop_front();
        self.tried.extend(address);
        self.next_at = (!self.addresses.is_empty()).then(|| now + ATTEMPT_DELAY);
        address
    }

    /// Starts again with the first address. Returns the connections in flight, for the caller to close.
    pub(crate) fn restart(&mut self) -> Vec<K> {
        for address in self.tried.drain(..).rev() {
            self.addresses.push_front(address);
        }
        self.next_at = None;
        std::mem::take(&mut self.in_flight)
    }

    /// Returns true once every attempt has failed.
    pub(crate) fn have_all_failed(&self) -> bool {
        !self.is_resolving && self.in_flight.is_empty() && self.addresses.is_empty()
    }
}

//! How many TLS handshakes each customer may leave unfinished: each costs a signature and a key agreement, and whoever
//! finishes it has paid as much.

use super::ServerDriver;
use crate::rate_limiter::RateLimiter;
use crate::websocket::proxies::Proxies;
use lodewire_enet::address_prefix;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How many handshakes of a customer may be unfinished, or have failed, at once: more than there are players of one network
/// that join in an instant.
const BURST: usize = 1024;

/// After that, as many may follow within this time.
const PERIOD: Duration = Duration::from_secs(16);

/// What customers have left unfinished. One is an address of IPv4, or a /64 of IPv6.
pub(super) struct Unfinished(RateLimiter);

impl Default for Unfinished {
    fn default() -> Self {
        Self(RateLimiter::new(PERIOD))
    }
}

impl Unfinished {
    /// Counts a handshake that begins. Returns whether it may.
    pub(super) fn begin(&mut self, now: Instant, ip: IpAddr, proxies: &Proxies) -> bool {
        // A proxy's clients are not told apart here.
        let may = proxies.trusts(ip) || self.0.allows(now, address_prefix(ip), BURST);
        if may {
            self.0.take(now, address_prefix(ip), BURST);
        }
        may
    }

    /// It was finished, or this side could not go on with it: it does not count.
    pub(super) fn finish(&mut self, ip: IpAddr) {
        self.0.refund(address_prefix(ip), BURST);
    }
}

impl ServerDriver {
    /// Returns whether a client may begin a TLS handshake now.
    pub(super) fn may_begin_tls(&self, now: Instant, ip: IpAddr) -> bool {
        self.rules.config.proxies.trusts(ip)
            || self.unfinished.0.allows(now, address_prefix(ip), BURST)
    }

    /// Looks whether the TLS handshake of a connection is finished.
    pub(super) fn end_tls(&mut self, slot: usize) {
        if let Some(entry) = self.connections.get_mut(slot)
            && entry.connection.is_secured()
            && let Some(ip) = entry.counted.take()
        {
            self.unfinished.finish(ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_state_the_bounds_that_hold() {
        let a_second = BURST as u64 / PERIOD.as_secs();
        let security = include_str!("../../../../../SECURITY.md").replace('\n', " ");
        let text =
            format!("leave {BURST} of them unfinished, or failed, and {a_second} more each second");
        assert!(security.contains(&text), "{text}");
    }
}

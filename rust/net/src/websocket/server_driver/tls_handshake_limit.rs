//! Limits the unfinished TLS handshakes per address prefix: each costs the server a signature and a key agreement,
//! while a client that finishes it has paid as much.

use super::ServerDriver;
use crate::rate_limiter::RateLimiter;
use crate::websocket::proxies::Proxies;
use lodewire_enet::address_prefix;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Number of handshakes per prefix that may be unfinished, or have failed, at once: more than the players of one
/// network that join at the same time.
const BURST: usize = 1024;

/// The time in which the whole burst is allowed again.
const PERIOD: Duration = Duration::from_secs(16);

/// The unfinished handshakes per prefix (an IPv4 address, a /64 of IPv6).
pub(super) struct TlsHandshakeLimit(RateLimiter);

impl Default for TlsHandshakeLimit {
    fn default() -> Self {
        Self(RateLimiter::new(PERIOD))
    }
}

impl TlsHandshakeLimit {
    /// Counts a handshake that starts. Returns true if it is allowed.
    pub(super) fn begin(&mut self, now: Instant, ip: IpAddr, proxies: &Proxies) -> bool {
        // The clients of a proxy have its address here, and are not limited.
        let is_allowed = proxies.trusts(ip) || self.0.allows(now, address_prefix(ip), BURST);
        if is_allowed {
            self.0.take(now, address_prefix(ip), BURST);
        }
        is_allowed
    }

    /// Removes a handshake that was finished, or that this side could not continue.
    pub(super) fn finish(&mut self, ip: IpAddr) {
        self.0.refund(address_prefix(ip), BURST);
    }
}

impl ServerDriver {
    /// Returns true if a client may start a TLS handshake now.
    pub(super) fn may_begin_tls(&self, now: Instant, ip: IpAddr) -> bool {
        self.policy.config.proxies.trusts(ip)
            || self.tls_handshakes.0.allows(now, address_prefix(ip), BURST)
    }

    /// Removes the TLS handshake of a connection from the count if it is finished.
    pub(super) fn end_tls(&mut self, slot: usize) {
        if let Some(entry) = self.connections.get_mut(slot)
            && entry.connection.is_secured()
            && let Some(ip) = entry.tls_counted_for.take()
        {
            self.tls_handshakes.finish(ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_md_states_the_bounds() {
        let a_second = BURST as u64 / PERIOD.as_secs();
        let security = include_str!("../../../../../SECURITY.md").replace('\n', " ");
        let text = format!(
            "may have {BURST} handshakes unfinished or failed, and {a_second} more each second"
        );
        assert!(security.contains(&text), "{text}");
    }
}

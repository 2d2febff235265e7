//! Connections that serve nobody: where claims are required, a client's connection is closed when it stays without one.
//!
//! Until it is claimed it keeps the ticket of its handshake. So the limits of handshakes hold for both together.

use super::{Associations, Key};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

impl Associations {
    /// Closes from now on the connections of clients that nobody has claimed for `timeout`, whatever the client sends.
    pub(crate) fn require_claims(&mut self, timeout: Duration) {
        self.claim_timeout = Some(timeout);
    }

    /// Claims the connection at an address: it stays until each claim is [given up](Self::unclaim).
    pub(crate) fn claim(&mut self, address: SocketAddr) -> Option<Key> {
        self.claim_timeout?;
        let key = self.connected_at(address)?;
        let association = self.get(key)?;
        association.claims += 1;
        let (ticket, at) = (association.ticket.take(), association.claim_by.take());
        if let Some(ticket) = ticket {
            self.beginning.remove(&ticket.number);
        }
        if let Some(at) = at {
            self.unclaimed.remove(&(at, key));
        }
        Some(key)
    }

    /// Gives up a claim.
    pub(crate) fn unclaim(&mut self, now: Instant, key: Key) {
        let Some(admission) = self.admission() else { return };
        let Some(at) = self.claim_timeout.map(|timeout| now + timeout) else { return };
        let Some(association) = self.get(key) else { return };
        association.claims = association.claims.saturating_sub(1);
        if association.claims > 0 || association.ticket.is_some() {
            return;
        }
        let ticket = admission.readmit(now, association.address.ip());
        let number = ticket.number;
        association.ticket = Some(ticket);
        association.claim_by = Some(at);
        self.beginning.insert(number, key);
        self.unclaimed.insert((at, key));
    }

    /// Closes those whose time is over.
    pub(super) fn expire_unclaimed(&mut self, now: Instant) {
        while let Some((_, key)) = self.unclaimed.first().copied().filter(|(at, _)| *at <= now) {
            self.close(key);
        }
    }
}

//! Claims: where they are required, a client's connection that is not claimed in time is closed.
//!
//! An unclaimed connection keeps the permit of its handshake, so the limits of handshakes apply to both together.

use super::{ConnectionTable, Key};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

impl ConnectionTable {
    /// Closes clients' connections that stay unclaimed for `timeout`, whatever they send.
    pub(crate) fn require_claims(&mut self, timeout: Duration) {
        self.claim_timeout = Some(timeout);
    }

    /// Claims the connection at an address, which stays open until each claim is [released](Self::unclaim).
    pub(crate) fn claim(&mut self, address: SocketAddr) -> Option<Key> {
        self.claim_timeout?;
        let key = self.connected_at(address)?;
        let association = self.get(key)?;
        association.claims += 1;
        let (permit, at) = (association.permit.take(), association.claim_by.take());
        if let Some(permit) = permit {
            self.permits.remove(&permit.number);
        }
        if let Some(at) = at {
            self.unclaimed.remove(&(at, key));
        }
        Some(key)
    }

    /// Releases a claim.
    pub(crate) fn unclaim(&mut self, now: Instant, key: Key) {
        let Some(admission) = self.admission() else { return };
        let Some(at) = self.claim_timeout.map(|timeout| now + timeout) else { return };
        let Some(association) = self.get(key) else { return };
        association.claims = association.claims.saturating_sub(1);
        if association.claims > 0 || association.permit.is_some() {
            return;
        }
        let permit = admission.readmit(now, association.address.ip());
        let number = permit.number;
        association.permit = Some(permit);
        association.claim_by = Some(at);
        self.permits.insert(number, key);
        self.unclaimed.insert((at, key));
    }

    /// Closes connections that stayed unclaimed for too long.
    pub(super) fn close_unclaimed(&mut self, now: Instant) {
        while let Some((_, key)) = self.unclaimed.first().copied().filter(|(at, _)| *at <= now) {
            self.close(key);
        }
    }
}

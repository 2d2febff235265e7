//! How many handshakes may be under way, in all and per IP address.

use crate::reactor::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts the handshakes that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Admission(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A handshake that is under way. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Ticket {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    ip: IpAddr,
}

impl Admission {
    /// A place for a handshake with this address, if there is one.
    pub(super) fn admit(&self, ip: IpAddr, in_all: usize, per_address: usize) -> Option<Ticket> {
        let mut counts = lock(&self.0);
        // A few hundred numbers at the most, once a handshake.
        if counts.values().sum::<usize>() >= in_all {
            return None;
        }
        let count = counts.entry(ip).or_insert(0);
        if *count >= per_address {
            return None;
        }
        *count += 1;
        Some(Ticket { counts: Arc::clone(&self.0), ip })
    }

    /// How many handshakes are under way.
    pub(super) fn count(&self) -> usize {
        lock(&self.0).values().sum()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn places_are_limited_in_all_and_per_address_and_given_back() {
        let admission = Admission::default();
        let ip = |last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
        let first = admission.admit(ip(1), 3, 2);
        let second = admission.admit(ip(1), 3, 2);
        assert!(first.is_some() && second.is_some());
        assert!(admission.admit(ip(1), 3, 2).is_none(), "of one address");
        let third = admission.admit(ip(2), 3, 2);
        assert!(third.is_some());
        assert!(admission.admit(ip(3), 3, 2).is_none(), "in all");
        drop(first);
        assert!(admission.admit(ip(1), 3, 2).is_some());
    }
}

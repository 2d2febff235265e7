//! Statistics of a host, for the engine's monitors.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Statistics of a host at one moment. Counters start with the host and never decrease.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Established connections.
    pub peers: usize,
    /// Connections in their handshake.
    pub handshakes: usize,
    /// Messages (WebSocket) or datagrams (ENet, DTLS) received.
    pub packets_in: u64,
    /// Messages or datagrams sent.
    pub packets_out: u64,
    /// Bytes received over TCP or UDP; with `wss://`, after decryption.
    pub bytes_in: u64,
    /// Bytes sent, counted in the same way.
    pub bytes_out: u64,
    /// Bytes received that the game has not read yet.
    pub buffered_in: u64,
    /// Bytes queued for the network.
    pub buffered_out: u64,
    /// Mean round-trip time of the peers for which it is known.
    pub round_trip: Option<Duration>,
    /// Mean packet loss from 0 to 1, if the protocol measures it.
    pub loss: Option<f64>,
}

/// Counters that the I/O thread updates.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    peers: AtomicUsize,
    handshakes: AtomicUsize,
}

impl Counters {
    /// Adds received packets and bytes.
    pub(crate) fn received(&self, packets: usize, bytes: usize) {
        self.packets_in.fetch_add(packets as u64, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Adds sent packets and bytes.
    pub(crate) fn sent(&self, packets: usize, bytes: usize) {
        self.packets_out.fetch_add(packets as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_peers(&self, peers: usize) {
        self.peers.store(peers, Ordering::Relaxed);
    }

    pub(crate) fn set_handshakes(&self, handshakes: usize) {
        self.handshakes.store(handshakes, Ordering::Relaxed);
    }

    /// Returns the counters; the caller fills in the rest.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            peers: self.peers.load(Ordering::Relaxed),
            handshakes: self.handshakes.load(Ordering::Relaxed),
            packets_in: self.packets_in.load(Ordering::Relaxed),
            packets_out: self.packets_out.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            ..Stats::default()
        }
    }
}

/// Returns the mean of `values`, or `None` if it is empty.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_report_the_counters() {
        let counters = Counters::default();
        counters.received(2, 300);
        counters.sent(1, 40);
        counters.sent(0, 2);
        counters.set_handshakes(5);
        let stats = counters.stats();
        assert_eq!((stats.packets_in, stats.bytes_in), (2, 300));
        assert_eq!((stats.packets_out, stats.bytes_out), (1, 42));
        assert_eq!((stats.peers, stats.handshakes), (0, 5));
    }

    #[test]
    fn mean_of_no_values_is_none() {
        assert_eq!(mean([].into_iter()), None);
        assert_eq!(mean([1.0, 4.0].into_iter()), Some(2.5));
    }
}

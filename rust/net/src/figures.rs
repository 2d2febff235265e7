//! What a host is doing, in numbers: for the engine's monitors.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What a host is doing, as of a moment. Counters begin with the host and never fall.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Connections that are there.
    pub peers: usize,
    /// Connections that are coming about.
    pub handshakes: usize,
    /// Messages (WebSocket) or datagrams (ENet, DTLS) that have come.
    pub packets_in: u64,
    /// Those that were sent.
    pub packets_out: u64,
    /// Bytes that have come, as they are in TCP or UDP; with `wss://` as they are before TLS.
    pub bytes_in: u64,
    /// Bytes that were sent, likewise.
    pub bytes_out: u64,
    /// Bytes that wait for the game.
    pub waiting_in: u64,
    /// Bytes that wait for the network.
    pub waiting_out: u64,
    /// The mean round-trip time of the peers of which it is known.
    pub round_trip: Option<Duration>,
    /// The mean share of packets that are lost, from 0 to 1, where the protocol measures it.
    pub loss: Option<f64>,
}

/// What the I/O thread counts for them.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    peers: AtomicUsize,
    handshakes: AtomicUsize,
}

impl Traffic {
    /// So many packets have come, in so many bytes.
    pub(crate) fn received(&self, packets: usize, bytes: usize) {
        self.packets_in.fetch_add(packets as u64, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many were sent.
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

    /// What was counted; the rest is the caller's to fill in.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            peers: self.peers.load(Ordering::Relaxed),
            handshakes: self.handshakes.load(Ordering::Relaxed),
            packets_in: self.packets_in.load(Ordering::Relaxed),
            packets_out: self.packets_out.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            ..Figures::default()
        }
    }
}

/// The mean of some figures; none of none.
pub(crate) fn mean(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for figure in figures {
        sum += figure;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let traffic = Traffic::default();
        traffic.received(2, 300);
        traffic.sent(1, 40);
        traffic.sent(0, 2);
        traffic.set_handshakes(5);
        let figures = traffic.figures();
        assert_eq!((figures.packets_in, figures.bytes_in), (2, 300));
        assert_eq!((figures.packets_out, figures.bytes_out), (1, 42));
        assert_eq!((figures.peers, figures.handshakes), (0, 5));
    }

    #[test]
    fn the_mean_of_nothing_is_unknown() {
        assert_eq!(mean([].into_iter()), None);
        assert_eq!(mean([1.0, 4.0].into_iter()), Some(2.5));
    }
}

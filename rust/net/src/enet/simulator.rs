//! A network simulator for testing games: it delays, duplicates, reorders and drops datagrams.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The simulated network conditions. They apply to every datagram in both directions: a round trip takes twice the
/// latency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Simulation {
    /// The delay of a datagram.
    pub latency: Duration,
    /// The maximum additional random delay. Datagrams stay in order.
    pub jitter: Duration,
    /// The share of datagrams dropped, 0 to 1.
    pub loss: f64,
    /// The share of datagrams duplicated, 0 to 1.
    pub duplication: f64,
    /// The share of datagrams delayed by the latency once more, so that later ones overtake them, 0 to 1.
    pub reordering: f64,
}

impl Simulation {
    /// Returns true if the simulation has any effect.
    pub fn is_active(&self) -> bool {
        *self != Self::default()
    }
}

/// Maximum number of bytes in transit; further datagrams are dropped.
const MAX_BYTES_IN_TRANSIT: usize = 64 << 20;
/// Minimum additional delay of a reordered datagram.
const MIN_REORDER_DELAY: Duration = Duration::from_millis(20);

/// A datagram in transit.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Datagram {
    due: Instant,
    /// Keeps datagrams that are due at the same time in order.
    order: u64,
    /// True for outgoing datagrams.
    pub(super) outgoing: bool,
    pub(super) address: SocketAddr,
    pub(super) bytes: Box<[u8]>,
}

/// A simulated network.
#[derive(Debug)]
pub(super) struct Simulator {
    pub(super) simulation: Simulation,
    queue: BinaryHeap<Reverse<Datagram>>,
    bytes: usize,
    order: u64,
    random: u64,
    /// When the last datagram in order is due, by direction.
    last: [Option<Instant>; 2],
}

impl Simulator {
    pub(super) fn new(simulation: Simulation, seed: u64) -> Self {
        Self {
            simulation,
            queue: BinaryHeap::new(),
            bytes: 0,
            order: 0,
            random: seed,
            last: [None; 2],
        }
    }

    /// Accepts a datagram.
    pub(super) fn send(&mut self, now: Instant, outgoing: bool, address: SocketAddr, bytes: &[u8]) {
        if self.happens(self.simulation.loss) {
            return;
        }
        let copies = if self.happens(self.simulation.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            if self.bytes + bytes.len() > MAX_BYTES_IN_TRANSIT {
                return;
            }
            let due = self.due(now, outgoing);
            self.bytes += bytes.len();
            self.order += 1;
            let order = self.order;
            self.queue.push(Reverse(Datagram {
                due,
                order,
                outgoing,
                address,
                bytes: bytes.into(),
            }));
        }
    }

    fn due(&mut self, now: Instant, outgoing: bool) -> Instant {
        let Simulation { latency, jitter, reordering, .. } = self.simulation;
        let due = now + latency + jitter.mul_f64(self.fraction());
        if self.happens(reordering) {
            return due + latency.max(MIN_REORDER_DELAY);
        }
        let last = &mut self.last[usize::from(outgoing)];
        let due = last.map_or(due, |last| last.max(due));
        *last = Some(due);
        due
    }

    /// Returns when the next datagram is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse(datagram)| datagram.due)
    }

    /// Returns true if the simulator can be removed.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.simulation.is_active()
    }

    /// Returns the next datagram due by `now`.
    pub(super) fn receive(&mut self, now: Instant) -> Option<Datagram> {
        if self.deadline()? > now {
            return None;
        }
        let Reverse(datagram) = self.queue.pop()?;
        self.bytes -= datagram.bytes.len();
        Some(datagram)
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.fraction() < share
    }

    /// Returns a number from 0 to 1 (`SplitMix64`).
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(simulation: Simulation, count: u8) -> Vec<(u64, u8)> {
        let begin = Instant::now();
        let mut simulator = Simulator::new(simulation, 7);
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        for index in 0..count {
            simulator.send(begin, true, address, &[index]);
        }
        let mut delivered = Vec::new();
        while let Some(due) = simulator.deadline() {
            let early = due.checked_sub(Duration::from_micros(1)).expect("after the beginning");
            assert!(simulator.receive(early).is_none());
            let datagram = simulator.receive(due).expect("one is due");
            let after = u64::try_from((due - begin).as_millis()).expect("short");
            delivered.push((after, datagram.bytes[0]));
        }
        delivered
    }

    #[test]
    fn latency_delays_and_jitter_keeps_the_order() {
        let simulation = Simulation {
            latency: Duration::from_millis(100),
            jitter: Duration::from_millis(50),
            ..Simulation::default()
        };
        let delivered = run(simulation, 200);
        assert!(delivered.iter().all(|(after, _)| (100..=150).contains(after)), "{delivered:?}");
        assert!(delivered.is_sorted());
        assert_eq!(delivered.len(), 200);
    }

    #[test]
    fn loss_duplication_and_reordering_rates_match() {
        let lossy = run(Simulation { loss: 0.3, ..Simulation::default() }, 250);
        assert!((150..200).contains(&lossy.len()), "{}", lossy.len());
        let twice = run(Simulation { duplication: 0.3, ..Simulation::default() }, 250);
        assert!((300..350).contains(&twice.len()), "{}", twice.len());
        let reordered = run(Simulation { reordering: 0.3, ..Simulation::default() }, 250);
        assert_eq!(reordered.len(), 250);
        let late = reordered.iter().filter(|(after, _)| *after == 20).count();
        assert!((50..100).contains(&late), "{late}");
    }
}

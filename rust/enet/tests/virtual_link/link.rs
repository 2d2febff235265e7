//! A simulated network on a virtual clock.

use super::random::Random;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

/// The conditions of a simulated network. Shares are from 0 to 1; times are in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkConditions {
    pub loss: f64,
    pub delay: u64,
    pub jitter: u64,
    pub duplication: f64,
    pub reordering: f64,
    pub corruption: f64,
}

impl LinkConditions {
    /// Returns random conditions, with up to 30 % loss.
    pub fn any(random: &mut Random) -> Self {
        let mut share =
            |most: f64| if random.happens(0.5) { random.fraction() * most } else { 0.0 };
        Self {
            loss: share(0.3),
            duplication: share(0.1),
            reordering: share(0.2),
            delay: 1000 + random.below(150_000) as u64,
            jitter: random.below(30_000) as u64,
            corruption: 0.0,
        }
    }
}

/// Datagrams in transit.
#[derive(Debug)]
pub struct Link {
    conditions: LinkConditions,
    random: Random,
    queue: BinaryHeap<Reverse<(u64, u64, SocketAddr, SocketAddr, Vec<u8>)>>,
    order: u64,
}

impl Link {
    pub fn new(conditions: LinkConditions, seed: u64) -> Self {
        Self { conditions, random: Random::new(seed), queue: BinaryHeap::new(), order: 0 }
    }

    pub fn send(&mut self, now: u64, from: SocketAddr, to: SocketAddr, mut datagram: Vec<u8>) {
        let LinkConditions { loss, delay, jitter, duplication, reordering, corruption } =
            self.conditions;
        if self.random.happens(loss) {
            return;
        }
        if self.random.happens(corruption) {
            self.corrupt(&mut datagram);
        }
        let copies = if self.random.happens(duplication) { 2 } else { 1 };
        for _ in 0..copies {
            let mut due = now + delay + self.random.below(jitter as usize + 1) as u64;
            if self.random.happens(reordering) {
                due += delay;
            }
            self.order += 1;
            self.queue.push(Reverse((due, self.order, from, to, datagram.clone())));
        }
    }

    fn corrupt(&mut self, datagram: &mut Vec<u8>) {
        for _ in 0..=self.random.below(3) {
            let at = self.random.below(datagram.len());
            datagram[at] ^= 1 << self.random.below(8);
        }
        if self.random.happens(0.3) {
            datagram.truncate(self.random.below(datagram.len() + 1));
        }
    }

    pub fn poll_timeout(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((due, ..))| *due)
    }

    pub fn receive(&mut self, now: u64) -> Option<(SocketAddr, SocketAddr, Vec<u8>)> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.queue.pop().map(|Reverse((_, _, from, to, datagram))| (from, to, datagram))
    }
}

//! Two nodes and the network between them.

use super::link::{Link, Weather};
use super::node::{Node, Told};
use std::net::SocketAddr;

pub const SERVER: usize = 0;
pub const CLIENT: usize = 1;

pub struct World {
    pub now: u64,
    pub nodes: [Box<dyn Node>; 2],
    pub link: Link,
    pub told: [Vec<Told>; 2],
    /// The most that either kept for its caller.
    pub most_kept: usize,
    pub datagrams: usize,
}

pub fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + node as u8], 4000))
}

impl World {
    pub fn new(nodes: [Box<dyn Node>; 2], weather: Weather, seed: u64) -> Self {
        Self::starting_at(1_000_000, nodes, weather, seed)
    }

    pub fn starting_at(now: u64, nodes: [Box<dyn Node>; 2], weather: Weather, seed: u64) -> Self {
        let link = Link::new(weather, seed);
        Self { now, nodes, link, told: Default::default(), most_kept: 0, datagrams: 0 }
    }

    fn serve(&mut self) {
        for node in [SERVER, CLIENT] {
            for (to, datagram) in self.nodes[node].serve(self.now) {
                self.datagrams += 1;
                self.link.send(self.now, address(node), to, datagram);
            }
            self.told[node].extend(self.nodes[node].told());
            self.most_kept = self.most_kept.max(self.nodes[node].kept());
        }
    }

    /// Lets time pass until `done` holds, at most `micros`. Says whether it does.
    pub fn pass_until(&mut self, micros: u64, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + micros;
        loop {
            self.serve();
            if done(self) {
                return true;
            }
            let next = [
                self.link.deadline(),
                self.nodes[SERVER].deadline(),
                self.nodes[CLIENT].deadline(),
            ];
            match next.into_iter().flatten().min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = end;
                    return false;
                }
            }
            while let Some((from, to, datagram)) = self.link.receive(self.now) {
                if let Some(node) = [SERVER, CLIENT].into_iter().find(|&node| address(node) == to) {
                    self.nodes[node].receive(self.now, from, &datagram);
                }
            }
        }
    }

    pub fn pass(&mut self, micros: u64) {
        self.pass_until(micros, |_| false);
    }

    /// Connects the client to the server.
    pub fn connect(&mut self, channels: usize) -> bool {
        self.nodes[CLIENT].connect(address(SERVER), channels);
        self.pass_until(120_000_000, |world| {
            world.told.iter().all(|told| told.first() == Some(&Told::Connected))
                || world.is_over(CLIENT)
        }) && !self.is_over(CLIENT)
    }

    pub fn is_over(&self, node: usize) -> bool {
        matches!(self.told[node].last(), Some(Told::Disconnected(_)))
    }

    /// The packets that came on a channel.
    pub fn packets(&self, node: usize, channel: u8) -> Vec<&[u8]> {
        let packet = |told: &'_ Told| matches!(told, Told::Packet(on, _) if *on == channel);
        self.told[node]
            .iter()
            .filter(|told| packet(told))
            .map(|told| match told {
                Told::Packet(_, data) => &data[..],
                _ => &[],
            })
            .collect()
    }
}

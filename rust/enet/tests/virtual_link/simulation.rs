//! A simulation of two nodes and the network between them.

use super::link::{Link, LinkConditions};
use super::node::{Node, NodeEvent};
use std::net::SocketAddr;

pub const SERVER: usize = 0;
pub const CLIENT: usize = 1;

pub struct Simulation {
    pub now: u64,
    pub nodes: [Box<dyn Node>; 2],
    pub link: Link,
    pub events: [Vec<NodeEvent>; 2],
    /// Maximum number of bytes buffered by either node.
    pub max_buffered: usize,
    pub datagrams: usize,
}

pub fn address(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + node as u8], 4000))
}

impl Simulation {
    pub fn new(nodes: [Box<dyn Node>; 2], conditions: LinkConditions, seed: u64) -> Self {
        Self::starting_at(1_000_000, nodes, conditions, seed)
    }

    pub fn starting_at(
        now: u64,
        nodes: [Box<dyn Node>; 2],
        conditions: LinkConditions,
        seed: u64,
    ) -> Self {
        let link = Link::new(conditions, seed);
        Self { now, nodes, link, events: Default::default(), max_buffered: 0, datagrams: 0 }
    }

    fn serve(&mut self) {
        for node in [SERVER, CLIENT] {
            for (to, datagram) in self.nodes[node].serve(self.now) {
                self.datagrams += 1;
                self.link.send(self.now, address(node), to, datagram);
            }
            self.events[node].extend(self.nodes[node].events());
            self.max_buffered = self.max_buffered.max(self.nodes[node].buffered_bytes());
        }
    }

    /// Advances time until `done` returns true, at most by `micros`. Returns true if it did.
    pub fn pass_until(&mut self, micros: u64, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + micros;
        loop {
            self.serve();
            if done(self) {
                return true;
            }
            let next = [
                self.link.poll_timeout(),
                self.nodes[SERVER].poll_timeout(),
                self.nodes[CLIENT].poll_timeout(),
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
        self.pass_until(120_000_000, |simulation| {
            simulation.events.iter().all(|events| events.first() == Some(&NodeEvent::Connected))
                || simulation.is_over(CLIENT)
        }) && !self.is_over(CLIENT)
    }

    pub fn is_over(&self, node: usize) -> bool {
        matches!(self.events[node].last(), Some(NodeEvent::Disconnected(_)))
    }

    /// Returns the packets received on a channel.
    pub fn packets(&self, node: usize, channel: u8) -> Vec<&[u8]> {
        let packet =
            |event: &'_ NodeEvent| matches!(event, NodeEvent::Packet(on, _) if *on == channel);
        self.events[node]
            .iter()
            .filter(|event| packet(event))
            .map(|event| match event {
                NodeEvent::Packet(_, data) => &data[..],
                _ => &[],
            })
            .collect()
    }
}

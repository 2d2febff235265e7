//! A host, a legitimate peer, and an attacker that sends anything, in any order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_enet::wire::Header;
use lodewire_enet::{
    Compression, Compressor, Delivery, Event, Events, Host, HostConfig, PeerKey, PeerState, Time,
};
use std::net::SocketAddr;
use std::time::Duration;

const MAX_WAITING_DATA: usize = 256 << 10;
const MAX_PACKET_SIZE: usize = 64 << 10;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum number of bytes allocated per byte from the attacker, and once.
const MAX_ALLOCATED_PER_BYTE: u64 = 128;
const MAX_ALLOCATED_ONCE: u64 = 512 << 10;

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 1000))
}

/// Two hosts, and the datagrams between them, which an attacker may change.
struct Simulation {
    now: Time,
    hosts: [Host; 2],
    peers: [Option<PeerKey>; 2],
    in_transit: Vec<(usize, Vec<u8>)>,
}

impl Simulation {
    fn new(compression: Compression) -> Self {
        let host = |seed| {
            let config = HostConfig {
                peers: 8,
                max_waiting_data: MAX_WAITING_DATA,
                max_packet_size: MAX_PACKET_SIZE,
                max_half_open: 16,
                ..HostConfig::default()
            };
            let mut host = Host::new(config, [seed; 32]);
            host.set_compressor(Compressor::new(compression));
            host
        };
        let mut simulation = Self {
            now: Time::from_micros(1_000_000),
            hosts: [host(1), host(2)],
            peers: [None; 2],
            in_transit: Vec::new(),
        };
        let key = simulation.hosts[1].connect(address(0), 4, 0).expect("a free peer");
        simulation.peers[1] = Some(key);
        for _ in 0..4 {
            simulation.exchange();
        }
        simulation
    }

    fn transmit(&mut self) {
        for node in 0..2 {
            let mut out = Vec::new();
            while let Some(to) = self.hosts[node].poll_transmit(self.now, &mut out) {
                assert!(out.len() <= 1392);
                if to == address(1 - node as u8) {
                    self.in_transit.push((1 - node, std::mem::take(&mut out)));
                }
                out.clear();
            }
        }
    }

    fn exchange(&mut self) {
        self.transmit();
        self.now = self.now + Duration::from_millis(3);
        for (to, datagram) in std::mem::take(&mut self.in_transit) {
            self.hosts[to].handle_datagram(self.now, address(1 - to as u8), &datagram);
        }
        for host in &mut self.hosts {
            host.handle_timeout(self.now);
        }
        self.check();
    }

    fn check(&mut self) {
        for node in 0..2 {
            let mut events = Events::default();
            self.hosts[node].poll_events(&mut events);
            while let Some(event) = events.pop() {
                match event {
                    Event::Connect { peer, .. } => {
                        assert_ne!(self.hosts[node].peer_count(), 0);
                        self.peers[node].get_or_insert(peer);
                    }
                    Event::Disconnect { peer, .. } => {
                        assert_eq!(self.hosts[node].state(peer), PeerState::Disconnected);
                        self.hosts[node].release_peer(peer);
                        if self.peers[node] == Some(peer) {
                            self.peers[node] = None;
                        }
                    }
                    Event::Receive { peer, data, .. } => {
                        assert!(data.len() <= MAX_PACKET_SIZE);
                        self.hosts[node].release_capacity(peer, 1, data.len());
                    }
                    _ => {}
                }
            }
            let most = self.hosts[node].peer_count() * (2 * MAX_WAITING_DATA + 3 * MAX_PACKET_SIZE);
            assert!(self.hosts[node].buffered_bytes() <= most);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&first, mut rest)) = data.split_first() else { return };
    let compression = match first % 5 {
        0 => Compression::None,
        1 => Compression::RangeCoder,
        2 => Compression::FastLz,
        3 => Compression::Zlib,
        _ => Compression::Zstd,
    };
    let mut simulation = Simulation::new(compression);
    let (mut received, mut allocated) = (0, 0);
    for _ in 0..200 {
        let Some((&[what, a, b], after)) = rest.split_first_chunk() else { break };
        rest = after;
        let node = usize::from(a & 1);
        let peer = simulation.peers[node];
        match what % 12 {
            // The attacker's bytes, raw or with the header of the other host's connection.
            0..=3 => {
                let len = rest.len().min(b.into());
                let (bytes, after) = rest.split_at(len);
                rest = after;
                let mut datagram = bytes.to_vec();
                let from = if what & 1 == 0 { address(1 - node as u8) } else { address(a | 2) };
                if what & 2 == 0
                    && let Some((_, original)) =
                        simulation.in_transit.iter().find(|(to, _)| *to == node)
                    && let Some((header, _)) = Header::parse(original)
                {
                    let header = Header { compressed: false, ..header };
                    datagram = header.encode()[..header.encoded_len()].to_vec();
                    datagram.extend_from_slice(bytes);
                }
                received += datagram.len();
                let before = spent();
                simulation.hosts[node].handle_datagram(simulation.now, from, &datagram);
                allocated += spent().since(before).bytes;
                let most = received as u64 * MAX_ALLOCATED_PER_BYTE + MAX_ALLOCATED_ONCE;
                assert!(allocated <= most, "{allocated} bytes were allocated for {received}");
            }
            4 | 5 => {
                if let Some(peer) = peer {
                    let delivery = Delivery::from_flags(b & 0xB);
                    let data = vec![a; usize::from(b) * 40];
                    let _ = simulation.hosts[node].send(peer, a >> 5, delivery, &data);
                }
            }
            6 => simulation.transmit(),
            7 => {
                // A changed or repeated datagram.
                simulation.transmit();
                if let Some((_, datagram)) = simulation.in_transit.first_mut() {
                    let at = usize::from(a) % datagram.len();
                    datagram[at] = b;
                }
            }
            8 => {
                simulation.now = simulation.now + Duration::from_millis(u64::from(b) * 50);
                for host in &mut simulation.hosts {
                    host.handle_timeout(simulation.now);
                }
            }
            9 => {
                if let Some(peer) = peer {
                    match b % 5 {
                        0 => simulation.hosts[node].disconnect(peer, 1),
                        1 => simulation.hosts[node].disconnect_later(peer, 2),
                        2 => simulation.hosts[node].disconnect_now(peer, 3),
                        3 => simulation.hosts[node].reset(peer),
                        _ => {
                            simulation.hosts[node].configure_throttle(peer, 100, b.into(), a.into())
                        }
                    }
                }
            }
            10 => {
                let now = simulation.now;
                simulation.hosts[node].set_bandwidth(now, u32::from(a) << 10, u32::from(b) << 10);
                let _ = simulation.hosts[node].connect(address(1 - node as u8), 2, 5);
            }
            _ => simulation.exchange(),
        }
        simulation.check();
    }
    for _ in 0..3 {
        simulation.exchange();
    }
});

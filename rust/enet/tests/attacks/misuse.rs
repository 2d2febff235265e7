//! Tests of protocol violations, and of a game that does not read.

use super::{MIB, Victim, address, connect_command, datagram, fragment, packets, reliable};
use lodewire_enet::wire::{Body, CONTROL_CHANNEL, Command};
use lodewire_enet::{Delivery, Event, Host, HostConfig, PeerKey};
use std::net::SocketAddr;
use std::time::Duration;

/// A legitimate peer that must be served while others misbehave.
struct Served {
    host: Host,
    peer: PeerKey,
    at_victim: PeerKey,
    address: SocketAddr,
    sent: usize,
    received: usize,
}

impl Served {
    fn new(victim: &mut Victim) -> Self {
        let mut host = Host::new(HostConfig::default(), [5; 32]);
        let peer = host.connect(address(1), 4, 0).expect("a free peer");
        let mut served =
            Self { host, peer, at_victim: peer, address: address(2), sent: 0, received: 0 };
        served.exchange(victim);
        served
    }

    fn exchange(&mut self, victim: &mut Victim) {
        for _ in 0..3 {
            let mut out = Vec::new();
            while self.host.poll_transmit(victim.now, &mut out).is_some() {
                victim.take(self.address, &std::mem::take(&mut out));
            }
            victim.transmit();
            for datagram in victim.answers(self.address) {
                self.host.handle_datagram(victim.now, address(1), &datagram);
            }
        }
        for event in victim.events() {
            match event {
                Event::Connect { peer, .. } if self.received == 0 && self.sent == 0 => {
                    self.at_victim = peer;
                }
                Event::Receive { peer, data, .. } => {
                    victim.host.release_capacity(peer, 1, data.len());
                    self.received += usize::from(peer == self.at_victim && &data[..] == b"served");
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, victim: &mut Victim) {
        self.host.send(self.peer, 0, Delivery::Reliable, b"served").expect("it is connected");
        self.sent += 1;
        self.exchange(victim);
    }
}

#[test]
fn random_and_mutated_datagrams_do_not_affect_other_peers() {
    let mut victim = Victim::new(HostConfig::default());
    let mut served = Served::new(&mut victim);
    let attacker = victim.admit(9);
    let mut seed = 99_u64;
    let mut next = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let payload = [7; 300];
    for round in 0..200_000_u32 {
        let commands = [
            reliable(next(255) as u8, next(65_536) as u16, &payload[..next(300)]),
            fragment(
                next(2) == 0,
                next(255) as u8,
                next(65_536) as u16,
                next(65_536) as u16,
                next(60) as u32,
                1 + next(1200),
                next(60_000) as u32,
            ),
            connect_command(next(4096) as u16, round),
        ];
        let of = next(3);
        let mut bytes = datagram(attacker.id, attacker.session, &commands[of..=of]);
        match next(4) {
            0 => bytes = (0..next(200)).map(|_| next(256) as u8).collect(),
            1 => bytes.truncate(next(bytes.len())),
            _ => {
                for _ in 0..=next(4) {
                    let at = next(bytes.len());
                    bytes[at] = next(256) as u8;
                }
            }
        }
        let from = if next(3) == 0 { address(round) } else { attacker.address };
        victim.host.handle_datagram(victim.now, from, &bytes);
        if round % 1000 == 0 {
            victim.pass(Duration::from_millis(20));
            victim.sent.retain(|(to, _)| *to == served.address);
            served.send(&mut victim);
        }
    }
    assert_eq!((served.sent, served.received), (200, 200));
    assert!(victim.host.buffered_bytes() <= 48 * MIB, "{}", victim.host.buffered_bytes());
}

#[test]
fn floods_of_every_command_are_bounded() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    let ping = Command {
        acknowledge: true,
        unsequenced: false,
        channel: CONTROL_CHANNEL,
        sequence: 1,
        body: Body::Ping,
    };
    let acknowledge = |sequence| Command {
        body: Body::Acknowledge { sequence, sent_time: sequence },
        acknowledge: false,
        ..ping
    };
    // Nothing is sent meanwhile: queued acknowledgements are limited.
    for round in 0..20_000_u16 {
        let commands: Vec<_> = (0..100).map(|_| ping).chain([acknowledge(round)]).collect();
        let bytes = datagram(attacker.id, attacker.session, &commands);
        victim.host.handle_datagram(victim.now, attacker.address, &bytes);
    }
    victim.transmit();
    let bytes: usize = victim.sent.iter().map(|(_, datagram)| datagram.len()).sum();
    assert!(bytes < 200_000, "{bytes}");
    // Empty packets, far ahead and in reverse order: each takes memory, and is charged.
    for sequence in (2..28_000_u16).rev() {
        for channel in 0..8 {
            victim.attack(&attacker, &[reliable(channel, sequence, b"")]);
        }
    }
    assert!(victim.host.buffered_bytes() <= 8 * MIB, "{}", victim.host.buffered_bytes());
}

#[test]
fn contradictory_fragments_are_dropped() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    victim.events();
    victim.attack(&attacker, &[fragment(true, 0, 1, 1, 0, 1000, 5000)]);
    victim.attack(&attacker, &[fragment(true, 0, 1, 1, 0, 1000, 6000)]);
    victim.attack(&attacker, &[fragment(true, 0, 2, 2, 0, 1000, 5000)]);
    victim.attack(&attacker, &[reliable(0, 3, b"within the first")]);
    assert!(victim.events().is_empty());
    // A whole packet replaces the fragments of its number.
    victim.attack(&attacker, &[reliable(0, 1, b"whole")]);
    assert_eq!(packets(&victim.events()), 1);
}

#[test]
fn reliable_packets_wait_for_a_game_that_does_not_read() {
    let config = HostConfig { max_waiting_data: 100_000, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    let mut client = Host::new(HostConfig::default(), [6; 32]);
    let from = address(2);
    let peer = client.connect(address(1), 1, 0).expect("a free peer");
    let exchange = |victim: &mut Victim, client: &mut Host| {
        let mut out = Vec::new();
        while client.poll_transmit(victim.now, &mut out).is_some() {
            victim.take(from, &std::mem::take(&mut out));
        }
        victim.pass(Duration::from_millis(5));
        for datagram in victim.answers(from) {
            client.handle_datagram(victim.now, address(1), &datagram);
        }
        client.handle_timeout(victim.now);
    };
    for _ in 0..3 {
        exchange(&mut victim, &mut client);
    }
    let Some(Event::Connect { peer: at_victim, .. }) = victim.events().pop() else {
        panic!("not connected")
    };
    for number in 0..500_u32 {
        let mut data = number.to_be_bytes().to_vec();
        data.resize(1000, 0);
        client.send(peer, 0, Delivery::Reliable, &data).expect("connected");
    }
    for _ in 0..300 {
        exchange(&mut victim, &mut client);
        assert!(victim.host.buffered_bytes() <= 200_000, "{}", victim.host.buffered_bytes());
    }
    assert!(victim.host.peer_statistics(at_victim).expect("a peer").refused > 0);
    let mut numbers = Vec::new();
    for _ in 0..3000 {
        for event in victim.events() {
            if let Event::Receive { data, .. } = event {
                numbers.push(u32::from_be_bytes(data[..4].try_into().expect("a number")));
                victim.host.release_capacity(at_victim, 1, data.len());
            }
        }
        exchange(&mut victim, &mut client);
    }
    assert!(numbers.into_iter().eq(0..500));
}

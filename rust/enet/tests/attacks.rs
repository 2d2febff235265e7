//! What a hostile peer, or somebody who writes false sender addresses, can and cannot do.

#![expect(clippy::cast_possible_truncation, clippy::expect_used, clippy::panic, reason = "a test")]

use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, Connect, Fragment, Header, NO_PEER, VerifyConnect,
};
use lodewire_enet::{Delivery, Event, Events, Host, HostConfig, PeerKey, Time};
use std::net::SocketAddr;
use std::time::Duration;

const MIB: usize = 1 << 20;

fn address(number: u32) -> SocketAddr {
    let [a, b, c, d] = number.to_be_bytes();
    SocketAddr::from(([a, b, c, d], 5000))
}

/// A peer that writes its datagrams by hand.
struct Attacker {
    address: SocketAddr,
    /// How the host wants to be addressed.
    id: u16,
    session: u8,
}

/// A host, a clock, and what it has sent.
struct Victim {
    host: Host,
    now: Time,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

fn connect_command(id: u16, connect_id: u32) -> Command<'static> {
    let terms = VerifyConnect {
        outgoing_peer_id: id,
        incoming_session: 0xFF,
        outgoing_session: 0xFF,
        mtu: 1392,
        window_size: 65_536,
        channel_count: 255,
        incoming_bandwidth: 0,
        outgoing_bandwidth: 0,
        throttle_interval: 5000,
        throttle_acceleration: 2,
        throttle_deceleration: 2,
        connect_id: connect_id.to_be_bytes(),
    };
    let body = Body::Connect(Connect { terms, data: 0 });
    Command { acknowledge: true, unsequenced: false, channel: CONTROL_CHANNEL, sequence: 1, body }
}

fn datagram(id: u16, session: u8, commands: &[Command<'_>]) -> Vec<u8> {
    let header = Header { peer_id: id, session, compressed: false, sent_time: Some(1) };
    let mut datagram = header.encode()[..header.encoded_len()].to_vec();
    for command in commands {
        command.encode(&mut datagram);
    }
    datagram
}

impl Victim {
    fn new(config: HostConfig) -> Self {
        let host = Host::new(config, [9; 32]);
        Self { host, now: Time::from_micros(1_000_000), sent: Vec::new() }
    }

    fn transmit(&mut self) {
        let mut out = Vec::new();
        while let Some(to) = self.host.transmit(self.now, &mut out) {
            self.sent.push((to, std::mem::take(&mut out)));
        }
    }

    fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.host.handle(self.now, from, datagram);
        self.transmit();
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.host.expire(self.now);
        self.transmit();
    }

    /// What was sent to an address, which is forgotten.
    fn answers(&mut self, to: SocketAddr) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        self.sent.retain_mut(|(address, datagram)| {
            let its = *address == to;
            if its {
                answers.push(std::mem::take(datagram));
            }
            !its
        });
        answers
    }

    /// Connects an attacker by the rules.
    fn admit(&mut self, number: u32) -> Attacker {
        let address = address(number);
        self.take(address, &datagram(NO_PEER, 0, &[connect_command(7, number)]));
        let answer = self.answers(address).pop().expect("an answer");
        let (header, rest) = Header::parse(&answer).expect("a header");
        let command = Commands::new(rest).next().expect("a command");
        let Body::VerifyConnect(terms) = command.body else { panic!("{command:?}") };
        let body = Body::Acknowledge {
            sequence: command.sequence,
            sent_time: header.sent_time.expect("a sent time"),
        };
        let acknowledge = Command {
            acknowledge: false,
            unsequenced: false,
            channel: CONTROL_CHANNEL,
            sequence: command.sequence,
            body,
        };
        let attacker =
            Attacker { address, id: terms.outgoing_peer_id, session: terms.outgoing_session };
        self.attack(&attacker, &[acknowledge]);
        attacker
    }

    fn attack(&mut self, attacker: &Attacker, commands: &[Command<'_>]) {
        self.take(attacker.address, &datagram(attacker.id, attacker.session, commands));
    }

    fn events(&mut self) -> Vec<Event<'static>> {
        told(&mut self.host)
    }
}

fn fragment(
    reliable: bool,
    channel: u8,
    sequence: u16,
    start: u16,
    number: u32,
    total: u32,
) -> Command<'static> {
    let count = total.div_ceil(1000).max(number + 1);
    let piece = Fragment {
        start_sequence: start,
        count,
        number,
        total_length: total,
        offset: number * 1000,
        data: &[1; 4],
    };
    let body =
        if reliable { Body::SendFragment(piece) } else { Body::SendUnreliableFragment(piece) };
    Command { acknowledge: reliable, unsequenced: false, channel, sequence, body }
}

fn reliable(channel: u8, sequence: u16, data: &[u8]) -> Command<'_> {
    let body = Body::SendReliable { data };
    Command { acknowledge: true, unsequenced: false, channel, sequence, body }
}

/// What has happened at a host.
fn told(host: &mut Host) -> Vec<Event<'static>> {
    let mut events = Events::default();
    host.take_events(&mut events);
    std::iter::from_fn(|| events.pop().map(Event::into_owned)).collect()
}

/// The packets among events.
fn packets(events: &[Event<'_>]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Receive { .. })).count()
}

#[test]
fn incomplete_unreliable_packets_do_not_make_a_peer_deaf() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    victim.events();
    // 64 MiB in all, twice of what makes ENet deaf.
    for index in 1..=1024_u16 {
        victim.attack(&attacker, &[fragment(false, (index % 200) as u8, 0, index, 0, 65_536)]);
        assert!(victim.host.kept() <= 4 * MIB, "{}", victim.host.kept());
    }
    assert_eq!(packets(&victim.events()), 0);
    victim.attack(&attacker, &[reliable(0, 1, b"still here")]);
    let body = Body::SendUnreliable { unreliable_sequence: 2000, data: b"and here" };
    let unreliable =
        Command { acknowledge: false, unsequenced: false, channel: 1, sequence: 0, body };
    victim.attack(&attacker, &[unreliable]);
    assert_eq!(packets(&victim.events()), 2);
}

#[test]
fn crafted_pieces_cost_no_more_than_the_limits() {
    let mut victim = Victim::new(HostConfig::default());
    let attackers: Vec<_> = (1..=8).map(|number| victim.admit(number)).collect();
    // 96 KB and more, of pieces of 4 bytes that claim 32 MiB, on all channels, of all kinds, near and far ahead.
    for attacker in &attackers {
        for index in 0..4000_u32 {
            let channel = (index % 255) as u8;
            let start = (index / 255 * 7 + 1) as u16;
            let total = if index % 3 == 0 { 32 << 20 } else { 60_000 };
            let commands = [
                fragment(true, channel, start, start, 0, total),
                fragment(false, channel, 0, start, 0, total),
                fragment(true, channel, start + 20_000, start + 20_000, 0, total),
            ];
            victim.attack(attacker, &commands);
        }
    }
    // One packet may be as long as 32 MiB, of each kind; the rest is within the 8 MiB.
    let most = attackers.len() * (2 * 32 + 12) * MIB;
    assert!(victim.host.kept() <= most, "{} MiB", victim.host.kept() / MIB);
    for attacker in &attackers {
        victim.attack(attacker, &[reliable(254, 30_000, b"x")]);
    }
}

#[test]
fn the_budget_of_the_host_holds_for_all_peers_together() {
    let config = HostConfig { peers: 200, host_waiting_limit: 32 * MIB, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    let attackers: Vec<_> = (1..=100).map(|number| victim.admit(number)).collect();
    for sequence in 1..=1000_u16 {
        for attacker in &attackers {
            victim.attack(attacker, &[reliable(0, sequence, &[0; 1200])]);
        }
    }
    // Each may be over its share by a packet.
    assert!(victim.host.kept() <= 33 * MIB, "{} MiB", victim.host.kept() / MIB);
    // One whose game reads is served.
    victim.events();
    let late = victim.admit(5000);
    let Some(Event::Connect { peer, .. }) = victim.events().pop() else { panic!("not connected") };
    for sequence in 1..=1000_u16 {
        victim.attack(&late, &[reliable(0, sequence, &[0; 1200])]);
        for event in victim.events() {
            if let Event::Receive { peer: from, data, .. } = event {
                assert_eq!(from, peer);
                victim.host.consumed(peer, 1, data.len());
            }
        }
    }
    assert_eq!(victim.host.peer_statistics(peer).expect("a peer").refused, 0);
}

#[test]
fn a_flood_of_false_connects_does_not_keep_players_out() {
    let million = std::env::var_os("LODEWIRE_ENET_SEEDS").is_some();
    let spoofed: u32 = if million { 1_000_000 } else { 200_000 };
    let mut victim = Victim::new(HostConfig::default());
    let mut player = Host::new(HostConfig::default(), [4; 32]);
    let player_address = address(0xC0A8_0001);
    let server_address = address(0x0A00_0001);
    let key = player.connect(server_address, 4, 1).expect("a free peer");
    let began = victim.now;
    let mut joined = None;
    // What is on its way between the player and the host: 75 ms each way.
    let mut on_the_way: Vec<(Time, bool, Vec<u8>)> = Vec::new();
    let mut random = 12_345_u32;
    let (mut sent, mut received) = (0, 0);
    for step in 0..spoofed / 50 {
        // A millisecond has fifty of them.
        victim.now = victim.now + Duration::from_millis(1);
        for _ in 0..50 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let datagram = datagram(NO_PEER, 0, &[connect_command(step as u16 & 0x7FF, random)]);
            received += datagram.len();
            victim.host.handle(victim.now, address(random | 1 << 31), &datagram);
        }
        let now = victim.now;
        let due: Vec<_> = on_the_way.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, to_host, datagram) in due {
            if to_host {
                victim.host.handle(now, player_address, &datagram);
            } else {
                player.handle(now, server_address, &datagram);
            }
        }
        victim.host.expire(now);
        player.expire(now);
        victim.transmit();
        let later = now + Duration::from_millis(75);
        for (to, datagram) in std::mem::take(&mut victim.sent) {
            if to == player_address {
                on_the_way.push((later, false, datagram));
            } else {
                sent += datagram.len();
            }
        }
        let mut out = Vec::new();
        while player.transmit(now, &mut out).is_some() {
            on_the_way.push((later, true, std::mem::take(&mut out)));
        }
        for event in victim.events() {
            assert!(matches!(event, Event::Connect { data: 1, .. }), "{event:?}");
            joined.get_or_insert(now);
        }
        assert!(sent <= received, "{sent} bytes in answer to {received}");
    }
    let joined = joined.expect("the player joined");
    let took = Duration::from_micros(joined.as_micros() - began.as_micros());
    assert!(took <= Duration::from_secs(3), "{took:?}");
    assert_eq!(victim.host.peer_count(), 1, "nobody else has");
    // And it stays connected.
    assert_eq!(told(&mut player), [Event::Connect { peer: key, data: 0 }]);
}

#[test]
fn one_address_alone_cannot_use_up_the_table() {
    let config = HostConfig { half_open_per_address: 10, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    for number in 0..1000_u32 {
        let from = SocketAddr::from(([9, 9, 9, 9], 1000 + number as u16));
        victim.take(from, &datagram(NO_PEER, 0, &[connect_command(1, number)]));
    }
    assert_eq!(victim.sent.len(), 10);
    victim.pass(Duration::from_secs(11));
    let from = SocketAddr::from(([9, 9, 9, 9], 999));
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(1, 1)]));
    assert_eq!(victim.answers(from).len(), 1, "old ones are forgotten");
}

#[test]
fn a_connect_is_answered_once_each_time_it_comes_and_never_longer() {
    let mut victim = Victim::new(HostConfig::default());
    let asked = datagram(NO_PEER, 0, &[connect_command(3, 77)]);
    let from = address(1);
    for _ in 0..3 {
        victim.take(from, &asked);
        let answers = victim.answers(from);
        assert_eq!(answers.len(), 1);
        assert!(answers[0].len() < asked.len());
    }
    for _ in 0..20 {
        victim.pass(Duration::from_millis(500));
        assert!(victim.answers(from).is_empty(), "nothing is repeated unasked");
    }
}

/// A peer by the rules, of another host, that is served while others misbehave.
struct Served {
    host: Host,
    peer: PeerKey,
    at_victim: PeerKey,
    address: SocketAddr,
    sent: usize,
    came: usize,
}

impl Served {
    fn new(victim: &mut Victim) -> Self {
        let mut host = Host::new(HostConfig::default(), [5; 32]);
        let peer = host.connect(address(1), 4, 0).expect("a free peer");
        let mut served =
            Self { host, peer, at_victim: peer, address: address(2), sent: 0, came: 0 };
        served.exchange(victim);
        served
    }

    fn exchange(&mut self, victim: &mut Victim) {
        for _ in 0..3 {
            let mut out = Vec::new();
            while self.host.transmit(victim.now, &mut out).is_some() {
                victim.take(self.address, &std::mem::take(&mut out));
            }
            victim.transmit();
            for datagram in victim.answers(self.address) {
                self.host.handle(victim.now, address(1), &datagram);
            }
        }
        for event in victim.events() {
            match event {
                Event::Connect { peer, .. } if self.came == 0 && self.sent == 0 => {
                    self.at_victim = peer;
                }
                Event::Receive { peer, data, .. } => {
                    victim.host.consumed(peer, 1, data.len());
                    self.came += usize::from(peer == self.at_victim && &data[..] == b"served");
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
fn random_and_mutated_datagrams_leave_others_served() {
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
        victim.host.handle(victim.now, from, &bytes);
        if round % 1000 == 0 {
            victim.pass(Duration::from_millis(20));
            victim.sent.retain(|(to, _)| *to == served.address);
            served.send(&mut victim);
        }
    }
    assert_eq!((served.sent, served.came), (200, 200));
    assert!(victim.host.kept() <= 48 * MIB, "{}", victim.host.kept());
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
    // Nothing is sent meanwhile: what waits to be acknowledged is limited.
    for round in 0..20_000_u16 {
        let commands: Vec<_> = (0..100).map(|_| ping).chain([acknowledge(round)]).collect();
        let bytes = datagram(attacker.id, attacker.session, &commands);
        victim.host.handle(victim.now, attacker.address, &bytes);
    }
    victim.transmit();
    let bytes: usize = victim.sent.iter().map(|(_, datagram)| datagram.len()).sum();
    assert!(bytes < 200_000, "{bytes}");
    // Empty packets, far ahead and backwards: each costs memory, and is counted.
    for sequence in (2..28_000_u16).rev() {
        for channel in 0..8 {
            victim.attack(&attacker, &[reliable(channel, sequence, b"")]);
        }
    }
    assert!(victim.host.kept() <= 8 * MIB, "{}", victim.host.kept());
}

#[test]
fn contradictory_pieces_are_dropped() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    victim.events();
    victim.attack(&attacker, &[fragment(true, 0, 1, 1, 0, 5000)]);
    victim.attack(&attacker, &[fragment(true, 0, 1, 1, 0, 6000)]);
    victim.attack(&attacker, &[fragment(true, 0, 2, 2, 0, 5000)]);
    victim.attack(&attacker, &[reliable(0, 3, b"within the first")]);
    assert!(victim.events().is_empty());
    // A whole packet where pieces began takes their place.
    victim.attack(&attacker, &[reliable(0, 1, b"whole")]);
    assert_eq!(packets(&victim.events()), 1);
}

#[test]
fn a_game_that_does_not_read_is_waited_for() {
    let config = HostConfig { waiting_limit: 100_000, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    let mut client = Host::new(HostConfig::default(), [6; 32]);
    let from = address(2);
    let peer = client.connect(address(1), 1, 0).expect("a free peer");
    let exchange = |victim: &mut Victim, client: &mut Host| {
        let mut out = Vec::new();
        while client.transmit(victim.now, &mut out).is_some() {
            victim.take(from, &std::mem::take(&mut out));
        }
        victim.pass(Duration::from_millis(5));
        for datagram in victim.answers(from) {
            client.handle(victim.now, address(1), &datagram);
        }
        client.expire(victim.now);
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
        assert!(victim.host.kept() <= 200_000, "{}", victim.host.kept());
    }
    assert!(victim.host.peer_statistics(at_victim).expect("a peer").refused > 0);
    let mut numbers = Vec::new();
    for _ in 0..3000 {
        for event in victim.events() {
            if let Event::Receive { data, .. } = event {
                numbers.push(u32::from_be_bytes(data[..4].try_into().expect("a number")));
                victim.host.consumed(at_victim, 1, data.len());
            }
        }
        exchange(&mut victim, &mut client);
    }
    assert!(numbers.into_iter().eq(0..500));
}

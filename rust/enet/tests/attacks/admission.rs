//! Who gets a connection, and what it costs.

use super::{Victim, address, connect_command, datagram, told};
use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, ConnectParams, Header, NO_PEER,
};
use lodewire_enet::{Event, Host, HostConfig, PeerKey, PeerState, Time};
use std::net::SocketAddr;
use std::time::Duration;

/// A player who joins by the rules, 75 ms away from the host.
struct Player {
    host: Host,
    address: SocketAddr,
    peer: PeerKey,
    /// What is on its way between the player and the host, and whether to the host.
    on_the_way: Vec<(Time, bool, Vec<u8>)>,
}

impl Player {
    fn server() -> SocketAddr {
        address(0x0A00_0001)
    }

    fn new(address: SocketAddr) -> Self {
        let mut host = Host::new(HostConfig::default(), [4; 32]);
        let peer = host.connect(Self::server(), 4, 1).expect("a free peer");
        Self { host, address, peer, on_the_way: Vec::new() }
    }

    /// Does what the clock of the host says. Returns how many bytes the host has sent to others.
    fn step(&mut self, victim: &mut Victim) -> usize {
        let now = victim.now;
        let due: Vec<_> = self.on_the_way.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, to_host, datagram) in due {
            if to_host {
                victim.host.handle_datagram(now, self.address, &datagram);
            } else {
                self.host.handle_datagram(now, Self::server(), &datagram);
            }
        }
        victim.host.handle_timeout(now);
        self.host.handle_timeout(now);
        victim.transmit();
        let later = now + Duration::from_millis(75);
        let mut to_others = 0;
        for (to, datagram) in std::mem::take(&mut victim.sent) {
            if to == self.address {
                self.on_the_way.push((later, false, datagram));
            } else {
                to_others += datagram.len();
            }
        }
        let mut out = Vec::new();
        while self.host.poll_transmit(now, &mut out).is_some() {
            self.on_the_way.push((later, true, std::mem::take(&mut out)));
        }
        to_others
    }
}

#[test]
fn a_flood_of_false_connects_does_not_keep_players_out() {
    let million = std::env::var_os("LODEWIRE_ENET_SEEDS").is_some();
    let spoofed: u32 = if million { 1_000_000 } else { 200_000 };
    let mut victim = Victim::new(HostConfig::default());
    let mut player = Player::new(address(0xC0A8_0001));
    let began = victim.now;
    let mut joined = None;
    let mut random = 12_345_u32;
    let (mut sent, mut received) = (0, 0);
    for step in 0..spoofed / 50 {
        // A millisecond has fifty of them.
        victim.now = victim.now + Duration::from_millis(1);
        for _ in 0..50 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let datagram = datagram(NO_PEER, 0, &[connect_command(step as u16 & 0x7FF, random)]);
            received += datagram.len();
            victim.host.handle_datagram(victim.now, address(random | 1 << 31), &datagram);
        }
        sent += player.step(&mut victim);
        for event in victim.events() {
            assert!(matches!(event, Event::Connect { data: 1, .. }), "{event:?}");
            joined.get_or_insert(victim.now);
        }
        assert!(sent <= received, "{sent} bytes in answer to {received}");
    }
    let joined = joined.expect("the player joined");
    let took = Duration::from_micros(joined.as_micros() - began.as_micros());
    assert!(took <= Duration::from_secs(3), "{took:?}");
    assert_eq!(victim.host.peer_count(), 1, "nobody else has");
    // And it stays connected.
    assert_eq!(told(&mut player.host), [Event::Connect { peer: player.peer, data: 0 }]);
}

/// Somebody who knows the address of a player, and perhaps the port, asks in his name all the time.
#[test]
fn false_connects_in_the_name_of_a_player_do_not_keep_him_out() {
    let of_player = SocketAddr::from(([192, 168, 0, 1], 50_000));
    for (per_second, same_port) in [(100, true), (250, true), (500, false), (4000, false)] {
        // Whenever he comes: before the records of the address are all in use, and after.
        for seconds_before in 0..12 {
            let mut victim = Victim::new(HostConfig::default());
            let mut player = None;
            let start = victim.now + Duration::from_secs(seconds_before);
            let end = start + Duration::from_secs(1);
            let (mut seed, mut asked) = (seconds_before, 0);
            while victim.host.peer_count() == 0 {
                victim.now = victim.now + Duration::from_millis(1);
                let millis = (victim.now.as_micros() - 1_000_000) / 1000;
                while asked * 1000 < millis * per_second {
                    asked += 1;
                    let port = if same_port { 50_000 } else { random(&mut seed) as u16 | 1 };
                    let from = SocketAddr::from(([192, 168, 0, 1], port));
                    let command = connect_command(7, random(&mut seed));
                    victim.host.handle_datagram(
                        victim.now,
                        from,
                        &datagram(NO_PEER, 0, &[command]),
                    );
                }
                if victim.now >= start {
                    player.get_or_insert_with(|| Player::new(of_player)).step(&mut victim);
                } else {
                    victim.host.handle_timeout(victim.now);
                    victim.transmit();
                    victim.sent.clear();
                }
                let what = format!("{per_second} a second, one port: {same_port}");
                assert!(victim.now <= end, "{what}: kept out after {seconds_before} s");
            }
            let mut player = player.expect("it has come");
            let connect = Event::Connect { peer: player.peer, data: 0 };
            assert_eq!(told(&mut player.host), [connect], "both know");
            assert!(victim.host.half_open_count() <= 4096);
        }
    }
}

/// What is asked for in the name of a player within his round trip leaves his request alone, however much it is.
#[test]
fn a_request_has_a_second_whatever_else_its_port_asks_for() {
    let mut victim = Victim::new(HostConfig::default());
    let from = address(1);
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(7, 0)]));
    let (id, session, sequence, sent_time) = offered(&victim.answers(from)[0]);
    victim.pass(Duration::from_millis(999));
    for connect_id in 1..10_000 {
        victim.take(from, &datagram(NO_PEER, 0, &[connect_command(7, connect_id)]));
    }
    assert_eq!(victim.host.half_open_count(), 256);
    victim.take(from, &datagram(id, session, &[acknowledgement(sequence, sent_time)]));
    assert_eq!(victim.host.peer_count(), 1);
}

#[test]
fn one_address_alone_cannot_use_up_the_table() {
    let config = HostConfig { max_half_open_per_address: 10, ..HostConfig::default() };
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

/// The numbers in a `VERIFY_CONNECT`: the connection's number and session, and what is to be acknowledged.
fn offered(answer: &[u8]) -> (u16, u8, u16, u16) {
    let (header, rest) = Header::parse(answer).expect("a header");
    let command = Commands::new(rest).next().expect("a command");
    let Body::VerifyConnect(params) = command.body else { panic!("{command:?}") };
    let sent_time = header.sent_time.expect("a sent time");
    (params.outgoing_peer_id, params.outgoing_session, command.sequence, sent_time)
}

fn acknowledgement(sequence: u16, sent_time: u16) -> Command<'static> {
    Command {
        acknowledge: false,
        unsequenced: false,
        channel: CONTROL_CHANNEL,
        sequence: 1,
        body: Body::Acknowledge { sequence, sent_time },
    }
}

fn random(seed: &mut u64) -> u32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 32) as u32
}

/// A sender of false addresses, who sees no answer, asks for connections of one address and acknowledges whatever may have
/// been sent to it: in each datagram as many numbers as there is room for, with the time that the host's clock shows.
#[test]
fn a_blind_sender_does_not_get_a_connection_for_a_false_address() {
    for mut seed in 0..4_u64 {
        let mut victim = Victim::new(HostConfig::default());
        let from = address(1);
        for connect_id in 0..4095 {
            victim.take(from, &datagram(NO_PEER, 0, &[connect_command(7, connect_id)]));
        }
        for _ in 0..20_000 {
            let (id, session) = (random(&mut seed) % 4095, random(&mut seed) & 3);
            let first = random(&mut seed) as u16;
            let commands: Vec<_> =
                (0..511).map(|step| acknowledgement(first.wrapping_add(step), 1000)).collect();
            victim.take(from, &datagram(id as u16, session as u8, &commands));
        }
        assert_eq!(victim.host.peer_count(), 0, "{} connections", victim.host.peer_count());
    }
}

/// The number of the connection (12 bits), the session (2), the sequence number and the sent time (16 each) are random. 256
/// records of an address make 8 of these 46 bits easier to guess.
#[test]
fn a_false_address_is_proven_by_46_random_bits() {
    const COUNT: u32 = 20_000;
    let mut victim = Victim::new(HostConfig::default());
    let mut ones = [0_u32; 46];
    for number in 0..COUNT {
        let from = address(number);
        // An attacker may name sessions, which are not to have a part in what is secret.
        let mut command = connect_command(7, number);
        if let Body::Connect(connect) = &mut command.body {
            connect.params.incoming_session = (number & 3) as u8;
            connect.params.outgoing_session = (number & 3) as u8;
        }
        victim.take(from, &datagram(NO_PEER, 0, &[command]));
        let answers = victim.answers(from);
        let (id, session, sequence, sent_time) = offered(&answers[0]);
        let bits = u64::from(id)
            | u64::from(session) << 12
            | u64::from(sequence) << 14
            | u64::from(sent_time) << 30;
        for (index, count) in ones.iter_mut().enumerate() {
            *count += u32::from(bits >> index & 1 == 1);
        }
    }
    // A half, within seven standard deviations.
    assert!(ones.iter().all(|count| count.abs_diff(COUNT / 2) < 500), "{ones:?}");
}

#[test]
fn one_port_gets_256_of_the_4095_numbers() {
    let mut victim = Victim::new(HostConfig::default());
    for connect_id in 0..4095 {
        victim.take(address(1), &datagram(NO_PEER, 0, &[connect_command(7, connect_id)]));
    }
    assert_eq!((victim.host.half_open_count(), victim.sent.len()), (256, 256));
}

#[test]
fn only_the_first_command_of_a_datagram_proves_an_address() {
    let mut victim = Victim::new(HostConfig::default());
    let from = address(1);
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(7, 1)]));
    let (id, session, sequence, sent_time) = offered(&victim.answers(from)[0]);
    let right = acknowledgement(sequence, sent_time);
    let wrong = acknowledgement(sequence ^ 1, sent_time);
    victim.take(from, &datagram(id, session, &[wrong, right]));
    assert_eq!(victim.host.peer_count(), 0);
    victim.take(from, &datagram(id, session, &[right]));
    assert_eq!(victim.host.peer_count(), 1);
}

#[test]
fn a_request_is_forgotten_after_four_wrong_answers() {
    let mut victim = Victim::new(HostConfig::default());
    let from = address(1);
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(7, 1)]));
    let (id, session, sequence, sent_time) = offered(&victim.answers(from)[0]);
    for guess in 1..=4 {
        assert_eq!(victim.host.half_open_count(), 1, "before guess {guess}");
        let wrong = acknowledgement(sequence, sent_time.wrapping_add(guess));
        victim.take(from, &datagram(id, session, &[wrong]));
    }
    assert_eq!(victim.host.half_open_count(), 0);
    victim.take(from, &datagram(id, session, &[acknowledgement(sequence, sent_time)]));
    assert_eq!(victim.host.peer_count(), 0);
}

#[test]
fn ten_thousand_repetitions_get_seventeen_answers() {
    let mut victim = Victim::new(HostConfig::default());
    let from = address(1);
    let asked = datagram(NO_PEER, 0, &[connect_command(3, 77)]);
    for _ in 0..10_000 {
        victim.take(from, &asked);
    }
    assert_eq!(victim.answers(from).len(), 17);
    // The same for datagrams that show the number and the session.
    let from = address(2);
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(3, 78)]));
    let (id, session, ..) = offered(&victim.answers(from)[0]);
    let ping = Command { body: Body::Ping, ..acknowledgement(0, 0) };
    for _ in 0..10_000 {
        victim.take(from, &datagram(id, session, &[ping]));
    }
    assert_eq!(victim.answers(from).len(), 16);
}

/// A host that has asked for a connection, and its CONNECT.
fn asking(seed: u8) -> (Host, PeerKey, ConnectParams) {
    let mut host = Host::new(HostConfig::default(), [seed; 32]);
    let peer = host.connect(address(1), 4, 0).expect("a free peer");
    let mut out = Vec::new();
    host.poll_transmit(Time::from_micros(1_000_000), &mut out).expect("a datagram");
    let (_, rest) = Header::parse(&out).expect("a header");
    let command = Commands::new(rest).next().expect("a command");
    let Body::Connect(connect) = command.body else { panic!("{command:?}") };
    (host, peer, connect.params)
}

#[test]
fn a_host_that_asks_has_a_random_number() {
    let ids: std::collections::HashSet<_> =
        (0..200).map(|seed| asking(seed).2.outgoing_peer_id).collect();
    assert!(ids.len() > 180, "{} of 200 numbers differ", ids.len());
}

/// Whoever knows neither the number of the connection nor its long one, and tries all of the short one and the session.
#[test]
fn a_blind_sender_does_not_end_a_connection_that_begins() {
    let now = Time::from_micros(1_001_000);
    let (mut host, peer, asked) = asking(4);
    let end = |acknowledge| Command {
        acknowledge,
        unsequenced: !acknowledge,
        body: Body::Disconnect { data: 0 },
        ..acknowledgement(0, 0)
    };
    let wrong = ConnectParams { connect_id: [0; 4], ..asked };
    let accept = Command { body: Body::VerifyConnect(wrong), ..acknowledgement(0, 0) };
    for id in 0..4095 {
        for session in 0..4 {
            for command in [end(true), end(false), accept, acknowledgement(1, 1)] {
                host.handle_datagram(now, address(1), &datagram(id, session, &[command]));
            }
        }
    }
    assert_eq!(host.state(peer), PeerState::Connecting);
    assert!(told(&mut host).is_empty());
    // The host that was asked is heard.
    let params =
        ConnectParams { outgoing_peer_id: 9, incoming_session: 2, outgoing_session: 1, ..asked };
    let accept = Command { body: Body::VerifyConnect(params), ..acknowledgement(0, 0) };
    host.handle_datagram(now, address(1), &datagram(asked.outgoing_peer_id, 2, &[accept]));
    assert_eq!(told(&mut host), [Event::Connect { peer, data: 0 }]);
    // From then on, the session counts as well.
    for session in [0, 1, 3] {
        host.handle_datagram(
            now,
            address(1),
            &datagram(asked.outgoing_peer_id, session, &[end(false)]),
        );
    }
    assert_eq!(host.state(peer), PeerState::Connected);
}

/// What is refused is refused before anything is done for it: 400,000 times here, and the table is full of numbers of the
/// same address. If each looked at all numbers, it would take minutes.
#[test]
fn a_request_beyond_the_limit_of_its_address_costs_nothing() {
    let mut victim = Victim::new(HostConfig::default());
    for connect_id in 0..400_000 {
        let asked = datagram(NO_PEER, 0, &[connect_command(7, connect_id)]);
        victim.host.handle_datagram(victim.now, address(1), &asked);
    }
    victim.transmit();
    assert_eq!(victim.sent.len(), 256);
}

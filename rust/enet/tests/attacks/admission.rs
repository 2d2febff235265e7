//! Tests of admission: half-open connections and address validation.

use super::{Victim, address, connect_command, datagram, events};
use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, ConnectParams, Header, NO_PEER,
};
use lodewire_enet::{Event, Host, HostConfig, PeerKey, PeerState, Time};
use std::net::SocketAddr;
use std::time::Duration;

/// A legitimate player, 75 ms away from the host.
struct Player {
    host: Host,
    address: SocketAddr,
    peer: PeerKey,
    /// Datagrams between player and host: arrival time, and true if sent to the host.
    in_transit: Vec<(Time, bool, Vec<u8>)>,
}

impl Player {
    fn server() -> SocketAddr {
        address(0x0A00_0001)
    }

    fn new(address: SocketAddr) -> Self {
        let mut host = Host::new(HostConfig::default(), [4; 32]);
        let peer = host.connect(Self::server(), 4, 1).expect("a free peer");
        Self { host, address, peer, in_transit: Vec::new() }
    }

    /// Advances player and host to the host's time. Returns the bytes that the host has sent to others.
    fn step(&mut self, victim: &mut Victim) -> usize {
        let now = victim.now;
        let due: Vec<_> = self.in_transit.extract_if(.., |(at, ..)| *at <= now).collect();
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
                self.in_transit.push((later, false, datagram));
            } else {
                to_others += datagram.len();
            }
        }
        let mut out = Vec::new();
        while self.host.poll_transmit(now, &mut out).is_some() {
            self.in_transit.push((later, true, std::mem::take(&mut out)));
        }
        to_others
    }
}

#[test]
fn spoofed_connect_flood_does_not_keep_players_out() {
    let million = std::env::var_os("LODEWIRE_ENET_SEEDS").is_some();
    let spoofed: u32 = if million { 1_000_000 } else { 200_000 };
    let mut victim = Victim::new(HostConfig::default());
    let mut player = Player::new(address(0xC0A8_0001));
    let began = victim.now;
    let mut joined = None;
    let mut random = 12_345_u32;
    let (mut sent, mut received) = (0, 0);
    for step in 0..spoofed / 50 {
        // Fifty of them per millisecond.
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
    assert_eq!(victim.host.peer_count(), 1, "only the player is connected");
    // And the player stays connected.
    assert_eq!(events(&mut player.host), [Event::Connect { peer: player.peer, data: 0 }]);
}

/// An attacker who knows the address of a player, and perhaps the port, sends spoofed CONNECTs all the time.
#[test]
fn connects_spoofed_from_a_players_address_do_not_keep_the_player_out() {
    let of_player = SocketAddr::from(([192, 168, 0, 1], 50_000));
    for (per_second, same_port) in [(100, true), (250, true), (500, false), (4000, false)] {
        // The player joins before the records of the address are all in use, and after.
        for seconds_before in 0..12 {
            let mut victim = Victim::new(HostConfig::default());
            let mut player = None;
            let start = victim.now + Duration::from_secs(seconds_before);
            let end = start + Duration::from_secs(1);
            let (mut seed, mut requests) = (seconds_before, 0);
            while victim.host.peer_count() == 0 {
                victim.now = victim.now + Duration::from_millis(1);
                let millis = (victim.now.as_micros() - 1_000_000) / 1000;
                while requests * 1000 < millis * per_second {
                    requests += 1;
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
            assert_eq!(events(&mut player.host), [connect], "both know");
            assert!(victim.host.half_open_count() <= 4096);
        }
    }
}

/// Spoofed CONNECTs within a player's round trip do not evict the player's record.
#[test]
fn half_open_record_is_protected_for_a_second() {
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
fn half_open_records_are_limited_per_address() {
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
fn each_connect_gets_one_shorter_answer() {
    let mut victim = Victim::new(HostConfig::default());
    let request = datagram(NO_PEER, 0, &[connect_command(3, 77)]);
    let from = address(1);
    for _ in 0..3 {
        victim.take(from, &request);
        let answers = victim.answers(from);
        assert_eq!(answers.len(), 1);
        assert!(answers[0].len() < request.len());
    }
    for _ in 0..20 {
        victim.pass(Duration::from_millis(500));
        assert!(victim.answers(from).is_empty(), "nothing is repeated unasked");
    }
}

/// Returns the peer id and session offered in a `VERIFY_CONNECT`, and its sequence number and sent time.
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

/// A sender of spoofed addresses, which sees no answers, requests connections for an address, and guesses
/// acknowledgements: as many as fit in each datagram, with the sent time of the host's clock.
#[test]
fn blind_sender_cannot_validate_a_spoofed_address() {
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

/// The peer id (12 bits), session (2), sequence number and sent time (16 each) are random. 256 records of an address
/// make 8 of these 46 bits easier to guess.
#[test]
fn address_validation_requires_46_random_bits() {
    const COUNT: u32 = 20_000;
    let mut victim = Victim::new(HostConfig::default());
    let mut ones = [0_u32; 46];
    for number in 0..COUNT {
        let from = address(number);
        // The session ids of the request must not influence the secret.
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
    // One half, within seven standard deviations.
    assert!(ones.iter().all(|count| count.abs_diff(COUNT / 2) < 500), "{ones:?}");
}

#[test]
fn one_port_gets_at_most_256_peer_ids() {
    let mut victim = Victim::new(HostConfig::default());
    for connect_id in 0..4095 {
        victim.take(address(1), &datagram(NO_PEER, 0, &[connect_command(7, connect_id)]));
    }
    assert_eq!((victim.host.half_open_count(), victim.sent.len()), (256, 256));
}

#[test]
fn only_the_first_command_validates_an_address() {
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
fn half_open_record_is_dropped_after_four_wrong_acknowledgements() {
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
fn repeated_connects_get_seventeen_answers() {
    let mut victim = Victim::new(HostConfig::default());
    let from = address(1);
    let request = datagram(NO_PEER, 0, &[connect_command(3, 77)]);
    for _ in 0..10_000 {
        victim.take(from, &request);
    }
    assert_eq!(victim.answers(from).len(), 17);
    // The same for datagrams with the right peer id and session.
    let from = address(2);
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(3, 78)]));
    let (id, session, ..) = offered(&victim.answers(from)[0]);
    let ping = Command { body: Body::Ping, ..acknowledgement(0, 0) };
    for _ in 0..10_000 {
        victim.take(from, &datagram(id, session, &[ping]));
    }
    assert_eq!(victim.answers(from).len(), 16);
}

/// Returns a connecting host, its peer and the parameters of its CONNECT.
fn connecting_host(seed: u8) -> (Host, PeerKey, ConnectParams) {
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
fn connecting_host_uses_a_random_peer_id() {
    let ids: std::collections::HashSet<_> =
        (0..200).map(|seed| connecting_host(seed).2.outgoing_peer_id).collect();
    assert!(ids.len() > 180, "{} of 200 numbers differ", ids.len());
}

/// A sender that knows neither peer id nor connect id tries all peer ids and sessions.
#[test]
fn blind_sender_cannot_end_a_connecting_peer() {
    let now = Time::from_micros(1_001_000);
    let (mut host, peer, request) = connecting_host(4);
    let end = |acknowledge| Command {
        acknowledge,
        unsequenced: !acknowledge,
        body: Body::Disconnect { data: 0 },
        ..acknowledgement(0, 0)
    };
    let wrong = ConnectParams { connect_id: [0; 4], ..request };
    let accept = Command { body: Body::VerifyConnect(wrong), ..acknowledgement(0, 0) };
    for id in 0..4095 {
        for session in 0..4 {
            for command in [end(true), end(false), accept, acknowledgement(1, 1)] {
                host.handle_datagram(now, address(1), &datagram(id, session, &[command]));
            }
        }
    }
    assert_eq!(host.state(peer), PeerState::Connecting);
    assert!(events(&mut host).is_empty());
    // The requested host's answer is accepted.
    let params =
        ConnectParams { outgoing_peer_id: 9, incoming_session: 2, outgoing_session: 1, ..request };
    let accept = Command { body: Body::VerifyConnect(params), ..acknowledgement(0, 0) };
    host.handle_datagram(now, address(1), &datagram(request.outgoing_peer_id, 2, &[accept]));
    assert_eq!(events(&mut host), [Event::Connect { peer, data: 0 }]);
    // From then on, the session is checked as well.
    for session in [0, 1, 3] {
        host.handle_datagram(
            now,
            address(1),
            &datagram(request.outgoing_peer_id, session, &[end(false)]),
        );
    }
    assert_eq!(host.state(peer), PeerState::Connected);
}

/// Requests beyond the limit are dropped before any work: 400,000 of them, while the table is full of records of the
/// same address. A search of all records for each would take minutes.
#[test]
fn connects_beyond_the_address_limit_are_cheap() {
    let mut victim = Victim::new(HostConfig::default());
    for connect_id in 0..400_000 {
        let request = datagram(NO_PEER, 0, &[connect_command(7, connect_id)]);
        victim.host.handle_datagram(victim.now, address(1), &request);
    }
    victim.transmit();
    assert_eq!(victim.sent.len(), 256);
}

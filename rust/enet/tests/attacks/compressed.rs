//! Tests of datagrams that expand when decompressed.

use super::{Attacker, Victim, address, connect_command, datagram, packets, reliable};
use lodewire_enet::wire::{
    Body, CONTROL_CHANNEL, Command, Commands, ConnectParams, Header, NO_PEER,
};
use lodewire_enet::{Compression, Compressor, HostConfig};
use std::time::Duration;

const LONG: [u8; 4000] = [0; 4000];
/// The decompression budget of a peer per second.
const A_SECOND: usize = 8 << 20;

fn compressed(mode: Compression, id: u16, session: u8, commands: &[Command<'_>]) -> Vec<u8> {
    let header = Header { peer_id: id, session, compressed: true, sent_time: Some(1) };
    let mut datagram = header.encode()[..header.encoded_len()].to_vec();
    let mut plain = Vec::new();
    for command in commands {
        command.encode(&mut plain);
    }
    let mut compressor = Compressor::new(mode).expect("a mode");
    if !compressor.compress(&plain, &mut datagram) {
        return super::datagram(id, session, commands);
    }
    datagram
}

fn victim(mode: Compression) -> Victim {
    let mut victim = Victim::new(HostConfig::default());
    victim.host.set_compressor(Compressor::new(mode));
    victim
}

fn connected(victim: &mut Victim, number: u32) -> Attacker {
    // Without compression, which is accepted as well.
    victim.host.set_compressor(None);
    let attacker = victim.admit(number);
    victim.host.set_compressor(Compressor::new(Compression::RangeCoder));
    victim.events();
    attacker
}

fn unreliable(number: u16) -> Command<'static> {
    let body = Body::SendUnreliable { unreliable_sequence: number, data: &LONG };
    Command { acknowledge: false, unsequenced: false, channel: 0, sequence: 0, body }
}

/// Decompressing 40 bytes to 4000 takes ENet's range coder as long as decompressing 4000.
#[test]
fn peer_may_decompress_1_mib_at_once_and_8_mib_per_second() {
    let mut victim = victim(Compression::RangeCoder);
    let [attacker, other] = [1, 2].map(|number| connected(&mut victim, number));
    let mut received = 0;
    let mut send = |victim: &mut Victim, attacker: &Attacker, number| {
        let commands = [unreliable(number)];
        let mode = Compression::RangeCoder;
        victim.take(attacker.address, &compressed(mode, attacker.id, attacker.session, &commands));
        received += packets(&victim.events());
        received
    };
    for number in 1..=1000 {
        send(&mut victim, &attacker, number);
    }
    // 261 of 4008 bytes each, and the budget earned by their length.
    let before = send(&mut victim, &attacker, 1001);
    assert!((261..280).contains(&before), "{before}");
    assert_eq!(send(&mut victim, &other, 1), before + 1);
    victim.pass(Duration::from_millis(100));
    for number in 1002..2000 {
        send(&mut victim, &attacker, number);
    }
    let more = send(&mut victim, &attacker, 2000) - before - 1;
    assert!((209..230).contains(&more), "{more}");
}

/// A peer that sends nearly three times its budget has as much accepted as one that stays within it, and dropped
/// datagrams are counted.
#[test]
fn excess_compressed_datagrams_do_not_reduce_the_budget() {
    const MILLIS: u64 = 1;
    const SENT: usize = 6000;
    let mut victim = victim(Compression::RangeCoder);
    let attacker = connected(&mut victim, 1);
    let key = victim.host.poll_statistics().expect("a peer").0;
    let mut number = 0;
    let mut send = |victim: &mut Victim, rounds: usize| {
        let mut received = 0;
        for _ in 0..rounds {
            victim.pass(Duration::from_millis(MILLIS));
            for _ in 0..SENT * MILLIS as usize / 1000 {
                number += 1;
                let commands = [unreliable(number)];
                let mode = Compression::RangeCoder;
                let datagram = compressed(mode, attacker.id, attacker.session, &commands);
                victim.take(attacker.address, &datagram);
            }
            received += packets(&victim.events());
            victim.host.release_capacity(key, received, 4000 * received);
        }
        received
    };
    // Use up the burst first.
    send(&mut victim, 100);
    let before = victim.host.peer_statistics(key).expect("a peer").dropped_datagrams;
    let rounds = 200;
    let received = send(&mut victim, rounds);
    let expected = A_SECOND / 4008 / 5;
    assert!((expected..expected * 5 / 4).contains(&received), "{received} of {expected}");
    let dropped = victim.host.peer_statistics(key).expect("a peer").dropped_datagrams - before;
    assert_eq!(dropped as usize + received, SENT * MILLIS as usize * rounds / 1000);
}

#[test]
fn incompressible_datagrams_are_not_limited() {
    let mut victim = victim(Compression::RangeCoder);
    let attacker = connected(&mut victim, 1);
    let mut random = 1_u32;
    for sequence in 1..=3000 {
        let mut noise = [0; 1200];
        for byte in &mut noise {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (random >> 27) as u8;
        }
        let commands = [reliable(0, sequence, &noise)];
        let mode = Compression::RangeCoder;
        victim.take(attacker.address, &compressed(mode, attacker.id, attacker.session, &commands));
        assert_eq!(packets(&victim.events()), 1, "{sequence}");
        let Some((peer, _)) = victim.host.poll_statistics() else { continue };
        victim.host.release_capacity(peer, 1, 1200);
    }
}

#[test]
fn unvalidated_address_may_decompress_8_kib() {
    let mut victim = victim(Compression::RangeCoder);
    let from = address(1);
    victim.take(from, &datagram(NO_PEER, 0, &[connect_command(7, 1)]));
    let answer = victim.answers(from).pop().expect("an answer");
    let (header, rest) = Header::parse(&answer).expect("a header");
    assert!(!header.compressed, "replies to unconnected addresses are not compressed");
    let Some(Command { body: Body::VerifyConnect(params), .. }) = Commands::new(rest).next() else {
        panic!("not verified")
    };
    for _ in 0..16 {
        let commands = [unreliable(1)];
        let (id, session) = (params.outgoing_peer_id, params.outgoing_session);
        victim.take(from, &compressed(Compression::RangeCoder, id, session, &commands));
    }
    // Each decoded datagram is answered by repeating `VERIFY_CONNECT`.
    assert_eq!(victim.answers(from).len(), 2);
}

#[cfg(feature = "zlib")]
#[test]
fn input_longer_than_the_output_limit_is_not_decompressed() {
    let mut victim = victim(Compression::Zlib);
    let mut request = compressed(Compression::Zlib, NO_PEER, 0, &[connect_command(7, 1)]);
    victim.take(address(1), &request);
    assert_eq!(victim.answers(address(1)).len(), 1);
    request.resize(200, 0);
    victim.take(address(2), &request);
    assert_eq!(victim.answers(address(2)).len(), 0);
}

#[test]
fn datagrams_longer_than_4096_bytes_are_dropped() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    victim.events();
    let ping = Command {
        acknowledge: true,
        unsequenced: false,
        channel: CONTROL_CHANNEL,
        sequence: 1,
        body: Body::Ping,
    };
    let data = [1; 4082];
    victim.attack(&attacker, &[reliable(0, 1, &data), ping]);
    assert_eq!(packets(&victim.events()), 1);
    victim.attack(&attacker, &[reliable(0, 2, &data), ping, ping]);
    assert_eq!(packets(&victim.events()), 0);
}

/// Tries the shortest requests that are answered: without a sent time, and with different numbers of random fields.
#[test]
fn compressed_connect_is_amplified_by_at_most_22_bytes() {
    let modes = [
        Compression::RangeCoder,
        #[cfg(feature = "fastlz")]
        Compression::FastLz,
        #[cfg(feature = "zlib")]
        Compression::Zlib,
        #[cfg(feature = "zstd")]
        Compression::Zstd,
    ];
    for (mode, checksum) in modes.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
        let mut victim = Victim::new(HostConfig { checksum, ..HostConfig::default() });
        victim.host.set_compressor(Compressor::new(mode));
        let (mut answered, mut most) = (0, 0);
        for number in 0..400_u32 {
            let mut command = connect_command(7, number);
            let Body::Connect(connect) = &mut command.body else { panic!("{command:?}") };
            let random = |index| {
                let wanted = number / 4 % 16 > index;
                number.wrapping_mul(0x9E37_79B9).rotate_left(7 * index) * u32::from(wanted)
            };
            connect.params = ConnectParams {
                incoming_session: 0,
                outgoing_session: 0,
                mtu: random(0),
                window_size: random(1),
                channel_count: 1,
                incoming_bandwidth: random(2),
                outgoing_bandwidth: random(3),
                throttle_interval: random(4),
                throttle_acceleration: random(5),
                throttle_deceleration: random(6),
                connect_id: number.to_be_bytes(),
                ..connect.params
            };
            let request = request(mode, checksum, &command);
            victim.take(address(number), &request);
            if let Some(answer) = victim.answers(address(number)).pop() {
                answered += 1;
                most = most.max(answer.len().saturating_sub(request.len()));
            }
        }
        assert!(answered >= 20, "{mode:?}: {answered} are answered");
        assert!(most <= 22, "{mode:?}, checksum {checksum}: {most}");
        // The range coder comes close to that number.
        assert!(most >= 20 || mode != Compression::RangeCoder, "{most}");
    }
}

/// Returns a compressed CONNECT without a sent time.
fn request(mode: Compression, checksum: bool, command: &Command<'_>) -> Vec<u8> {
    let header = Header { peer_id: NO_PEER, session: 0, compressed: true, sent_time: None };
    let head = header.encode()[..header.encoded_len()].to_vec();
    let mut plain = Vec::new();
    command.encode(&mut plain);
    let mut datagram = head.clone();
    if checksum {
        let sum = crc32fast::hash(&[&head[..], &[0; 4], &plain].concat());
        datagram.extend_from_slice(&sum.to_be_bytes());
    }
    let mut compressor = Compressor::new(mode).expect("a mode");
    // If it does not get shorter, it stays empty and is not answered.
    let _ = compressor.compress(&plain, &mut datagram);
    datagram
}

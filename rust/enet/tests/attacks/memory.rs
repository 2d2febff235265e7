//! Tests of the memory that peers can use.

use super::{MIB, Victim, address, connect_command, datagram, fragment, packets, reliable};
use lodewire_enet::wire::{Body, Command, Fragment, NO_PEER};
use lodewire_enet::{Event, HostConfig};

#[test]
fn incomplete_unreliable_packets_do_not_block_a_peer() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    victim.events();
    // 64 MiB in total, twice what blocks a peer in ENet.
    for index in 1..=1024_u16 {
        victim.attack(&attacker, &[fragment(false, (index % 200) as u8, 0, index, 0, 4, 65_536)]);
        assert!(victim.host.buffered_bytes() <= 4 * MIB, "{}", victim.host.buffered_bytes());
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
fn fragments_cost_received_bytes_not_claimed_length() {
    let mut victim = Victim::new(HostConfig { peers: 100, ..HostConfig::default() });
    let attackers: Vec<_> = (1..=100).map(|number| victim.admit(number)).collect();
    let mut sent = 0;
    // Fragments that claim 32 MiB, on all channels, of all kinds, near and far ahead.
    for attacker in &attackers {
        for index in 0..400_u32 {
            let channel = (index % 255) as u8;
            let start = (index / 255 * 7 + 1) as u16;
            let total = if index % 3 == 0 { 32 << 20 } else { 60_000 };
            let commands = [
                fragment(true, channel, start, start, 0, 32, total),
                fragment(false, channel, 0, start, 0, 32, total),
                fragment(true, channel, start + 20_000, start + 20_000, 0, 32, total),
            ];
            sent += datagram(attacker.id, attacker.session, &commands).len();
            victim.attack(attacker, &commands);
            // In addition to the state of at most 255 channels per peer.
            let state = 1000 * 255 * attackers.len();
            assert!(
                victim.host.buffered_bytes() <= 10 * sent + state,
                "{} for {sent} bytes",
                victim.host.buffered_bytes()
            );
        }
    }
    // A single fragment is not a packet, whatever length it claims.
    victim.events();
    let claim = Fragment {
        start_sequence: 30_000,
        count: 1,
        number: 0,
        total_length: 32 << 20,
        offset: 0,
        data: b"x",
    };
    let body = Body::SendUnreliableFragment(claim);
    let command = Command { body, ..fragment(false, 254, 0, 30_000, 0, 1, 1) };
    victim.attack(&attackers[0], &[command]);
    assert_eq!(packets(&victim.events()), 0);
}

/// A hundred peers send packets of all kinds and fragments of 32 MiB packets while the game reads nothing.
#[test]
fn host_memory_limit_is_never_exceeded() {
    const LIMIT: usize = 16 * MIB;
    let config = HostConfig { peers: 128, max_total_waiting_data: LIMIT, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    let attackers: Vec<_> = (1..=100).map(|number| victim.admit(number)).collect();
    let data = [1; 1000];
    for step in 1..=200_u16 {
        let number = u32::from(step) - 1;
        let unreliable = Body::SendUnreliable { unreliable_sequence: step, data: &data };
        let unsequenced = Body::SendUnsequenced { group: step, data: &data };
        let commands = [
            fragment(true, 0, 1, 1, number, 1000, 32 << 20),
            fragment(true, 1, 2, 2, number, 1000, 32 << 20),
            fragment(false, 2, 0, 1, number, 1000, 32 << 20),
            Command { body: unreliable, ..fragment(false, 3, 0, 1, 0, 1, 1) },
            Command { body: unsequenced, ..fragment(false, 4, 0, 1, 0, 1, 1) },
            reliable(5, step, &data),
            reliable(6, step + 1, &data),
        ];
        for attacker in &attackers {
            for command in commands {
                victim.attack(attacker, &[command]);
                assert!(victim.host.buffered_bytes() <= LIMIT, "{}", victim.host.buffered_bytes());
            }
        }
    }
    assert!(victim.host.buffered_bytes() >= LIMIT / 2, "{}", victim.host.buffered_bytes());
    // Another peer is served nevertheless, even before the game reads.
    let late = victim.admit(5000);
    let before = victim.host.buffered_bytes();
    for sequence in 1..=50 {
        victim.attack(&late, &[reliable(0, sequence, &data)]);
    }
    let state = 880;
    assert!(victim.host.buffered_bytes() - before - 50 * 1128 <= state);
}

/// Only the packet of a fragment is visited: visiting all incomplete packets for each of these 300,000 datagrams would
/// take minutes.
#[test]
fn unreliable_fragments_do_not_visit_other_packets() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    for round in 0..10 {
        for start in 1..=30_000 {
            let command = fragment(false, 0, 0, start, round % 3, 1, 4);
            let bytes = datagram(attacker.id, attacker.session, &[command]);
            victim.host.handle_datagram(victim.now, attacker.address, &bytes);
        }
    }
    assert!(victim.host.buffered_bytes() <= 2 * MIB + 1000, "{}", victim.host.buffered_bytes());
}

#[test]
fn ended_peer_counts_until_it_is_released() {
    let mut victim = Victim::new(HostConfig { peers: 4, ..HostConfig::default() });
    let mut ended = Vec::new();
    for number in 1..=4 {
        let attacker = victim.admit(number);
        for sequence in 1..=100 {
            victim.attack(&attacker, &[reliable(0, sequence, &[1; 1000])]);
        }
        let body = Body::Disconnect { data: 0 };
        let end = Command { unsequenced: true, body, ..fragment(false, 255, 0, 1, 0, 1, 1) };
        victim.attack(&attacker, &[end]);
        let events = victim.events();
        let Some(Event::Disconnect { peer, .. }) = events.last() else { panic!("{events:?}") };
        ended.push(*peer);
        assert_eq!(packets(&events), 100);
    }
    assert_eq!((victim.host.peer_count(), victim.host.buffered_bytes()), (0, 4 * 100 * 1128));
    // There is no free slot yet: the next request is not answered, and must be repeated.
    victim.take(address(5), &datagram(NO_PEER, 0, &[connect_command(7, 5)]));
    assert!(victim.answers(address(5)).is_empty());
    victim.host.release_capacity(ended[0], 40, 40_000);
    assert_eq!(victim.host.buffered_bytes(), 360 * 1128);
    for peer in ended {
        victim.host.release_peer(peer);
        victim.host.release_peer(peer);
    }
    assert_eq!(victim.host.buffered_bytes(), 0);
    victim.admit(6);
    assert_eq!(victim.host.peer_count(), 1);
}

#[test]
fn host_memory_limit_covers_all_peers_together() {
    let config =
        HostConfig { peers: 200, max_total_waiting_data: 32 * MIB, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    let attackers: Vec<_> = (1..=100).map(|number| victim.admit(number)).collect();
    for sequence in 1..=1000_u16 {
        for attacker in &attackers {
            victim.attack(attacker, &[reliable(0, sequence, &[0; 1200])]);
        }
    }
    // Each may exceed its share by one packet.
    assert!(victim.host.buffered_bytes() <= 33 * MIB, "{} MiB", victim.host.buffered_bytes() / MIB);
    // A peer whose packets are read is served.
    victim.events();
    let late = victim.admit(5000);
    let Some(Event::Connect { peer, .. }) = victim.events().pop() else { panic!("not connected") };
    for sequence in 1..=1000_u16 {
        victim.attack(&late, &[reliable(0, sequence, &[0; 1200])]);
        for event in victim.events() {
            if let Event::Receive { peer: from, data, .. } = event {
                assert_eq!(from, peer);
                victim.host.release_capacity(peer, 1, data.len());
            }
        }
    }
    assert_eq!(victim.host.peer_statistics(peer).expect("a peer").refused, 0);
}

/// Sends one packet on each channel: channel state stays allocated after the packet is released.
#[test]
fn channel_state_counts_towards_the_host_limit() {
    const LIMIT: usize = MIB;
    let config = HostConfig { peers: 16, max_total_waiting_data: LIMIT, ..HostConfig::default() };
    let mut victim = Victim::new(config);
    let mut per_peer = Vec::new();
    for number in 1..=16 {
        let attacker = victim.admit(number);
        victim.events();
        let before = victim.host.buffered_bytes();
        for channel in 0..255 {
            victim.attack(&attacker, &[reliable(channel, 1, b"")]);
            for event in victim.events() {
                if let Event::Receive { peer, data, .. } = event {
                    victim.host.release_capacity(peer, 1, data.len());
                }
            }
            assert!(victim.host.buffered_bytes() <= LIMIT, "{}", victim.host.buffered_bytes());
        }
        per_peer.push(victim.host.buffered_bytes() - before);
        // The limit for new channels does not apply to packets of existing ones.
        victim.attack(&attacker, &[reliable(0, 2, b"")]);
        assert_eq!(packets(&victim.events()), 1);
    }
    assert!(per_peer[0] >= 100 * 512, "{per_peer:?}");
    assert!(per_peer.iter().all(|bytes| *bytes >= LIMIT / 2 / 16 / 2 - 2048), "{per_peer:?}");
}

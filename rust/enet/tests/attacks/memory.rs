//! What a peer can make a host keep.

use super::{MIB, Victim, fragment, packets, reliable};
use lodewire_enet::wire::{Body, Command};
use lodewire_enet::{Event, HostConfig};

#[test]
fn incomplete_unreliable_packets_do_not_make_a_peer_deaf() {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(1);
    victim.events();
    // 64 MiB in all, twice of what makes ENet deaf.
    for index in 1..=1024_u16 {
        victim.attack(&attacker, &[fragment(false, (index % 200) as u8, 0, index, 0, 4, 65_536)]);
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
    // 96 KB and more, of pieces of 32 bytes that claim 32 MiB, on all channels, of all kinds, near and far ahead.
    for attacker in &attackers {
        for index in 0..4000_u32 {
            let channel = (index % 255) as u8;
            let start = (index / 255 * 7 + 1) as u16;
            let total = if index % 3 == 0 { 32 << 20 } else { 60_000 };
            let commands = [
                fragment(true, channel, start, start, 0, 32, total),
                fragment(false, channel, 0, start, 0, 32, total),
                fragment(true, channel, start + 20_000, start + 20_000, 0, 32, total),
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

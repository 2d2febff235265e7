//! Tests of sequence numbers, clocks and sizes at their limits.

use super::link::LinkConditions;
use super::node::{Disconnect, Node, NodeEvent, Ours, RustyEnet};
use super::simulation::{CLIENT, SERVER, Simulation};
use lodewire_enet::{Delivery, HostConfig};

fn ours(seed: u64) -> Box<dyn Node> {
    ours_with(HostConfig::default(), seed)
}

fn ours_with(config: HostConfig, seed: u64) -> Box<dyn Node> {
    Box::new(Ours::new(config, seed))
}

fn lossless() -> LinkConditions {
    LinkConditions { delay: 2_000, ..LinkConditions::default() }
}

fn connected(nodes: [Box<dyn Node>; 2], conditions: LinkConditions) -> Simulation {
    let mut simulation = Simulation::new(nodes, conditions, 3);
    assert!(simulation.connect(2));
    simulation
}

/// Sends `count` numbered packets, in bursts.
fn send_numbers(simulation: &mut Simulation, count: u32, delivery: Delivery) {
    for number in 0..count {
        simulation.nodes[CLIENT].send(0, delivery, &number.to_be_bytes());
        if number % 256 == 255 {
            simulation.pass(20_000);
        }
    }
}

fn numbers(simulation: &Simulation) -> Vec<u32> {
    let number = |data: &[u8]| u32::from_be_bytes(data.try_into().expect("four bytes"));
    simulation.packets(SERVER, 0).into_iter().map(number).collect()
}

fn check_reliable_wraparound(nodes: [Box<dyn Node>; 2]) {
    const COUNT: u32 = 140_000;
    let conditions = LinkConditions { loss: 0.01, jitter: 2_000, ..lossless() };
    let mut simulation = connected(nodes, conditions);
    send_numbers(&mut simulation, COUNT, Delivery::Reliable);
    simulation
        .pass_until(600_000_000, |simulation| simulation.events[SERVER].len() > COUNT as usize);
    assert!(numbers(&simulation).into_iter().eq(0..COUNT));
}

#[test]
fn reliable_sequence_numbers_wrap_twice() {
    check_reliable_wraparound([ours(1), ours(2)]);
}

#[test]
fn reliable_sequence_numbers_wrap_twice_towards_rusty_enet() {
    check_reliable_wraparound([Box::new(RustyEnet::new(false, 1)), ours(2)]);
}

#[test]
fn reliable_sequence_numbers_wrap_twice_from_rusty_enet() {
    check_reliable_wraparound([ours(1), Box::new(RustyEnet::new(false, 2))]);
}

#[test]
fn a_hundred_thousand_queued_at_once_arrive_in_order() {
    const COUNT: u32 = 100_000;
    let mut simulation = connected([ours(1), ours(2)], lossless());
    for number in 0..COUNT {
        simulation.nodes[CLIENT].send(0, Delivery::Reliable, &number.to_be_bytes());
    }
    simulation
        .pass_until(600_000_000, |simulation| simulation.events[SERVER].len() > COUNT as usize);
    assert!(numbers(&simulation).into_iter().eq(0..COUNT));
}

#[test]
fn the_last_unreliable_number_makes_the_next_packet_reliable() {
    const COUNT: u32 = 70_000;
    let mut simulation = connected([ours(1), ours(2)], lossless());
    send_numbers(&mut simulation, COUNT, Delivery::Unreliable);
    simulation.pass(1_000_000);
    assert!(numbers(&simulation).into_iter().eq(0..COUNT));
}

#[test]
fn unsequenced_groups_wrap() {
    const COUNT: u32 = 140_000;
    let mut simulation = connected([ours(1), ours(2)], lossless());
    send_numbers(&mut simulation, COUNT, Delivery::Unsequenced);
    simulation.pass(1_000_000);
    assert!(numbers(&simulation).into_iter().eq(0..COUNT));
}

#[test]
fn sent_time_wraparound_does_not_affect_the_round_trip_time() {
    // Wraps about three times, after 65.536 seconds each.
    let mut simulation =
        connected([ours(1), ours(2)], LinkConditions { delay: 50_000, ..lossless() });
    for _ in 0..200 {
        simulation.nodes[CLIENT].send(0, Delivery::Reliable, b"one");
        simulation.pass(1_000_000);
        let time = simulation.nodes[CLIENT].round_trip().expect("ours");
        assert!((100_000..101_000).contains(&time), "{time} us");
    }
    assert_eq!(simulation.packets(SERVER, 0).len(), 200);
    assert!(!simulation.is_over(CLIENT) && !simulation.is_over(SERVER));
}

#[test]
fn timers_continue_after_twenty_five_days() {
    // 2^31 milliseconds are 24.86 days, 2^32 are 49.7.
    for days in [24.85, 49.70] {
        let start = (days * 86_400e6) as u64;
        let mut simulation = Simulation::starting_at(start, [ours(1), ours(2)], lossless(), 1);
        assert!(simulation.connect(2), "{days} days");
        for _ in 0..30 {
            simulation.pass(60_000_000);
            simulation.nodes[CLIENT].send(0, Delivery::Reliable, b"one");
        }
        simulation.pass(1_000_000);
        assert_eq!(simulation.packets(SERVER, 0).len(), 30);
        assert!(!simulation.is_over(CLIENT));
    }
}

#[test]
fn disconnect_later_waits_for_a_full_window() {
    for rusty in [false, true] {
        let server: Box<dyn Node> =
            if rusty { Box::new(RustyEnet::new(false, 1)) } else { ours(1) };
        let mut simulation =
            connected([server, ours(2)], LinkConditions { loss: 0.05, ..lossless() });
        for number in 0..2000_u32 {
            simulation.nodes[CLIENT].send(0, Delivery::Reliable, &[number as u8; 1000]);
        }
        simulation.nodes[CLIENT].disconnect(Disconnect::Later, 9);
        let over =
            |simulation: &Simulation| simulation.is_over(SERVER) && simulation.is_over(CLIENT);
        assert!(simulation.pass_until(300_000_000, over));
        assert_eq!(simulation.packets(SERVER, 0).len(), 2000);
        assert_eq!(simulation.events[SERVER].last(), Some(&NodeEvent::Disconnected(9)));
    }
}

#[test]
fn the_longest_packet_arrives() {
    let data: Vec<u8> = (0..32_usize << 20).map(|index| (index % 241) as u8).collect();
    let mut simulation = connected([ours(1), ours(2)], lossless());
    simulation.nodes[CLIENT].send(1, Delivery::Reliable, &data);
    assert!(
        simulation.pass_until(600_000_000, |simulation| !simulation.packets(SERVER, 1).is_empty())
    );
    assert!(simulation.packets(SERVER, 1) == [&data[..]]);
}

#[test]
fn smallest_and_largest_mtu_are_negotiated() {
    for (server, client) in [(576, 4096), (4096, 576), (4096, 4096)] {
        let config = |mtu| HostConfig { mtu, ..HostConfig::default() };
        let nodes = [ours_with(config(server), 1), ours_with(config(client), 2)];
        let mut simulation = connected(nodes, lossless());
        let before = simulation.datagrams;
        simulation.nodes[CLIENT].send(0, Delivery::Reliable, &vec![5; 100_000]);
        assert!(
            simulation
                .pass_until(10_000_000, |simulation| !simulation.packets(SERVER, 0).is_empty())
        );
        let fragments = 100_000_usize.div_ceil(server.min(client) - 28);
        let sent = simulation.datagrams - before;
        assert!(
            (fragments..3 * fragments).contains(&sent),
            "{sent} datagrams for {fragments} fragments"
        );
    }
}

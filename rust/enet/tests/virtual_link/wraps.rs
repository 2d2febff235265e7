//! Where numbers come to their end.

use super::link::Weather;
use super::node::{Ending, Node, Ours, Rusty, Told};
use super::world::{CLIENT, SERVER, World};
use lodewire_enet::{Delivery, HostConfig};

fn ours(seed: u64) -> Box<dyn Node> {
    ours_with(HostConfig::default(), seed)
}

fn ours_with(config: HostConfig, seed: u64) -> Box<dyn Node> {
    Box::new(Ours::new(config, seed))
}

fn calm() -> Weather {
    Weather { delay: 2_000, ..Weather::default() }
}

fn connected(nodes: [Box<dyn Node>; 2], weather: Weather) -> World {
    let mut world = World::new(nodes, weather, 3);
    assert!(world.connect(2));
    world
}

/// Sends so many packets with their numbers in them, some at a time.
fn send_numbers(world: &mut World, count: u32, delivery: Delivery) {
    for number in 0..count {
        world.nodes[CLIENT].send(0, delivery, &number.to_be_bytes());
        if number % 256 == 255 {
            world.pass(20_000);
        }
    }
}

fn numbers(world: &World) -> Vec<u32> {
    let number = |data: &[u8]| u32::from_be_bytes(data.try_into().expect("four bytes"));
    world.packets(SERVER, 0).into_iter().map(number).collect()
}

fn reliable_numbers_wrap(nodes: [Box<dyn Node>; 2]) {
    const COUNT: u32 = 140_000;
    let weather = Weather { loss: 0.01, jitter: 2_000, ..calm() };
    let mut world = connected(nodes, weather);
    send_numbers(&mut world, COUNT, Delivery::Reliable);
    world.pass_until(600_000_000, |world| world.told[SERVER].len() > COUNT as usize);
    assert!(numbers(&world).into_iter().eq(0..COUNT));
}

#[test]
fn reliable_sequence_numbers_wrap_twice() {
    reliable_numbers_wrap([ours(1), ours(2)]);
}

#[test]
fn reliable_sequence_numbers_wrap_twice_towards_rusty_enet() {
    reliable_numbers_wrap([Box::new(Rusty::new(false, 1)), ours(2)]);
}

#[test]
fn reliable_sequence_numbers_wrap_twice_from_rusty_enet() {
    reliable_numbers_wrap([ours(1), Box::new(Rusty::new(false, 2))]);
}

#[test]
fn a_hundred_thousand_queued_at_once_arrive_in_order() {
    const COUNT: u32 = 100_000;
    let mut world = connected([ours(1), ours(2)], calm());
    for number in 0..COUNT {
        world.nodes[CLIENT].send(0, Delivery::Reliable, &number.to_be_bytes());
    }
    world.pass_until(600_000_000, |world| world.told[SERVER].len() > COUNT as usize);
    assert!(numbers(&world).into_iter().eq(0..COUNT));
}

#[test]
fn the_last_unreliable_number_makes_the_next_packet_reliable() {
    const COUNT: u32 = 70_000;
    let mut world = connected([ours(1), ours(2)], calm());
    send_numbers(&mut world, COUNT, Delivery::Unreliable);
    world.pass(1_000_000);
    assert!(numbers(&world).into_iter().eq(0..COUNT));
}

#[test]
fn unsequenced_groups_wrap() {
    const COUNT: u32 = 140_000;
    let mut world = connected([ours(1), ours(2)], calm());
    send_numbers(&mut world, COUNT, Delivery::Unsequenced);
    world.pass(1_000_000);
    assert!(numbers(&world).into_iter().eq(0..COUNT));
}

#[test]
fn the_sent_time_wraps_without_a_jump_of_the_round_trip_time() {
    // 65.536 seconds, some three times.
    let mut world = connected([ours(1), ours(2)], Weather { delay: 50_000, ..calm() });
    for _ in 0..200 {
        world.nodes[CLIENT].send(0, Delivery::Reliable, b"one");
        world.pass(1_000_000);
        let time = world.nodes[CLIENT].round_trip().expect("ours");
        assert!((100_000..101_000).contains(&time), "{time} us");
    }
    assert_eq!(world.packets(SERVER, 0).len(), 200);
    assert!(!world.is_over(CLIENT) && !world.is_over(SERVER));
}

#[test]
fn timers_go_on_after_twenty_five_days() {
    // 2^31 milliseconds are 24.86 days, 2^32 are 49.7.
    for days in [24.85, 49.70] {
        let start = (days * 86_400e6) as u64;
        let mut world = World::starting_at(start, [ours(1), ours(2)], calm(), 1);
        assert!(world.connect(2), "{days} days");
        for _ in 0..30 {
            world.pass(60_000_000);
            world.nodes[CLIENT].send(0, Delivery::Reliable, b"one");
        }
        world.pass(1_000_000);
        assert_eq!(world.packets(SERVER, 0).len(), 30);
        assert!(!world.is_over(CLIENT));
    }
}

#[test]
fn a_late_disconnect_waits_for_a_full_window() {
    for rusty in [false, true] {
        let server: Box<dyn Node> = if rusty { Box::new(Rusty::new(false, 1)) } else { ours(1) };
        let mut world = connected([server, ours(2)], Weather { loss: 0.05, ..calm() });
        for number in 0..2000_u32 {
            world.nodes[CLIENT].send(0, Delivery::Reliable, &[number as u8; 1000]);
        }
        world.nodes[CLIENT].disconnect(Ending::Later, 9);
        let over = |world: &World| world.is_over(SERVER) && world.is_over(CLIENT);
        assert!(world.pass_until(300_000_000, over));
        assert_eq!(world.packets(SERVER, 0).len(), 2000);
        assert_eq!(world.told[SERVER].last(), Some(&Told::Disconnected(9)));
    }
}

#[test]
fn the_longest_packet_arrives() {
    let data: Vec<u8> = (0..32_usize << 20).map(|index| (index % 241) as u8).collect();
    let mut world = connected([ours(1), ours(2)], calm());
    world.nodes[CLIENT].send(1, Delivery::Reliable, &data);
    assert!(world.pass_until(600_000_000, |world| !world.packets(SERVER, 1).is_empty()));
    assert!(world.packets(SERVER, 1) == [&data[..]]);
}

#[test]
fn the_smallest_and_the_largest_datagrams_are_agreed_on() {
    for (server, client) in [(576, 4096), (4096, 576), (4096, 4096)] {
        let config = |mtu| HostConfig { mtu, ..HostConfig::default() };
        let nodes = [ours_with(config(server), 1), ours_with(config(client), 2)];
        let mut world = connected(nodes, calm());
        let before = world.datagrams;
        world.nodes[CLIENT].send(0, Delivery::Reliable, &vec![5; 100_000]);
        assert!(world.pass_until(10_000_000, |world| !world.packets(SERVER, 0).is_empty()));
        let pieces = 100_000_usize.div_ceil(server.min(client) - 28);
        let sent = world.datagrams - before;
        assert!((pieces..3 * pieces).contains(&sent), "{sent} datagrams for {pieces} pieces");
    }
}

//! Packets of all kinds both ways, in any weather, between any two.

use super::link::Weather;
use super::node::{Ending, Node, Ours, Rusty, Told};
use super::random::Random;
use super::world::{CLIENT, SERVER, World};
use lodewire_enet::{Delivery, HostConfig};
use std::collections::{HashMap, HashSet};

const CHANNELS: usize = 3;
const DELIVERIES: [Delivery; 5] = [
    Delivery::Reliable,
    Delivery::Unreliable,
    Delivery::UnreliableFragment,
    Delivery::Unsequenced,
    Delivery::UnsequencedFragment,
];
/// What may be kept for the caller, at the most: less than twice the limit of a peer, and a packet of each kind.
const MOST_KEPT: usize = (2 * 8 + 2 * 32) << 20;

/// How many seeds are tried.
fn seeds() -> u64 {
    let asked = std::env::var("LODEWIRE_ENET_SEEDS").ok();
    asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

/// Whom the hosts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Ours,
    Rusty,
}

impl Who {
    fn node(self, checksum: bool, seed: u64) -> Box<dyn Node> {
        match self {
            Self::Ours => {
                Box::new(Ours::new(HostConfig { checksum, ..HostConfig::default() }, seed))
            }
            Self::Rusty => Box::new(Rusty::new(checksum, seed)),
        }
    }
}

/// A packet that says what it is: its number among those of its sender, channel and kind.
fn packet(number: u32, delivery: Delivery, len: usize) -> Vec<u8> {
    let mut data = number.to_be_bytes().to_vec();
    data.push(delivery.flags());
    data.extend((0..len).map(|index| (index as u32 ^ number) as u8));
    data
}

/// Sends packets both ways while time passes, and checks what came.
fn run(seed: u64, server: Who, client: Who, weather: Weather, checksum: bool) {
    let what = format!("seed {seed}, {server:?} and {client:?}, {weather:?}, checksum {checksum}");
    let mut random = Random::new(seed);
    let nodes = [server.node(checksum, seed), client.node(checksum, seed ^ 1)];
    let mut world = World::new(nodes, weather, seed ^ 2);
    if !world.connect(CHANNELS) {
        // With so much loss a connection may fail; it must say so.
        assert!(weather.loss > 0.1 || weather.corruption > 0.0, "{what}: not connected");
        return;
    }
    let mut sent: [HashMap<(u8, Delivery2), Vec<Vec<u8>>>; 2] = Default::default();
    for _ in 0..20 {
        for _ in 0..random.below(12) {
            let node = random.below(2);
            let channel = random.below(CHANNELS) as u8;
            let delivery = DELIVERIES[random.below(DELIVERIES.len())];
            let long = random.happens(0.05);
            let len = if long { random.below(100_000) } else { random.below(1500) };
            let list = sent[node].entry((channel, Delivery2(delivery.flags()))).or_default();
            let data = packet(list.len() as u32, delivery, len);
            list.push(data.clone());
            world.nodes[node].send(channel, delivery, &data);
        }
        world.pass(random.below(100_000) as u64);
    }
    let ending = [Ending::Asked, Ending::Later, Ending::Now][random.below(3)];
    let ends = random.below(2);
    if ending != Ending::Later {
        // What is sent reliably arrives before the connection ends.
        world.pass(400_000_000);
    }
    let lost = world.is_over(SERVER) || world.is_over(CLIENT);
    world.nodes[ends].disconnect(ending, 77);
    let over =
        world.pass_until(400_000_000, |world| world.is_over(SERVER) && world.is_over(CLIENT));
    assert!(over, "{what}: {ending:?} did not end it");
    // The side that ends with `Later` may give up what it is sent meanwhile; and it may be given up itself.
    let as_asked = world.told[1 - ends].last() == Some(&Told::Disconnected(77));
    let complete = |from: usize| !lost && (ending != Ending::Later || (from == ends && as_asked));
    for from in [SERVER, CLIENT] {
        check(&what, &world, 1 - from, &sent[from], complete(from) && weather.corruption == 0.0);
    }
    assert!(world.most_kept <= MOST_KEPT, "{what}: kept {}", world.most_kept);
    assert_eq!(world.nodes.iter().map(|node| node.kept()).sum::<usize>(), 0, "{what}");
}

/// A delivery, by its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Delivery2(u8);

fn check(
    what: &str,
    world: &World,
    node: usize,
    sent: &HashMap<(u8, Delivery2), Vec<Vec<u8>>>,
    complete: bool,
) {
    let mut told: HashMap<(u8, u8), Vec<u32>> = HashMap::new();
    for channel in 0..CHANNELS as u8 {
        for data in world.packets(node, channel) {
            let number = u32::from_be_bytes(data[..4].try_into().expect("a number"));
            let flags = data[4];
            let list = sent.get(&(channel, Delivery2(flags)));
            let known = list.and_then(|list| list.get(number as usize));
            assert!(
                known.is_some_and(|known| known == data),
                "{what}: something that was not sent"
            );
            told.entry((channel, flags)).or_default().push(number);
        }
    }
    for ((channel, flags), numbers) in &told {
        let delivery = Delivery::from_flags(*flags);
        let unordered = matches!(delivery, Delivery::Unsequenced | Delivery::UnsequencedFragment);
        if unordered {
            let different: HashSet<_> = numbers.iter().collect();
            assert_eq!(different.len(), numbers.len(), "{what}: {delivery:?} came twice");
        } else {
            let ordered = numbers.is_sorted_by(|a, b| a < b);
            assert!(ordered, "{what}: {delivery:?} on {channel} came as {numbers:?}");
        }
    }
    for ((channel, delivery), list) in sent {
        if delivery.0 == Delivery::RELIABLE && complete {
            let came = told.get(&(*channel, delivery.0)).map_or(0, Vec::len);
            assert_eq!(came, list.len(), "{what}: reliable on {channel} did not arrive");
        }
    }
}

fn in_any_weather(server: Who, client: Who) {
    for seed in 0..seeds() {
        let weather = Weather::any(&mut Random::new(seed ^ 0xABCD));
        run(seed, server, client, weather, seed % 4 == 0);
    }
}

#[test]
fn ours_and_ours_keep_their_promises_in_any_weather() {
    in_any_weather(Who::Ours, Who::Ours);
}

#[test]
fn ours_serves_rusty_enet_in_any_weather() {
    in_any_weather(Who::Ours, Who::Rusty);
}

#[test]
fn rusty_enet_serves_ours_in_any_weather() {
    in_any_weather(Who::Rusty, Who::Ours);
}

#[test]
fn with_checksums_damage_is_loss() {
    for seed in 0..seeds() {
        let mut random = Random::new(seed ^ 0x1234);
        let weather = Weather { corruption: random.fraction() * 0.2, ..Weather::any(&mut random) };
        run(seed, Who::Ours, Who::Ours, weather, true);
    }
}

#[test]
fn without_checksums_damage_does_no_harm_to_the_host() {
    for seed in 0..seeds() {
        let weather = Weather { corruption: 0.3, delay: 5_000, ..Weather::default() };
        let nodes = [Who::Ours.node(false, seed), Who::Ours.node(false, seed ^ 1)];
        let mut world = World::new(nodes, weather, seed);
        if !world.connect(CHANNELS) {
            continue;
        }
        let mut random = Random::new(seed);
        for _ in 0..300 {
            let delivery = DELIVERIES[random.below(DELIVERIES.len())];
            let data = vec![7; random.below(5000)];
            world.nodes[random.below(2)].send(random.below(CHANNELS) as u8, delivery, &data);
            world.pass(10_000);
        }
        assert!(world.most_kept <= MOST_KEPT, "seed {seed}: kept {}", world.most_kept);
    }
}

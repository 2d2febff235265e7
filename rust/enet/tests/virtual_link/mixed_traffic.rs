//! Tests of packets of all kinds in both directions, under all network conditions, between all pairs of
//! implementations.

use super::link::LinkConditions;
use super::node::{Disconnect, Node, NodeEvent, Ours, RustyEnet};
use super::random::Random;
use super::simulation::{CLIENT, SERVER, Simulation};
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
/// Maximum number of buffered bytes: less than twice the limit of a peer, and a packet of each kind.
const MAX_BUFFERED: usize = (2 * 8 + 2 * 32) << 20;

/// Returns the number of seeds.
fn seeds() -> u64 {
    let asked = std::env::var("LODEWIRE_ENET_SEEDS").ok();
    asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

/// The implementation of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Implementation {
    Ours,
    RustyEnet,
}

impl Implementation {
    fn node(self, checksum: bool, seed: u64) -> Box<dyn Node> {
        match self {
            Self::Ours => {
                Box::new(Ours::new(HostConfig { checksum, ..HostConfig::default() }, seed))
            }
            Self::RustyEnet => Box::new(RustyEnet::new(checksum, seed)),
        }
    }
}

/// Returns a packet with its number among those of its sender, channel and delivery mode.
fn packet(number: u32, delivery: Delivery, len: usize) -> Vec<u8> {
    let mut data = number.to_be_bytes().to_vec();
    data.push(delivery.flags());
    data.extend((0..len).map(|index| (index as u32 ^ number) as u8));
    data
}

/// Sends packets in both directions while time passes, and checks those received.
fn run(
    seed: u64,
    server: Implementation,
    client: Implementation,
    conditions: LinkConditions,
    checksum: bool,
) {
    let what =
        format!("seed {seed}, {server:?} and {client:?}, {conditions:?}, checksum {checksum}");
    let mut random = Random::new(seed);
    let nodes = [server.node(checksum, seed), client.node(checksum, seed ^ 1)];
    let mut simulation = Simulation::new(nodes, conditions, seed ^ 2);
    if !simulation.connect(CHANNELS) {
        // With heavy loss a connection attempt may fail, but must report it.
        assert!(conditions.loss > 0.1 || conditions.corruption > 0.0, "{what}: not connected");
        return;
    }
    let mut sent: [HashMap<(u8, Delivery), Vec<Vec<u8>>>; 2] = Default::default();
    for _ in 0..20 {
        for _ in 0..random.below(12) {
            let node = random.below(2);
            let channel = random.below(CHANNELS) as u8;
            let delivery = DELIVERIES[random.below(DELIVERIES.len())];
            let long = random.happens(0.05);
            let len = if long { random.below(100_000) } else { random.below(1500) };
            let list = sent[node].entry((channel, delivery)).or_default();
            let data = packet(list.len() as u32, delivery, len);
            list.push(data.clone());
            simulation.nodes[node].send(channel, delivery, &data);
        }
        simulation.pass(random.below(100_000) as u64);
    }
    let how = [Disconnect::Graceful, Disconnect::Later, Disconnect::Now][random.below(3)];
    let ends = random.below(2);
    if how != Disconnect::Later {
        // Reliable packets arrive before the disconnect.
        simulation.pass(400_000_000);
    }
    let lost = simulation.is_over(SERVER) || simulation.is_over(CLIENT);
    simulation.nodes[ends].disconnect(how, 77);
    let over = simulation.pass_until(400_000_000, |simulation| {
        simulation.is_over(SERVER) && simulation.is_over(CLIENT)
    });
    assert!(over, "{what}: {how:?} did not end it");
    // The side that disconnects with `Later` may drop packets it receives meanwhile; and it may time out itself.
    let as_asked = simulation.events[1 - ends].last() == Some(&NodeEvent::Disconnected(77));
    let complete = |from: usize| !lost && (how != Disconnect::Later || (from == ends && as_asked));
    for from in [SERVER, CLIENT] {
        check(
            &what,
            &simulation,
            1 - from,
            &sent[from],
            complete(from) && conditions.corruption == 0.0,
        );
    }
    assert!(
        simulation.max_buffered <= MAX_BUFFERED,
        "{what}: buffered {}",
        simulation.max_buffered
    );
    assert_eq!(
        simulation.nodes.iter().map(|node| node.buffered_bytes()).sum::<usize>(),
        0,
        "{what}"
    );
}

fn check(
    what: &str,
    simulation: &Simulation,
    node: usize,
    sent: &HashMap<(u8, Delivery), Vec<Vec<u8>>>,
    complete: bool,
) {
    let mut received: HashMap<(u8, Delivery), Vec<u32>> = HashMap::new();
    for channel in 0..CHANNELS as u8 {
        for data in simulation.packets(node, channel) {
            let number = u32::from_be_bytes(data[..4].try_into().expect("a number"));
            let delivery = Delivery::from_flags(data[4]);
            let list = sent.get(&(channel, delivery));
            let known = list.and_then(|list| list.get(number as usize));
            assert!(
                known.is_some_and(|known| known == data),
                "{what}: something that was not sent"
            );
            received.entry((channel, delivery)).or_default().push(number);
        }
    }
    for ((channel, delivery), numbers) in &received {
        let unordered = matches!(delivery, Delivery::Unsequenced | Delivery::UnsequencedFragment);
        if unordered {
            let different: HashSet<_> = numbers.iter().collect();
            assert_eq!(different.len(), numbers.len(), "{what}: {delivery:?} arrived twice");
        } else {
            let ordered = numbers.is_sorted_by(|a, b| a < b);
            assert!(ordered, "{what}: {delivery:?} on {channel} arrived as {numbers:?}");
        }
    }
    for ((channel, delivery), list) in sent {
        if *delivery == Delivery::Reliable && complete {
            let count = received.get(&(*channel, *delivery)).map_or(0, Vec::len);
            assert_eq!(count, list.len(), "{what}: reliable on {channel} did not arrive");
        }
    }
}

fn with_all_conditions(server: Implementation, client: Implementation) {
    for seed in 0..seeds() {
        let conditions = LinkConditions::any(&mut Random::new(seed ^ 0xABCD));
        run(seed, server, client, conditions, seed % 4 == 0);
    }
}

#[test]
fn two_lodewire_hosts_deliver_correctly_under_all_conditions() {
    with_all_conditions(Implementation::Ours, Implementation::Ours);
}

#[test]
fn lodewire_serves_rusty_enet_under_all_conditions() {
    with_all_conditions(Implementation::Ours, Implementation::RustyEnet);
}

#[test]
fn rusty_enet_serves_lodewire_under_all_conditions() {
    with_all_conditions(Implementation::RustyEnet, Implementation::Ours);
}

#[test]
fn corrupted_datagrams_count_as_lost_with_checksums() {
    for seed in 0..seeds() {
        let mut random = Random::new(seed ^ 0x1234);
        let conditions = LinkConditions {
            corruption: random.fraction() * 0.2,
            ..LinkConditions::any(&mut random)
        };
        run(seed, Implementation::Ours, Implementation::Ours, conditions, true);
    }
}

#[test]
fn corruption_without_checksums_stays_within_the_memory_limit() {
    for seed in 0..seeds() {
        let conditions =
            LinkConditions { corruption: 0.3, delay: 5_000, ..LinkConditions::default() };
        let nodes =
            [Implementation::Ours.node(false, seed), Implementation::Ours.node(false, seed ^ 1)];
        let mut simulation = Simulation::new(nodes, conditions, seed);
        if !simulation.connect(CHANNELS) {
            continue;
        }
        let mut random = Random::new(seed);
        for _ in 0..300 {
            let delivery = DELIVERIES[random.below(DELIVERIES.len())];
            let data = vec![7; random.below(5000)];
            simulation.nodes[random.below(2)].send(random.below(CHANNELS) as u8, delivery, &data);
            simulation.pass(10_000);
        }
        assert!(
            simulation.max_buffered <= MAX_BUFFERED,
            "seed {seed}: buffered {}",
            simulation.max_buffered
        );
    }
}

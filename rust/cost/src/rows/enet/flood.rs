//! Peers that send a lot of anything.

use super::victim::{
    Attacker, Datagram, Victim, acknowledge, address, bytes_of, connect, control, reliable,
};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;
use lodewire_enet::HostConfig;
use lodewire_enet::wire::{Body, Command};

/// Maximum memory that one peer may make the host use in these rows.
const LIMIT: usize = 64 << 10;
/// This with the memory of the tables and of the answers.
const HELD: usize = 256 << 10;

/// The rows of peers.
pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "enet: pings, 300 in a datagram",
            size: 2,
            allocated: 40,
            instructions: 300,
            held: 2 << 20,
            run: pings,
        },
        Row {
            name: "enet: acknowledgements of nothing",
            size: 100,
            allocated: 10,
            instructions: 200,
            held: HELD,
            run: acknowledgements,
        },
        Row {
            name: "enet: empty reliable packets, backwards",
            size: 100,
            allocated: 40,
            instructions: 400,
            held: HELD,
            run: backwards,
        },
        Row {
            name: "enet: packets for a game that is busy",
            size: 10,
            allocated: 10,
            instructions: 50,
            held: 512 << 10,
            run: busy_game,
        },
        Row {
            name: "enet: unsequenced packets that jump",
            size: 100,
            allocated: 10,
            instructions: 200,
            held: HELD,
            run: unsequenced,
        },
        Row {
            name: "enet: unreliable packets that jump",
            size: 100,
            allocated: 40,
            instructions: 300,
            held: HELD,
            run: unreliable,
        },
        Row {
            name: "enet: bandwidth and throttle, changed",
            size: 10,
            allocated: 10,
            instructions: 100,
            held: HELD,
            run: settings,
        },
        Row {
            name: "enet: peers that come and go, for a game that is busy",
            size: 3,
            allocated: 20,
            instructions: 200,
            held: 4 << 20,
            run: come_and_go,
        },
        Row {
            name: "enet: peers that all leave at once",
            size: 6,
            allocated: 10,
            instructions: 600,
            held: 64 << 10,
            run: all_leave,
        },
    ]
}

fn config() -> HostConfig {
    HostConfig { max_waiting_data: LIMIT, max_total_waiting_data: 1 << 20, ..HostConfig::default() }
}

fn attack(mut victim: Victim, meter: &mut Meter, write: impl FnOnce(&Attacker) -> Vec<Datagram>) {
    let attacker = victim.admit(address(1));
    let datagrams = write(&attacker);
    meter.run(bytes_of(&datagrams), || victim.take_all(&datagrams));
}

fn pings(size: usize, meter: &mut Meter) {
    attack(Victim::new(config()), meter, |attacker| {
        let commands: Vec<_> = (0..300).map(|number| control(number, true, Body::Ping)).collect();
        vec![attacker.datagram(&commands); size]
    });
}

fn acknowledgements(size: usize, meter: &mut Meter) {
    attack(Victim::new(config()), meter, |attacker| {
        (0..size).map(|number| attacker.datagram(&[acknowledge(number as u16, 1)])).collect()
    });
}

fn backwards(size: usize, meter: &mut Meter) {
    attack(Victim::new(config()), meter, |attacker| {
        let packet = |number| attacker.datagram(&[reliable(0, number, b"")]);
        (0..size).map(|number| packet(20_000 - (number % 19_000) as u16)).collect()
    });
}

fn busy_game(size: usize, meter: &mut Meter) {
    attack(Victim::that_is_busy(config()), meter, |attacker| {
        let packet = |number| attacker.datagram(&[reliable(0, number, &[7; 1000])]);
        (1..=size).map(|number| packet(number as u16)).collect()
    });
}

fn unsequenced(size: usize, meter: &mut Meter) {
    let mut random = Random::new(2);
    attack(Victim::new(config()), meter, |attacker| {
        let mut packet = || {
            let body = Body::SendUnsequenced { group: random.below(65_536) as u16, data: b"jump" };
            let unsequenced = true;
            Command { acknowledge: false, unsequenced, channel: 0, sequence: 0, body }
        };
        (0..size).map(|_| attacker.datagram(&[packet()])).collect()
    });
}

fn unreliable(size: usize, meter: &mut Meter) {
    let mut random = Random::new(3);
    attack(Victim::new(config()), meter, |attacker| {
        let mut packet = || {
            let unreliable_sequence = random.below(65_536) as u16;
            let body = Body::SendUnreliable { unreliable_sequence, data: b"jump" };
            let sequence = random.below(20_000) as u16;
            Command { acknowledge: false, unsequenced: false, channel: 0, sequence, body }
        };
        (0..size).map(|_| attacker.datagram(&[packet()])).collect()
    });
}

fn settings(size: usize, meter: &mut Meter) {
    attack(Victim::new(config()), meter, |attacker| {
        let commands = |number: usize| {
            let number = number as u32;
            let bandwidth = Body::BandwidthLimit { incoming: 1000 + number, outgoing: number };
            let throttle =
                Body::ThrottleConfigure { interval: number, acceleration: 1, deceleration: 1 };
            [bandwidth, throttle].map(|body| control(1, false, body)).repeat(40)
        };
        (0..size).map(|number| attacker.datagram(&commands(number))).collect()
    });
}

/// Connections in turn, each of which ends while its packets wait for the game.
fn come_and_go(size: usize, meter: &mut Meter) {
    let mut victim = Victim::that_is_busy(config());
    let packets: Vec<_> = (1..=30).map(|number| reliable(0, number, &[7; 1000])).collect();
    // A connection's numbers are known when it is accepted only: this is what each of them sends.
    let one = {
        let attacker = Attacker { address: address(1), id: 1, session: 0 };
        let packets = packets.iter().map(|packet| attacker.datagram(&[*packet]).1.len());
        let opening = connect(attacker.address, 1).1.len();
        let closing = attacker.datagram(&[goodbye()]).1.len();
        opening + attacker.datagram(&[acknowledge(1, 1)]).1.len() + packets.sum::<usize>() + closing
    };
    meter.run(one * size, || {
        for number in 0..size {
            let Some(attacker) = victim.try_admit(address(1), number) else { continue };
            for packet in &packets {
                victim.take_all(&[attacker.datagram(&[*packet])]);
            }
            victim.take_all(&[attacker.datagram(&[goodbye()])]);
        }
    });
}

fn all_leave(size: usize, meter: &mut Meter) {
    let mut victim = Victim::new(HostConfig { peers: 1024, ..config() });
    let goodbyes: Vec<_> =
        (0..size).map(|number| victim.admit(address(number)).datagram(&[goodbye()])).collect();
    meter.run(bytes_of(&goodbyes), || victim.take_all(&goodbyes));
    let left = victim.host.peer_count();
    meter.check(left == 0, || format!("{left} peers are left"));
}

fn goodbye() -> Command<'static> {
    control(0, false, Body::Disconnect { data: 0 })
}

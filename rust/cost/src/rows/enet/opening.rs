//! Strangers that ask for connections.

use super::victim::{Datagram, Victim, acknowledge, address, bytes_of, connect};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;
use lodewire_enet::HostConfig;
use std::net::SocketAddr;
use std::time::Duration;

/// Maximum memory of 32,768 half-open connections, each of about 200 bytes.
const RECORDS: usize = 16 << 20;

/// The rows of strangers.
pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "enet: CONNECT from one address",
            size: 60,
            allocated: 40,
            instructions: 400,
            held: RECORDS,
            run: connects_of_one,
        },
        Row {
            name: "enet: CONNECT from many addresses",
            size: 60,
            allocated: 40,
            instructions: 400,
            held: RECORDS,
            run: connects_of_many,
        },
        Row {
            name: "enet: CONNECT from one port, in the place of older ones",
            size: 60,
            allocated: 40,
            instructions: 400,
            held: 512 << 10,
            run: connects_in_places_of_others,
        },
        Row {
            name: "enet: one CONNECT, repeated",
            size: 100,
            allocated: 4,
            instructions: 100,
            held: 64 << 10,
            run: one_repeated,
        },
        Row {
            name: "enet: wrong proofs of an address",
            size: 100,
            allocated: 4,
            instructions: 200,
            held: 64 << 10,
            run: wrong_proofs,
        },
        Row {
            name: "enet: 511 wrong acknowledgements each",
            size: 2,
            allocated: 1,
            instructions: 50,
            held: 64 << 10,
            run: many_acknowledgements,
        },
        Row {
            name: "enet: unknown numbers and noise",
            size: 100,
            allocated: 1,
            instructions: 100,
            held: 64 << 10,
            run: noise,
        },
    ]
}

/// Has a host take datagrams of strangers, to whom it may send no more than has come.
fn attack(mut victim: Victim, datagrams: &[Datagram], meter: &mut Meter) {
    let received = bytes_of(datagrams);
    let before = victim.sent_bytes;
    let sent = meter.run(received, || {
        victim.take_all(datagrams);
        victim.sent_bytes - before
    });
    meter.check(sent <= received, || format!("it sends {sent} bytes in answer to {received}"));
}

fn connects_of_one(size: usize, meter: &mut Meter) {
    let datagrams: Vec<_> = (0..size).map(|number| connect(address(1), number)).collect();
    attack(Victim::new(HostConfig::default()), &datagrams, meter);
}

fn connects_in_places_of_others(size: usize, meter: &mut Meter) {
    let datagrams: Vec<_> = (0..size).map(|number| connect(address(1), number)).collect();
    let mut victim = Victim::new(HostConfig::default());
    // A batch of 64 each 0.3 s: 256 are under way, of which the oldest are old enough to make room.
    victim.batch_time = Duration::from_millis(300);
    attack(victim, &datagrams, meter);
}

fn connects_of_many(size: usize, meter: &mut Meter) {
    let datagrams: Vec<_> = (0..size).map(|number| connect(address(number), number)).collect();
    attack(Victim::new(HostConfig::default()), &datagrams, meter);
}

fn one_repeated(size: usize, meter: &mut Meter) {
    let datagrams = vec![connect(address(1), 1); size];
    let mut victim = Victim::new(HostConfig::default());
    let received = bytes_of(&datagrams);
    let answers = meter.run(received, || {
        victim.take_all(&datagrams);
        victim.sent
    });
    meter.check(answers <= 17, || format!("it answers one CONNECT {answers} times"));
}

fn wrong_proofs(size: usize, meter: &mut Meter) {
    let mut victim = Victim::new(HostConfig::default());
    let stranger = victim.half_open(address(1));
    let datagrams: Vec<_> =
        (0..size).map(|number| stranger.datagram(&[acknowledge(number as u16, 0xABCD)])).collect();
    attack(victim, &datagrams, meter);
}

fn many_acknowledgements(size: usize, meter: &mut Meter) {
    let mut victim = Victim::new(HostConfig::default());
    let stranger = victim.half_open(address(1));
    let commands: Vec<_> = (0..511).map(|number| acknowledge(number, 0xABCD)).collect();
    let datagrams = vec![stranger.datagram(&commands); size];
    attack(victim, &datagrams, meter);
}

fn noise(size: usize, meter: &mut Meter) {
    let mut random = Random::new(1);
    let datagrams: Vec<_> = (0..size)
        .map(|_| {
            let from = SocketAddr::from(([10, 0, 0, random.below(256) as u8], 1000));
            let len = 4 + random.below(60);
            (from, random.bytes(len))
        })
        .collect();
    attack(Victim::new(HostConfig::default()), &datagrams, meter);
}

//! Pieces of packets that never come whole.

use super::victim::{Datagram, Victim, address, bytes_of, fragment};
use crate::meter::Meter;
use crate::row::Row;
use lodewire_enet::HostConfig;
use lodewire_enet::wire::{Fragment, MAX_FRAGMENT_COUNT};

/// Maximum memory that one peer may make the host use in these rows.
const LIMIT: usize = 64 << 10;
/// This with the memory of the tables and of the answers.
const HELD: usize = 256 << 10;

/// The rows of pieces.
pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "enet: unreliable pieces that each claim 32 MiB",
            size: 20,
            allocated: 20,
            instructions: 200,
            held: HELD,
            run: |size, meter| unreliable(size, MAX_FRAGMENT_COUNT, 0, meter),
        },
        Row {
            name: "enet: incomplete packets of one number",
            size: 100,
            allocated: 20,
            instructions: 200,
            held: HELD,
            run: |size, meter| unreliable(size, 2, 0, meter),
        },
        Row {
            name: "enet: incomplete packets of a later number",
            size: 100,
            allocated: 20,
            instructions: 200,
            held: HELD,
            run: |size, meter| unreliable(size, 2, 5, meter),
        },
        Row {
            name: "enet: reliable pieces that each claim 32 MiB",
            size: 20,
            allocated: 20,
            instructions: 300,
            held: HELD,
            run: |size, meter| reliable(size, MAX_FRAGMENT_COUNT, meter),
        },
        Row {
            name: "enet: reliable pieces of many packets",
            size: 100,
            allocated: 20,
            instructions: 300,
            held: HELD,
            run: |size, meter| reliable(size, 2, meter),
        },
        Row {
            name: "enet: a packet of 32 MiB, backwards",
            size: 100,
            allocated: 20,
            instructions: 300,
            held: 1 << 20,
            run: |size, meter| backwards(size, true, meter),
        },
        Row {
            name: "enet: an unreliable one, likewise",
            size: 100,
            allocated: 20,
            instructions: 300,
            held: 1 << 20,
            run: |size, meter| backwards(size, false, meter),
        },
        Row {
            name: "enet: many peers that claim 32 MiB each",
            size: 5,
            allocated: 20,
            instructions: 300,
            held: 4 << 20,
            run: many_peers,
        },
    ]
}

fn config() -> HostConfig {
    HostConfig { peers: 1000, max_waiting_data: LIMIT, ..HostConfig::default() }
}

/// The first piece of a packet of so many pieces, all of 32 bytes.
fn first_piece(start_sequence: u16, count: u32) -> Fragment<'static> {
    piece(start_sequence, count, 0)
}

fn piece(start_sequence: u16, count: u32, number: u32) -> Fragment<'static> {
    let data = &[1; 32];
    Fragment { start_sequence, count, number, total_length: 32 * count, offset: 32 * number, data }
}

fn attack(mut victim: Victim, datagrams: &[Datagram], meter: &mut Meter) {
    meter.run(bytes_of(datagrams), || victim.take_all(datagrams));
}

fn unreliable(size: usize, count: u32, sequence: u16, meter: &mut Meter) {
    let mut victim = Victim::new(config());
    let attacker = victim.admit(address(1));
    let datagrams: Vec<_> = (1..=size)
        .map(|number| first_piece(number as u16, count))
        .map(|piece| attacker.datagram(&[fragment(false, sequence, piece)]))
        .collect();
    attack(victim, &datagrams, meter);
}

fn reliable(size: usize, count: u32, meter: &mut Meter) {
    let mut victim = Victim::new(config());
    let attacker = victim.admit(address(1));
    let datagrams: Vec<_> = (1..=size)
        .map(|number| first_piece(number as u16, count))
        .map(|piece| attacker.datagram(&[fragment(true, piece.start_sequence, piece)]))
        .collect();
    attack(victim, &datagrams, meter);
}

/// The longest packet in pieces of 32 bytes, of which the last come first.
fn backwards(size: usize, is_reliable: bool, meter: &mut Meter) {
    let mut victim = Victim::new(config());
    let attacker = victim.admit(address(1));
    let datagrams: Vec<_> = (1..=size as u32)
        .map(|back| piece(1, MAX_FRAGMENT_COUNT, MAX_FRAGMENT_COUNT - back))
        .map(|piece| attacker.datagram(&[fragment(is_reliable, u16::from(is_reliable), piece)]))
        .collect();
    attack(victim, &datagrams, meter);
}

/// As many peers as the row is large, each with a piece of each kind.
fn many_peers(size: usize, meter: &mut Meter) {
    let mut victim = Victim::new(config());
    let attackers: Vec<_> = (0..size).map(|number| victim.admit(address(number))).collect();
    let piece = first_piece(1, MAX_FRAGMENT_COUNT);
    let datagrams: Vec<_> = attackers
        .iter()
        .flat_map(|attacker| {
            let both = [fragment(true, 1, piece), fragment(false, 0, piece)];
            both.map(|command| attacker.datagram(&[command]))
        })
        .collect();
    attack(victim, &datagrams, meter);
}

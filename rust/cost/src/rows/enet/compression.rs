//! Compressed datagrams: each mode's worst input.

use super::victim::{Datagram, Victim, address, bytes_of};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;
use lodewire_enet::wire::Header;
use lodewire_enet::{Compression, Compressor, HostConfig};

/// Maximum size of a decompressed datagram.
const MAX_LEN: usize = 4096;
/// The state of a decompressor, and room for a datagram.
const HELD: usize = 512 << 10;

/// The rows of compressed datagrams.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, instructions, run| Row {
        name,
        size: 10,
        allocated: 10,
        instructions,
        held: HELD,
        run,
    };
    vec![
        row("enet: range coder, 4 KiB of zeros", 80_000, |size, meter| {
            zeros(Compression::RangeCoder, size, meter);
        }),
        row("enet: range coder, noise", 1000, |size, meter| {
            noise(Compression::RangeCoder, size, meter);
        }),
        row("enet: FastLZ, 4 KiB of zeros", 2000, |size, meter| {
            zeros(Compression::FastLz, size, meter);
        }),
        row("enet: FastLZ, noise", 1000, |size, meter| noise(Compression::FastLz, size, meter)),
        row("enet: zlib, 4 KiB of zeros", 3000, |size, meter| {
            zeros(Compression::Zlib, size, meter);
        }),
        row("enet: zlib, noise", 3000, |size, meter| noise(Compression::Zlib, size, meter)),
        row("enet: Zstandard, 4 KiB of zeros", 3000, |size, meter| {
            zeros(Compression::Zstd, size, meter);
        }),
        row("enet: Zstandard, noise", 3000, |size, meter| {
            noise(Compression::Zstd, size, meter);
        }),
    ]
}

fn attack(mode: Compression, meter: &mut Meter, write: impl FnOnce() -> Vec<Vec<u8>>) {
    let mut victim = Victim::new(HostConfig::default());
    let attacker = victim.admit(address(1));
    victim.host.set_compressor(Compressor::new(mode));
    let (peer_id, session) = (attacker.id, attacker.session);
    let header = Header { peer_id, session, compressed: true, sent_time: None };
    let datagrams: Vec<Datagram> = write()
        .into_iter()
        .map(|bytes| {
            let head = &header.encode()[..header.encoded_len()];
            (attacker.address, [head, &bytes].concat())
        })
        .collect();
    meter.run(bytes_of(&datagrams), || victim.take_all(&datagrams));
}

fn zeros(mode: Compression, size: usize, meter: &mut Meter) {
    attack(mode, meter, || {
        let mut compressed = Vec::new();
        let mut compressor = Compressor::new(mode).expect("a mode");
        assert!(compressor.compress(&[0; MAX_LEN], &mut compressed), "it is shorter");
        vec![compressed; size]
    });
}

fn noise(mode: Compression, size: usize, meter: &mut Meter) {
    let mut random = Random::new(4);
    attack(mode, meter, || (0..size).map(|_| random.bytes(40)).collect());
}

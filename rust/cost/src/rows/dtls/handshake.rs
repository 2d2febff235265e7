//! Clients with a verified address that send arbitrary datagrams instead of their flight.

use super::pair::{ALERT, APPLICATION_DATA, HANDSHAKE, Pair, fragment, record};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;

const CERTIFICATE: u8 = 11;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const CLIENT_HELLO: u8 = 1;
/// Sequence number of the client's next message, after two `ClientHello`s.
const NEXT: u16 = 2;
/// Memory of a handshake: 32 KiB of messages and fragments, and 32 KiB of records that arrive before the keys.
const HELD: usize = 160 << 10;

/// Returns the rows of handshakes.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, size, allocated, instructions, run| Row {
        name,
        size,
        allocated,
        instructions,
        held: HELD,
        run,
    };
    vec![
        row("dtls: pieces that each claim 16 MiB", 20, 4, 200, |size, meter| {
            let longest = (1 << 24) - 1;
            let fragment =
                |number| fragment(CERTIFICATE, NEXT + number as u16 % 8, longest, 0, &[1]);
            attack(
                meter,
                (0..size).map(fragment).map(|fragment| record(HANDSHAKE, 0, 10, &fragment)),
            );
        }),
        row("dtls: pieces that each claim 30 KiB", 20, 40, 200, |size, meter| {
            let fragment =
                |number| fragment(CERTIFICATE, NEXT + number as u16 % 8, 30_000 - number, 0, &[1]);
            attack(
                meter,
                (0..size).map(fragment).map(|fragment| record(HANDSHAKE, 0, 10, &fragment)),
            );
        }),
        row("dtls: a message in bytes, backwards", 100, 8, 300, |size, meter| {
            let fragment =
                |back| fragment(CLIENT_KEY_EXCHANGE, NEXT, 16_000, 15_999 - back % 15_000, &[1]);
            attack(
                meter,
                (0..size).map(fragment).map(|fragment| record(HANDSHAKE, 0, 10, &fragment)),
            );
        }),
        row("dtls: every second byte of a message", 50, 8, 300, |size, meter| {
            let fragment = |at| fragment(CLIENT_KEY_EXCHANGE, NEXT, 16_000, at * 2 % 16_000, &[1]);
            attack(
                meter,
                (0..size).map(fragment).map(|fragment| record(HANDSHAKE, 0, 10, &fragment)),
            );
        }),
        row("dtls: pieces of no bytes", 100, 4, 200, |size, meter| {
            let fragment =
                |at| fragment(CERTIFICATE, NEXT + at as u16 % 8, 16_000, at % 16_000, &[]);
            attack(
                meter,
                (0..size).map(fragment).map(|fragment| record(HANDSHAKE, 0, 10, &fragment)),
            );
        }),
        row("dtls: a message that was there before", 50, 4, 300, |size, meter| {
            let fragment = fragment(CLIENT_HELLO, 0, 60, 0, &[1]);
            let repeated = record(HANDSHAKE, 0, 10, &fragment);
            attack(meter, std::iter::repeat_n(repeated, size));
        }),
        row("dtls: sealed records before the keys", 20, 4, 50, |size, meter| {
            let mut random = Random::new(6);
            let early = |number| record(APPLICATION_DATA, 1, number, &random.bytes(100));
            attack(meter, (0..size).map(early));
        }),
        row("dtls: empty sealed records before the keys", 100, 8, 300, |size, meter| {
            attack(meter, (0..size).map(|number| record(APPLICATION_DATA, 1, number, &[])));
        }),
        row("dtls: many records in a datagram", 5, 2, 200, |size, meter| {
            let records = |number| {
                (0..60).flat_map(|at| record(ALERT, 0, number * 60 + at, &[])).collect::<Vec<_>>()
            };
            attack(meter, (0..size).map(records));
        }),
        row("dtls: alerts that anybody may write", 50, 4, 200, |size, meter| {
            attack(meter, (0..size).map(|number| record(ALERT, 0, number, &[1, 90])));
        }),
    ]
}

fn attack(meter: &mut Meter, datagrams: impl Iterator<Item = Vec<u8>>) {
    let mut pair = Pair::handshaking();
    while pair.server.poll_transmit().is_some() {}
    let mut datagrams: Vec<_> = datagrams.collect();
    let received = datagrams.iter().map(Vec::len).sum();
    meter.run(received, || {
        for datagram in &mut datagrams {
            pair.server.handle_datagram(pair.now, datagram);
            while pair.server.poll_transmit().is_some() {}
            while pair.server.receive().is_some() {}
        }
    });
}

//! Established connections, with their peer or an attacker that spoofs its address.

use super::pair::{ALERT, APPLICATION_DATA, HANDSHAKE, MAX_BUFFERED_BYTES, Pair, fragment, record};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;

/// Returns the rows of established connections.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, size, allocated, instructions, run| Row {
        name,
        size,
        allocated,
        instructions,
        held: MAX_BUFFERED_BYTES + (64 << 10),
        run,
    };
    vec![
        row("dtls: forged records", 20, 2, 300, |size, meter| {
            let mut random = Random::new(7);
            let forged = |number| record(APPLICATION_DATA, 1, 1000 + number, &random.bytes(60));
            let mut pair = Pair::connected();
            attack(&mut pair, meter, (0..size).map(forged).collect());
        }),
        row("dtls: a record, replayed", 50, 2, 300, |size, meter| {
            let mut pair = Pair::connected();
            pair.client.send(b"once").expect("it is connected");
            let datagram = pair.client.poll_transmit().expect("a record");
            attack(&mut pair, meter, vec![datagram; size]);
        }),
        row("dtls: empty packets", 20, 8, 500, |size, meter| {
            let mut pair = Pair::connected();
            let datagrams = (0..size)
                .map(|_| {
                    pair.client.send(b"").expect("it is connected");
                    pair.client.poll_transmit().expect("a record")
                })
                .collect();
            attack(&mut pair, meter, datagrams);
        }),
        row("dtls: packets for a game that is busy", 10, 4, 50, |size, meter| {
            let mut pair = Pair::connected();
            let datagrams: Vec<_> = (0..size)
                .map(|_| {
                    pair.client.send(&[7; 1000]).expect("it is connected");
                    pair.client.poll_transmit().expect("a record")
                })
                .collect();
            take(&mut pair, meter, datagrams, false);
        }),
        row("dtls: messages and alerts without keys", 20, 4, 300, |size, meter| {
            let forged = |number: usize| match number % 3 {
                0 => record(ALERT, 0, number, &[2, 40]),
                1 => record(HANDSHAKE, 0, number, &fragment(1, 0, 100, 0, &[1; 20])),
                _ => record(HANDSHAKE, 0, number, &fragment(20, 3, 12, 0, &[1; 12])),
            };
            let mut pair = Pair::connected();
            attack(&mut pair, meter, (0..size).map(forged).collect());
        }),
    ]
}

fn attack(pair: &mut Pair, meter: &mut Meter, datagrams: Vec<Vec<u8>>) {
    take(pair, meter, datagrams, true);
}

/// Passes datagrams to the server, whose game reads all packets or none.
fn take(pair: &mut Pair, meter: &mut Meter, mut datagrams: Vec<Vec<u8>>, reads: bool) {
    let received = datagrams.iter().map(Vec::len).sum();
    meter.run(received, || {
        for datagram in &mut datagrams {
            pair.server.handle_datagram(pair.now, datagram);
            while pair.server.poll_transmit().is_some() {}
            while reads && pair.server.receive().is_some() {}
        }
    });
}

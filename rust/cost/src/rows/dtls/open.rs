//! A connection that is open, and its peer or somebody who writes its address.

use super::ends::{ALERT, APPLICATION_DATA, HANDSHAKE, Pair, WAITING, piece, record};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;

/// The rows of open connections.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, size, allocated, instructions, run| Row {
        name,
        size,
        allocated,
        instructions,
        held: WAITING + (64 << 10),
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
                1 => record(HANDSHAKE, 0, number, &piece(1, 0, 100, 0, &[1; 20])),
                _ => record(HANDSHAKE, 0, number, &piece(20, 3, 12, 0, &[1; 12])),
            };
            let mut pair = Pair::connected();
            attack(&mut pair, meter, (0..size).map(forged).collect());
        }),
    ]
}

fn attack(pair: &mut Pair, meter: &mut Meter, datagrams: Vec<Vec<u8>>) {
    take(pair, meter, datagrams, true);
}

/// Has the server take datagrams, of whose packets its game takes all or none.
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

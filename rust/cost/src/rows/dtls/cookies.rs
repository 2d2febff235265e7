//! Clients without a cookie, for which a server keeps no state.

use super::pair::{HANDSHAKE, client_address, fragment, record};
use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;
use lodewire_dtls::{ClientHelloVerification, CookieGenerator};
use std::time::Instant;

const CLIENT_HELLO: u8 = 1;

/// Returns the rows of clients without a cookie.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, size, instructions, run| Row {
        name,
        size,
        allocated: 6,
        instructions,
        held: 256 << 10,
        run,
    };
    vec![
        row("dtls: a hello with many extensions", 150, 100, |size, meter| {
            attack(&[hello(size, 0, false)], meter);
        }),
        row("dtls: a hello with an extension twice", 150, 100, |size, meter| {
            attack(&[hello(size, 0, true)], meter);
        }),
        row("dtls: a hello with many suites", 300, 100, |size, meter| {
            attack(&[hello(0, size, false)], meter);
        }),
        row("dtls: hellos without a cookie", 10, 300, |size, meter| {
            attack(&vec![hello(5, 4, false); size], meter);
        }),
        row("dtls: hellos that are cut, and noise", 20, 200, |size, meter| {
            let mut random = Random::new(5);
            let cut = |_| {
                let mut hello = hello(5, 4, false);
                hello.truncate(20 + random.below(60));
                hello
            };
            let datagrams: Vec<_> = (0..size).map(cut).collect();
            attack(&datagrams, meter);
        }),
    ]
}

/// Returns a ClientHello without a cookie, with this many unknown extensions and cipher suites.
fn hello(extensions: usize, suites: usize, twice: bool) -> Vec<u8> {
    let mut body = vec![0xFE, 0xFD];
    body.extend([7; 32]);
    // No session, no cookie.
    body.extend([0, 0]);
    let suites: Vec<u8> = std::iter::once(0xC02B_u16)
        .chain((0..suites).map(|number| 0x4000 | number as u16))
        .flat_map(u16::to_be_bytes)
        .collect();
    body.extend((suites.len() as u16).to_be_bytes());
    body.extend(suites);
    body.extend([1, 0]);
    let mut list = Vec::new();
    for number in 0..extensions {
        list.extend((0x8000_u16 + number as u16).to_be_bytes());
        list.extend([0, 0]);
    }
    if twice {
        list.extend([0x80, 0, 0, 0]);
    }
    body.extend((list.len() as u16).to_be_bytes());
    body.extend(list);
    record(HANDSHAKE, 0, 0, &fragment(CLIENT_HELLO, 0, body.len(), 0, &body))
}

fn attack(datagrams: &[Vec<u8>], meter: &mut Meter) {
    let now = Instant::now();
    let mut cookies = CookieGenerator::new(now).expect("randomness");
    let received = datagrams.iter().map(Vec::len).sum();
    let sent = meter.run(received, || {
        let mut sent = 0;
        for datagram in datagrams {
            match cookies.verify_client_hello(now, client_address(), datagram) {
                ClientHelloVerification::HelloVerifyRequest(answer) => sent += answer.len(),
                ClientHelloVerification::Ignored | ClientHelloVerification::Verified(_) => {}
            }
        }
        sent
    });
    meter.check(sent <= received, || format!("it sends {sent} bytes in answer to {received}"));
}

//! A server's table of connections, and many addresses.

use super::ends::{APPLICATION_DATA, HANDSHAKE, piece, record};
use crate::meter::Meter;
use crate::row::Row;
use lodewire_dtls::{CertificateError, CertificateVerifier, ClientConfig, Connection};
use lodewire_net::dtls::{Limits, ServerConfig, SocketlessServer};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

const CERTIFICATE: u8 = 11;
/// The offset of the session id in a hello's datagram, after the random.
const SESSION: usize = 13 + 12 + 34;
/// The offset of the cookie in a HelloVerifyRequest.
const COOKIE: usize = 13 + 12 + 3;
/// The number of the client's next message, after two hellos.
const NEXT: u16 = 2;

/// A datagram and its sender.
type Datagram = (SocketAddr, Vec<u8>);

/// The rows of the table.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, size, allocated, instructions, held, run| Row {
        name,
        size,
        allocated,
        instructions,
        held,
        run,
    };
    vec![
        row("dtls: a table, hellos of many addresses", 50, 4, 150, 256 << 10, |size, meter| {
            let hello = hello();
            let datagrams = (0..size).map(|number| (address(number), hello.clone())).collect();
            attack(&mut table(), meter, datagrams);
        }),
        row(
            "dtls: a table, hellos of one address with cookies",
            50,
            40,
            250,
            1 << 20,
            |size, meter| {
                let mut table = table();
                let from = |number| SocketAddr::from(([10, 0, 0, 1], 1000 + number as u16));
                let proven = prove(&mut table, (0..size).map(from));
                attack(&mut table, meter, proven);
            },
        ),
        row(
            "dtls: a table, hellos of many addresses with cookies",
            50,
            40,
            300,
            8 << 20,
            |size, meter| {
                let mut table = table();
                let proven = prove(&mut table, (0..size).map(address));
                attack(&mut table, meter, proven);
            },
        ),
        row(
            "dtls: a table, hellos of many networks of three /48 with cookies",
            50,
            40,
            300,
            8 << 20,
            |size, meter| {
                let mut table = table();
                let proven = prove(&mut table, (0..size).map(network));
                attack(&mut table, meter, proven);
            },
        ),
        row("dtls: a table, claims in many handshakes", 50, 20, 100, 16 << 20, |size, meter| {
            let mut table = table();
            let senders: Vec<_> = (0..size.min(1000)).map(address).collect();
            for (from, mut hello) in prove(&mut table, senders.iter().copied()) {
                table.handle_datagram(Instant::now(), from, &mut hello);
            }
            let claim = |number: usize| {
                let sequence = NEXT + (number / senders.len()) as u16 % 8;
                let piece = piece(CERTIFICATE, sequence, 30_000, 0, &[1; 50]);
                (senders[number % senders.len()], record(HANDSHAKE, 0, 10 + number, &piece))
            };
            let datagrams = (0..size * 4).map(claim).collect();
            attack(&mut table, meter, datagrams);
        }),
        row(
            "dtls: a table, handshakes that keep all that they may",
            160,
            4,
            100,
            10 << 20,
            |size, meter| {
                let mut table = table();
                let senders: Vec<_> = (0..size / 160).map(address).collect();
                for (from, mut hello) in prove(&mut table, senders.iter().copied()) {
                    table.handle_datagram(Instant::now(), from, &mut hello);
                }
                let keep = |number: usize| {
                    let (at, bytes) = (number / senders.len() / 2, [1; 1000]);
                    let datagram = if (number / senders.len()).is_multiple_of(2) {
                        // A message whose turn it is not.
                        let piece = piece(CERTIFICATE, NEXT + 1, 30_000, at % 30 * 1000, &bytes);
                        record(HANDSHAKE, 0, 10 + number, &piece)
                    } else {
                        record(APPLICATION_DATA, 1, number, &bytes)
                    };
                    (senders[number % senders.len()], datagram)
                };
                attack(&mut table, meter, (0..size).map(keep).collect());
            },
        ),
    ]
}

#[derive(Debug)]
struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

fn table() -> SocketlessServer {
    let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("a key");
    let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
    let setup = ServerConfig::new(&key, &certificate, "", None).expect("they fit");
    SocketlessServer::new(&setup, Limits::default()).expect("randomness")
}

/// An address that shares its /24 with nobody.
fn address(number: usize) -> SocketAddr {
    let [.., a, b] = (number as u32).to_be_bytes();
    SocketAddr::from(([10, a, b, 1], 1234))
}

/// An address in a /64 that nobody else has, of one of three /48.
fn network(number: usize) -> SocketAddr {
    let number = number as u16;
    SocketAddr::from(([0x2001, 0xDB8, number % 3, number, 0, 0, 0, 1], 1234))
}

/// A client's first hello.
fn hello() -> Vec<u8> {
    let config = ClientConfig {
        verifier: Arc::new(Anybody),
        server_name: Some("game.example".to_owned()),
        certified_key: None,
        limits: lodewire_dtls::Limits::default(),
    };
    let mut client = Connection::connect(Instant::now(), config).expect("randomness");
    client.poll_transmit().expect("a hello")
}

/// The hellos of these addresses, with the cookies that the table asks for.
fn prove(
    table: &mut SocketlessServer,
    addresses: impl Iterator<Item = SocketAddr>,
) -> Vec<Datagram> {
    let hello = hello();
    let now = Instant::now();
    let mut proven = Vec::new();
    for from in addresses {
        table.handle_datagram(now, from, &mut hello.clone());
        table.transmit(|to, request| proven.push((to, with_cookie(&hello, &request[COOKIE..]))));
    }
    proven
}

/// A hello with a cookie, as the second message.
fn with_cookie(hello: &[u8], cookie: &[u8]) -> Vec<u8> {
    let mut hello = hello.to_vec();
    let at = SESSION + 1 + usize::from(hello[SESSION]);
    let len = std::iter::once(cookie.len() as u8);
    hello.splice(at..=at, len.chain(cookie.iter().copied()));
    record(HANDSHAKE, 0, 1, &piece(1, 1, hello.len() - 25, 0, &hello[25..]))
}

/// Has the table take datagrams. What the workers do is not measured.
fn attack(table: &mut SocketlessServer, meter: &mut Meter, mut datagrams: Vec<Datagram>) {
    let now = Instant::now();
    let received = datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
    meter.run(received, || {
        for (from, datagram) in &mut datagrams {
            table.handle_datagram(now, *from, datagram);
            table.transmit(|_, _| {});
            table.poll_events();
        }
    });
    let limit = Limits::default().max_handshakes;
    let count = table.handshakes();
    meter.check(count <= limit, || format!("{count} handshakes are under way"));
}

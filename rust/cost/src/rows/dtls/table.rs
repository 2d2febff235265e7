//! A server's connection table, with many addresses.

use super::pair::{APPLICATION_DATA, HANDSHAKE, fragment, record};
use crate::meter::Meter;
use crate::row::Row;
use lodewire_dtls::{CertificateError, CertificateVerifier, ClientConfig, Connection};
use lodewire_net::dtls::{Limits, ServerConfig, TestServer};
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

const CERTIFICATE: u8 = 11;
/// Offset of the session id in the datagram of a ClientHello, after the random.
const SESSION: usize = 13 + 12 + 34;
/// Offset of the cookie in a HelloVerifyRequest.
const COOKIE: usize = 13 + 12 + 3;
/// Sequence number of the client's next message, after two `ClientHello`s.
const NEXT: u16 = 2;

/// A datagram with its sender.
type Datagram = (SocketAddr, Vec<u8>);

/// Returns the rows of the table.
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
                let verified = verified_hellos(&mut table, (0..size).map(from));
                attack(&mut table, meter, verified);
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
                let verified = verified_hellos(&mut table, (0..size).map(address));
                attack(&mut table, meter, verified);
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
                let verified = verified_hellos(&mut table, (0..size).map(network));
                attack(&mut table, meter, verified);
            },
        ),
        row("dtls: a table, claims in many handshakes", 50, 20, 100, 16 << 20, |size, meter| {
            let mut table = table();
            let senders: Vec<_> = (0..size.min(1000)).map(address).collect();
            for (from, mut hello) in verified_hellos(&mut table, senders.iter().copied()) {
                table.handle_datagram(Instant::now(), from, &mut hello);
            }
            let claim = |number: usize| {
                let sequence = NEXT + (number / senders.len()) as u16 % 8;
                let fragment = fragment(CERTIFICATE, sequence, 30_000, 0, &[1; 50]);
                (senders[number % senders.len()], record(HANDSHAKE, 0, 10 + number, &fragment))
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
                for (from, mut hello) in verified_hellos(&mut table, senders.iter().copied()) {
                    table.handle_datagram(Instant::now(), from, &mut hello);
                }
                let keep = |number: usize| {
                    let (at, bytes) = (number / senders.len() / 2, [1; 1000]);
                    let datagram = if (number / senders.len()).is_multiple_of(2) {
                        // An out-of-order message.
                        let fragment =
                            fragment(CERTIFICATE, NEXT + 1, 30_000, at % 30 * 1000, &bytes);
                        record(HANDSHAKE, 0, 10 + number, &fragment)
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
struct AcceptAny;

impl CertificateVerifier for AcceptAny {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

fn table() -> TestServer {
    let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("a key");
    let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
    let setup = ServerConfig::new(&key, &certificate, "", None).expect("they fit");
    TestServer::new(&setup, Limits::default()).expect("randomness")
}

/// Returns an address that is alone in its /24.
fn address(number: usize) -> SocketAddr {
    let [.., a, b] = (number as u32).to_be_bytes();
    SocketAddr::from(([10, a, b, 1], 1234))
}

/// Returns an address that is alone in its /64, in one of three /48.
fn network(number: usize) -> SocketAddr {
    let number = number as u16;
    SocketAddr::from(([0x2001, 0xDB8, number % 3, number, 0, 0, 0, 1], 1234))
}

/// Returns the first ClientHello of a client.
fn hello() -> Vec<u8> {
    let config = ClientConfig {
        verifier: Arc::new(AcceptAny),
        server_name: Some("game.example".to_owned()),
        certified_key: None,
        limits: lodewire_dtls::Limits::default(),
    };
    let mut client = Connection::connect(Instant::now(), config).expect("randomness");
    client.poll_transmit().expect("a hello")
}

/// Returns the `ClientHello`s of these addresses, with the cookies that the table requests.
fn verified_hellos(
    table: &mut TestServer,
    addresses: impl Iterator<Item = SocketAddr>,
) -> Vec<Datagram> {
    let hello = hello();
    let now = Instant::now();
    let mut verified = Vec::new();
    for from in addresses {
        table.handle_datagram(now, from, &mut hello.clone());
        table.transmit(|to, request| verified.push((to, with_cookie(&hello, &request[COOKIE..]))));
    }
    verified
}

/// Returns a ClientHello with a cookie, as the second message.
fn with_cookie(hello: &[u8], cookie: &[u8]) -> Vec<u8> {
    let mut hello = hello.to_vec();
    let at = SESSION + 1 + usize::from(hello[SESSION]);
    let len = std::iter::once(cookie.len() as u8);
    hello.splice(at..=at, len.chain(cookie.iter().copied()));
    record(HANDSHAKE, 0, 1, &fragment(1, 1, hello.len() - 25, 0, &hello[25..]))
}

/// Passes datagrams to the table. The jobs of the workers are not measured.
fn attack(table: &mut TestServer, meter: &mut Meter, mut datagrams: Vec<Datagram>) {
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

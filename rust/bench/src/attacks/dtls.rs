//! Attacks on DTLS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lodewire_dtls::Connection;

use super::pace::{Attacker, UDP};
use crate::dtls::{Kind as Key, client_config};

/// The number of sockets that request connections, each from its own port or address.
const SOCKETS: u16 = 64;
/// The number of clients that restart continuously, and of their addresses.
const SOCKETS_AGAIN: u16 = 750;
const ADDRESSES_AGAIN: u16 = 3;
/// A handshake that was spoiled has ended by then: the attacker asks for another.
const AGAIN: Duration = Duration::from_secs(1);

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const CERTIFICATE: u8 = 11;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;
/// The offset of a hello's random in its datagram, followed by its session id.
const RANDOM: usize = 13 + 12 + 2;
const SESSION: usize = RANDOM + 32;
/// The offset of the cookie in a hello verify request.
const COOKIE: usize = 13 + 12 + 3;
/// The number of the message that comes after two hellos.
const NEXT: u16 = 2;

/// The data to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A hello of so many extensions.
    Extensions(u16),
    Hellos,
    HellosOfMany,
    Proven,
    ProvenOfMany,
    /// Each port begins again as soon as it is answered.
    Again,
    LargeClaims,
    Claims,
    TinyFragments,
    OutOfTurn,
}

/// One who does so.
struct Sender {
    server: SocketAddr,
    kind: Kind,
    /// Each with the number that stands in the random of its latest hello.
    sockets: Vec<(UdpSocket, u64)>,
    /// A hello without a cookie, as a client sends it first.
    hello: Vec<u8>,
    /// The bytes that were sent in answer to requests for a cookie, and not counted yet.
    answered: usize,
    asked: Instant,
}

/// Connects as far as the kind needs it.
pub(super) fn begin(server: SocketAddr, kind: Kind) -> Result<Box<dyn Attacker>> {
    let (count, addresses) = match kind {
        Kind::HellosOfMany | Kind::ProvenOfMany => (SOCKETS, SOCKETS),
        Kind::Again => (SOCKETS_AGAIN, ADDRESSES_AGAIN),
        _ => (SOCKETS, 1),
    };
    let first = if addresses > 1 { 10 } else { 1 };
    let address = |number| Ipv4Addr::new(127, 0, 0, (first + number % addresses) as u8);
    let hello = if let Kind::Extensions(count) = kind {
        hello_of(count)
    } else {
        let mut client = Connection::connect(Instant::now(), client_config(Key::P256)?)?;
        client.poll_transmit().context("no hello")?
    };
    let sockets = (0..count)
        .map(|number| Ok((socket(address(number).into(), server)?, 0)))
        .collect::<Result<_>>()?;
    let mut sender = Sender { server, kind, sockets, hello, answered: 0, asked: Instant::now() };
    if sender.needs_handshake() {
        sender.begin_handshake()?;
    }
    Ok(Box::new(sender))
}

fn socket(from: IpAddr, server: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Attacker for Sender {
    fn send(&mut self, number: usize) -> Result<usize> {
        let datagram = self.datagram(number);
        let index = if self.needs_handshake() { 0 } else { number % self.sockets.len() };
        let (socket, random) = &mut self.sockets[index];
        *random = number as u64;
        // One that the system does not take is lost, as on a network.
        let _ = socket.send(&datagram);
        Ok(datagram.len() + UDP + std::mem::take(&mut self.answered))
    }

    fn serve(&mut self) -> Result<()> {
        let mut buffer = [0; 2048];
        let answers = matches!(self.kind, Kind::Proven | Kind::ProvenOfMany | Kind::Again);
        for (socket, random) in &mut self.sockets {
            while let Ok(len) = socket.recv(&mut buffer) {
                if let Some(cookie) = cookie(&buffer[..len]).filter(|_| answers) {
                    set_random(&mut self.hello, *random);
                    let hello = with_cookie(&self.hello, cookie);
                    let _ = socket.send(&hello);
                    self.answered += hello.len() + UDP;
                    if self.kind != Kind::Again {
                        // The next one comes from another port, since one at the same would wait for its turn.
                        *socket = self::socket(socket.local_addr()?.ip(), self.server)?;
                        break;
                    }
                }
            }
        }
        if self.needs_handshake() && self.asked.elapsed() > AGAIN {
            self.begin_handshake()?;
        }
        Ok(())
    }
}

impl Sender {
    /// Returns true if it attacks a handshake in progress.
    fn needs_handshake(&self) -> bool {
        matches!(
            self.kind,
            Kind::LargeClaims | Kind::Claims | Kind::TinyFragments | Kind::OutOfTurn
        )
    }

    /// Sends a hello with a cookie from the first socket.
    fn begin_handshake(&mut self) -> Result<()> {
        self.asked = Instant::now();
        self.hello[RANDOM] = self.hello[RANDOM].wrapping_add(1);
        let (socket, _) = &self.sockets[0];
        let mut buffer = [0; 2048];
        let mut is_begun = false;
        for _ in 0..40 {
            while let Ok(len) = socket.recv(&mut buffer) {
                if let Some(cookie) = cookie(&buffer[..len]) {
                    socket.send(&with_cookie(&self.hello, cookie))?;
                }
                is_begun |= buffer[0] == HANDSHAKE && buffer[13] == SERVER_HELLO;
            }
            if is_begun {
                return Ok(());
            }
            socket.send(&self.hello)?;
            std::thread::sleep(Duration::from_millis(20));
        }
        ensure!(is_begun, "the server does not answer the attacker's hello");
        Ok(())
    }

    fn datagram(&mut self, number: usize) -> Vec<u8> {
        let fragment = |kind, sequence, length, offset, bytes: &[u8]| {
            record(HANDSHAKE, number, &piece(kind, sequence, length, offset, bytes))
        };
        let sequence = NEXT + number as u16 % 8;
        match self.kind {
            Kind::Extensions(_) => self.hello.clone(),
            Kind::Hellos | Kind::HellosOfMany | Kind::Proven | Kind::ProvenOfMany | Kind::Again => {
                set_random(&mut self.hello, number as u64);
                self.hello.clone()
            }
            Kind::LargeClaims => fragment(CERTIFICATE, sequence, (1 << 24) - 1, 0, &[1]),
            Kind::Claims => fragment(CERTIFICATE, sequence, 30_000 - number % 1000, 0, &[1]),
            Kind::TinyFragments => {
                fragment(CLIENT_KEY_EXCHANGE, NEXT, 16_000, 15_999 - number % 15_000, &[1])
            }
            Kind::OutOfTurn => (0..50)
                .flat_map(|at| match at % 3 {
                    0 => record(ALERT, number, &[2, 40]),
                    1 => fragment(FINISHED, NEXT, 12, 0, &[1; 12]),
                    _ => fragment(CERTIFICATE, NEXT, 20, 0, &[1; 20]),
                })
                .collect(),
        }
    }
}

fn set_random(hello: &mut [u8], number: u64) {
    hello[RANDOM..RANDOM + 8].copy_from_slice(&number.to_be_bytes());
}

/// The cookie that a datagram asks to repeat.
fn cookie(datagram: &[u8]) -> Option<&[u8]> {
    let asks =
        datagram.first() == Some(&HANDSHAKE) && datagram.get(13) == Some(&HELLO_VERIFY_REQUEST);
    datagram.get(COOKIE..).filter(|_| asks)
}

/// A hello with a cookie, as the second message.
fn with_cookie(hello: &[u8], cookie: &[u8]) -> Vec<u8> {
    let mut hello = hello.to_vec();
    let at = SESSION + 1 + usize::from(hello[SESSION]);
    let len = std::iter::once(cookie.len() as u8);
    hello.splice(at..=at, len.chain(cookie.iter().copied()));
    // The record's length, the message's, and its fragment's; and the number of the message.
    let body = hello.len() - 25;
    hello[11..13].copy_from_slice(&((body + 12) as u16).to_be_bytes());
    let three = (body as u32).to_be_bytes();
    hello[14..17].copy_from_slice(&three[1..]);
    hello[22..25].copy_from_slice(&three[1..]);
    hello[18] = 1;
    hello
}

/// A hello without a cookie, of so many extensions that mean nothing.
fn hello_of(extensions: u16) -> Vec<u8> {
    let mut body = vec![0xFE, 0xFD];
    body.extend([7; 32]);
    // No session, no cookie, a suite, no compression.
    body.extend([0, 0, 0, 2, 0xC0, 0x2B, 1, 0]);
    body.extend((extensions * 4).to_be_bytes());
    for number in 0..extensions {
        body.extend((0x8000 + number).to_be_bytes());
        body.extend([0, 0]);
    }
    record(HANDSHAKE, 0, &piece(CLIENT_HELLO, 0, body.len(), 0, &body))
}

/// A record without keys.
fn record(content_type: u8, sequence: usize, content: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xFE, 0xFD, 0, 0];
    record.extend_from_slice(&(sequence as u64 + 10).to_be_bytes()[2..]);
    record.extend_from_slice(&(content.len() as u16).to_be_bytes());
    record.extend_from_slice(content);
    record
}

/// A piece of a message of `length` bytes.
fn piece(kind: u8, sequence: u16, length: usize, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
    let mut piece = vec![kind];
    piece.extend(three(length));
    piece.extend(sequence.to_be_bytes());
    piece.extend(three(offset));
    piece.extend(three(bytes.len()));
    piece.extend_from_slice(bytes);
    piece
}

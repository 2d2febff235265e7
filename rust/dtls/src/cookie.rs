//! Cookies: clients prove that they are where they say before the server keeps anything of them (RFC 6347 section 4.2.1).

use crate::handshake::{Header as MessageHeader, MessageType};
use crate::messages::{ClientHello, HelloVerifyRequest};
use crate::reader::Reader;
use crate::record::{ContentType, Header, VERSION_1_0, first_record};
use aws_lc_rs::{hmac, rand};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A secret makes cookies for so long, and is good for as long again.
const ROTATION: Duration = Duration::from_secs(30);

/// What makes a server's cookies: a secret, and the one before it.
pub struct Cookies {
    current: hmac::Key,
    previous: hmac::Key,
    since: Instant,
}

/// What a datagram of a stranger comes to.
#[derive(Debug)]
pub enum Greeting {
    /// Nothing.
    Ignored,
    /// It is to be answered with this, and forgotten: it is shorter than what came.
    Answer(Vec<u8>),
    /// The client is where it says.
    Proven(Hello),
}

/// The ClientHello of a client that is where it says, for [`Connection::accept`](crate::Connection::accept).
#[derive(Debug)]
pub struct Hello {
    pub(crate) record_sequence: u64,
    pub(crate) message_sequence: u16,
    pub(crate) body: Vec<u8>,
}

impl Hello {
    /// The client's random bytes, by which the hello of a new connection differs from the repetition of an old one.
    pub fn random(&self) -> [u8; 32] {
        // It was read before: behind the version there are as many.
        self.body.get(2..34).and_then(|random| random.try_into().ok()).unwrap_or_default()
    }
}

impl Cookies {
    /// New secrets of the system's randomness; `None` if it has none.
    pub fn new(now: Instant) -> Option<Self> {
        Some(Self { current: secret()?, previous: secret()?, since: now })
    }

    /// Looks at a datagram that came from a `client` without a connection. Nothing is kept, whatever it is.
    pub fn greet(&mut self, now: Instant, client: SocketAddr, datagram: &[u8]) -> Greeting {
        let Some((header, message, body)) = first_message(datagram) else {
            return Greeting::Ignored;
        };
        let Some(hello) = ClientHello::parse(body) else { return Greeting::Ignored };
        self.rotate(now);
        if !hello.cookie.is_empty() && self.is_right(client, &hello) {
            return Greeting::Proven(Hello {
                record_sequence: header.sequence,
                message_sequence: message.sequence,
                body: body.to_vec(),
            });
        }
        let cookie = make(&self.current, client, &hello);
        let answer = answer(header.sequence, message.sequence, cookie.as_ref());
        if answer.len() > datagram.len() {
            return Greeting::Ignored;
        }
        Greeting::Answer(answer)
    }

    fn rotate(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= ROTATION
            && let Some(next) = secret()
        {
            self.previous = std::mem::replace(&mut self.current, next);
            self.since = now;
        }
    }

    fn is_right(&self, client: SocketAddr, hello: &ClientHello<'_>) -> bool {
        let covered = covered(client, hello);
        [&self.current, &self.previous]
            .into_iter()
            .any(|key| hmac::verify(key, &covered, hello.cookie).is_ok())
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").finish_non_exhaustive()
    }
}

fn secret() -> Option<hmac::Key> {
    hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok()
}

/// What a cookie stands for: the client's address and port, and its hello but for the cookie.
fn covered(client: SocketAddr, hello: &ClientHello<'_>) -> Vec<u8> {
    let mut covered = Vec::with_capacity(32 + hello.before_cookie.len() + hello.after_cookie.len());
    match client.ip() {
        IpAddr::V4(ip) => covered.extend_from_slice(&ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => covered.extend_from_slice(&ip.octets()),
    }
    covered.extend_from_slice(&client.port().to_be_bytes());
    covered.extend_from_slice(&hello.before_cookie.len().to_be_bytes());
    covered.extend_from_slice(hello.before_cookie);
    covered.extend_from_slice(hello.after_cookie);
    covered
}

fn make(key: &hmac::Key, client: SocketAddr, hello: &ClientHello<'_>) -> hmac::Tag {
    hmac::sign(key, &covered(client, hello))
}

/// The ClientHello that a datagram begins with, in one piece: nothing is kept to put pieces together.
fn first_message(datagram: &[u8]) -> Option<(Header, MessageHeader, &[u8])> {
    let (header, fragment) = first_record(datagram)?;
    if header.content_type != ContentType::Handshake || header.epoch != 0 {
        return None;
    }
    let (message, body) = MessageHeader::parse(&mut Reader(fragment))?;
    let is_hello = message.message_type == MessageType::ClientHello && body.len() == message.length;
    is_hello.then_some((header, message, body))
}

/// A HelloVerifyRequest. It has the numbers of what it answers, since the server has none of its own yet.
fn answer(sequence: u64, message_sequence: u16, cookie: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let body = HelloVerifyRequest { cookie }.encode();
    MessageHeader::encode_whole(
        MessageType::HelloVerifyRequest,
        message_sequence,
        &body,
        &mut message,
    );
    let content_type = ContentType::Handshake;
    let header = Header { content_type, version: VERSION_1_0, epoch: 0, sequence };
    let mut answer = header.encode(message.len()).to_vec();
    answer.extend_from_slice(&message);
    answer
}

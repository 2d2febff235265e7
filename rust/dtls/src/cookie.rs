//! Cookies: clients prove that they are where they say before the server keeps anything of them (RFC 6347 section 4.2.1).

use crate::handshake::{Header as MessageHeader, MessageType};
use crate::messages::{HelloStart, HelloVerifyRequest, LONGEST_HELLO};
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
    /// It is to be answered with this, and forgotten: it is never longer than what came.
    Answer(Vec<u8>),
    /// The client is where it says.
    Proven(Hello),
}

/// The ClientHello of a client that is where it says, for [`Connection::accept`](crate::Connection::accept). It may be no more
/// than its first fragment: the others are for the connection.
#[derive(Debug)]
pub struct Hello {
    pub(crate) record_sequence: u64,
    pub(crate) message_sequence: u16,
    /// How long it is as a whole.
    pub(crate) length: usize,
    pub(crate) body: Vec<u8>,
}

impl Hello {
    /// The client's random bytes, by which the hello of a new connection differs from the repetition of an old one.
    pub fn random(&self) -> [u8; 32] {
        // It was read before: behind the version there are as many.
        self.body.get(2..34).and_then(|random| random.try_into().ok()).unwrap_or_default()
    }

    /// Its number among the client's messages: one that answers a later cookie has a higher one.
    pub fn message_sequence(&self) -> u16 {
        self.message_sequence
    }
}

impl Cookies {
    /// New secrets of the system's randomness; `None` if it has none.
    pub fn new(now: Instant) -> Option<Self> {
        Some(Self { current: secret()?, previous: secret()?, since: now })
    }

    /// Looks at a datagram that came from a `client` without a connection. Nothing is kept, whatever it is, and what it costs
    /// does not depend on its length.
    ///
    /// A cookie is for a client's address and port, and for its version, random and session. These stand in the first fragment
    /// of a hello: so a hello that is too long for one datagram is answered, too.
    pub fn greet(&mut self, now: Instant, client: SocketAddr, datagram: &[u8]) -> Greeting {
        let Some((header, message, body)) = first_message(datagram) else {
            return Greeting::Ignored;
        };
        let Some(hello) = HelloStart::parse(body) else { return Greeting::Ignored };
        self.rotate(now);
        if !hello.cookie.is_empty() && self.is_right(client, &hello) {
            return Greeting::Proven(Hello {
                record_sequence: header.sequence,
                message_sequence: message.sequence,
                length: message.length,
                body: body.to_vec(),
            });
        }
        let mut context = hmac::Context::with_key(&self.current);
        cover(client, &hello, |bytes| context.update(bytes));
        let cookie = context.sign();
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

    fn is_right(&self, client: SocketAddr, hello: &HelloStart<'_>) -> bool {
        let mut covered = Vec::with_capacity(128);
        cover(client, hello, |bytes| covered.extend_from_slice(bytes));
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

/// Gives `write` what a cookie stands for: the client's address and port, and what its hello begins with.
fn cover(client: SocketAddr, hello: &HelloStart<'_>, mut write: impl FnMut(&[u8])) {
    let ip = match client.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    write(&ip.octets());
    write(&client.port().to_be_bytes());
    write(hello.before_cookie);
}

/// The ClientHello that a datagram begins with, or its first fragment: nothing is kept to put pieces together.
fn first_message(datagram: &[u8]) -> Option<(Header, MessageHeader, &[u8])> {
    let (header, fragment) = first_record(datagram)?;
    if header.content_type != ContentType::Handshake || header.epoch != 0 {
        return None;
    }
    let (message, body) = MessageHeader::parse(&mut Reader(fragment))?;
    let is_begin = message.message_type == MessageType::ClientHello && message.fragment_offset == 0;
    (is_begin && message.length <= LONGEST_HELLO).then_some((header, message, body))
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

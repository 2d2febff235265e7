//! The cookie exchange: clients prove their address before the server keeps state for them (RFC 6347 section 4.2.1).

use crate::handshake::{Header as MessageHeader, MessageType};
use crate::messages::{ClientHelloPrefix, HelloVerifyRequest, MAX_CLIENT_HELLO};
use crate::reader::Reader;
use crate::record::{ContentType, Header, VERSION_1_0, first_record};
use aws_lc_rs::{hmac, rand};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Time for which a secret makes cookies; it verifies them for one more period (RFC 6347 section 4.2.1).
const ROTATION: Duration = Duration::from_secs(30);

/// Generates and verifies the cookies of a server, with a secret and the one before it.
pub struct CookieGenerator {
    current: hmac::Key,
    previous: hmac::Key,
    since: Instant,
}

/// The result of [`CookieGenerator::verify_client_hello`].
#[derive(Debug)]
pub enum ClientHelloVerification {
    /// The datagram is ignored.
    Ignored,
    /// The client must return a cookie: send it this datagram. It is never longer than the client's.
    HelloVerifyRequest(Vec<u8>),
    /// The client's address is verified.
    Verified(VerifiedClientHello),
}

/// The ClientHello of a client with a verified address, for [`Connection::accept`](crate::Connection::accept). It may be
/// only its first fragment: the connection receives the others.
#[derive(Debug)]
pub struct VerifiedClientHello {
    pub(crate) record_sequence: u64,
    pub(crate) message_sequence: u16,
    /// Length of the whole message.
    pub(crate) length: usize,
    pub(crate) body: Vec<u8>,
}

impl VerifiedClientHello {
    /// Returns the client's random, which distinguishes a new connection from a retransmission.
    pub fn random(&self) -> [u8; 32] {
        // It follows the version. The prefix was parsed before, so the bytes exist.
        self.body.get(2..34).and_then(|random| random.try_into().ok()).unwrap_or_default()
    }

    /// Returns the sequence number of the message. An answer to a later cookie has a higher one.
    pub fn message_sequence(&self) -> u16 {
        self.message_sequence
    }
}

impl CookieGenerator {
    /// Creates a generator with secrets from the system's randomness; `None` if that fails.
    pub fn new(now: Instant) -> Option<Self> {
        Some(Self { current: secret()?, previous: secret()?, since: now })
    }

    /// Verifies a datagram from a `client` without a connection. No state is kept, and the cost does not depend on the
    /// length of the datagram.
    ///
    /// A cookie is bound to the client's address and port, and to the version, random and session id of its ClientHello.
    /// These are in the first fragment, so a ClientHello that is too long for one datagram is answered too.
    pub fn verify_client_hello(
        &mut self,
        now: Instant,
        client: SocketAddr,
        datagram: &[u8],
    ) -> ClientHelloVerification {
        let Some((header, message, body)) = first_message(datagram) else {
            return ClientHelloVerification::Ignored;
        };
        let Some(hello) = ClientHelloPrefix::parse(body) else {
            return ClientHelloVerification::Ignored;
        };
        self.rotate(now);
        if !hello.cookie.is_empty() && self.is_valid(client, &hello) {
            return ClientHelloVerification::Verified(VerifiedClientHello {
                record_sequence: header.sequence,
                message_sequence: message.sequence,
                length: message.length,
                body: body.to_vec(),
            });
        }
        let mut context = hmac::Context::with_key(&self.current);
        write_covered(client, &hello, |bytes| context.update(bytes));
        let cookie = context.sign();
        let request = hello_verify_request(header.sequence, message.sequence, cookie.as_ref());
        if request.len() > datagram.len() {
            return ClientHelloVerification::Ignored;
        }
        ClientHelloVerification::HelloVerifyRequest(request)
    }

    fn rotate(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= ROTATION
            && let Some(next) = secret()
        {
            self.previous = std::mem::replace(&mut self.current, next);
            self.since = now;
        }
        // Without datagrams in between, the secret is too old even to verify.
        if age >= 2 * ROTATION
            && let Some(unused) = secret()
        {
            self.previous = unused;
        }
    }

    fn is_valid(&self, client: SocketAddr, hello: &ClientHelloPrefix<'_>) -> bool {
        let mut covered = Vec::with_capacity(128);
        write_covered(client, hello, |bytes| covered.extend_from_slice(bytes));
        [&self.current, &self.previous]
            .into_iter()
            .any(|key| hmac::verify(key, &covered, hello.cookie).is_ok())
    }
}

impl std::fmt::Debug for CookieGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieGenerator").finish_non_exhaustive()
    }
}

fn secret() -> Option<hmac::Key> {
    hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).ok()
}

/// Passes `write` the bytes that a cookie covers: the client's address and port, and the beginning of its ClientHello.
fn write_covered(client: SocketAddr, hello: &ClientHelloPrefix<'_>, mut write: impl FnMut(&[u8])) {
    let ip = match client.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    write(&ip.octets());
    write(&client.port().to_be_bytes());
    write(hello.covered);
}

/// Returns the ClientHello at the beginning of a datagram, or its first fragment: fragments are not reassembled here.
fn first_message(datagram: &[u8]) -> Option<(Header, MessageHeader, &[u8])> {
    let (header, fragment) = first_record(datagram)?;
    if header.content_type != ContentType::Handshake || header.epoch != 0 {
        return None;
    }
    let (message, body) = MessageHeader::parse(&mut Reader(fragment))?;
    let is_first = message.message_type == MessageType::ClientHello && message.fragment_offset == 0;
    (is_first && message.length <= MAX_CLIENT_HELLO).then_some((header, message, body))
}

/// Encodes a HelloVerifyRequest, with the sequence numbers of the ClientHello that it answers (RFC 6347 section 4.2.1).
fn hello_verify_request(sequence: u64, message_sequence: u16, cookie: &[u8]) -> Vec<u8> {
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
    let mut datagram = header.encode(message.len()).to_vec();
    datagram.extend_from_slice(&message);
    datagram
}

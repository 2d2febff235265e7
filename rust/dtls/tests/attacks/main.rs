//! Attacks on handshakes and connections.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../certified_keys/mod.rs"]
mod certified_keys;
#[path = "../foreign/mod.rs"]
mod foreign;
mod forged;

use certified_keys::{Kind, PinnedCertificate, cached_key};
use lodewire_dtls::{
    ClientConfig, ClientHelloVerification, Connection, CookieGenerator, Limits, ServerConfig, State,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;
const DATA: u8 = 23;

fn address(number: u32) -> SocketAddr {
    let [a, b, c, d] = number.to_be_bytes();
    SocketAddr::from(([a, b, c, d], 1234))
}

fn record(content_type: u8, epoch: u16, sequence: u64, content: &[u8]) -> Vec<u8> {
    let mut record = vec![content_type, 0xFE, 0xFD];
    record.extend_from_slice(&(u64::from(epoch) << 48 | sequence).to_be_bytes());
    record.extend_from_slice(&u16::try_from(content.len()).expect("short").to_be_bytes());
    record.extend_from_slice(content);
    record
}

/// Encodes a fragment of a handshake message.
fn fragment(kind: u8, length: u32, sequence: u16, offset: u32, fragment: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend_from_slice(&length.to_be_bytes()[1..]);
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend_from_slice(&offset.to_be_bytes()[1..]);
    let len = u32::try_from(fragment.len()).expect("short");
    message.extend_from_slice(&len.to_be_bytes()[1..]);
    message.extend_from_slice(fragment);
    message
}

struct Pair {
    now: Instant,
    client: Connection,
    server: Connection,
    cookies: CookieGenerator,
    /// The ClientHello with the cookie.
    hello: Vec<u8>,
}

fn run_jobs(connection: &mut Connection, now: Instant) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
}

impl Pair {
    /// Starts a client, which has sent its second ClientHello, and a server.
    fn begin() -> Self {
        let certified_key = cached_key(Kind::P256).certified_key;
        let now = Instant::now();
        let client = ClientConfig {
            verifier: PinnedCertificate::of(&certified_key),
            server_name: None,
            certified_key: None,
            limits: Limits::default(),
        };
        let mut client = Connection::connect(now, client).expect("random bytes");
        let server =
            ServerConfig { certified_key, client_verifier: None, limits: Limits::default() };
        let mut cookies = CookieGenerator::new(now).expect("random bytes");
        let hello = client.poll_transmit().expect("a hello");
        let ClientHelloVerification::HelloVerifyRequest(answer) =
            cookies.verify_client_hello(now, address(1), &hello)
        else {
            panic!("not understood")
        };
        client.handle_datagram(now, &mut answer.clone());
        let hello = client.poll_transmit().expect("a second hello");
        let ClientHelloVerification::Verified(verified) =
            cookies.verify_client_hello(now, address(1), &hello)
        else {
            panic!("the cookie is wrong")
        };
        let server = Connection::accept(now, server, verified).expect("an acceptable ClientHello");
        Self { now, client, server, cookies, hello }
    }

    fn exchange(&mut self) {
        loop {
            run_jobs(&mut self.client, self.now);
            run_jobs(&mut self.server, self.now);
            let there: Vec<_> = std::iter::from_fn(|| self.client.poll_transmit()).collect();
            let back: Vec<_> = std::iter::from_fn(|| self.server.poll_transmit()).collect();
            if there.is_empty() && back.is_empty() {
                return;
            }
            for datagram in &there {
                self.server.handle_datagram(self.now, &mut datagram.clone());
            }
            for datagram in &back {
                self.client.handle_datagram(self.now, &mut datagram.clone());
            }
        }
    }

    fn connected() -> Self {
        let mut pair = Self::begin();
        pair.exchange();
        pair.assert_packets_arrive();
        pair
    }

    /// Lets both retransmit, for at most two minutes.
    fn advance(&mut self) {
        self.exchange();
        for _ in 0..20 {
            let deadlines = [self.client.poll_timeout(), self.server.poll_timeout()];
            let Some(next) = deadlines.into_iter().flatten().min() else { break };
            self.now = self.now.max(next);
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
            self.exchange();
        }
    }

    /// Asserts that the handshake completes nevertheless.
    fn assert_connected(mut self, what: &str) {
        self.advance();
        let states = (self.client.state(), self.server.state());
        assert_eq!(states, (&State::Connected, &State::Connected), "{what}");
        self.assert_packets_arrive();
    }

    /// Asserts that packets arrive both ways.
    fn assert_packets_arrive(&mut self) {
        self.client.send(b"there").expect("connected");
        self.server.send(b"back").expect("connected");
        self.exchange();
        assert_eq!(self.server.receive().as_deref(), Some(&b"there"[..]));
        assert_eq!(self.client.receive().as_deref(), Some(&b"back"[..]));
        assert_eq!((self.server.receive(), self.client.receive()), (None, None));
    }
}

#[test]
fn cookie_is_bound_to_address_and_client_hello_and_expires() {
    let mut pair = Pair::begin();
    let mut verify_client_hello = |late: u64, from: u32, hello: &[u8]| {
        pair.cookies.verify_client_hello(pair.now + Duration::from_secs(late), address(from), hello)
    };
    let hello = pair.hello.clone();
    assert!(
        matches!(verify_client_hello(0, 1, &hello), ClientHelloVerification::Verified(_)),
        "again, since no state is kept"
    );
    assert!(
        matches!(verify_client_hello(0, 2, &hello), ClientHelloVerification::HelloVerifyRequest(_)),
        "of another address"
    );
    let mut changed = hello.clone();
    changed[13 + 12 + 2] ^= 1;
    assert!(
        matches!(
            verify_client_hello(0, 1, &changed),
            ClientHelloVerification::HelloVerifyRequest(_)
        ),
        "of another random"
    );
    assert!(matches!(verify_client_hello(29, 1, &hello), ClientHelloVerification::Verified(_)));
    assert!(
        matches!(verify_client_hello(31, 1, &hello), ClientHelloVerification::Verified(_)),
        "by the secret before"
    );
    assert!(
        matches!(
            verify_client_hello(62, 1, &hello),
            ClientHelloVerification::HelloVerifyRequest(_)
        ),
        "after two rotations"
    );
}

#[test]
fn cookie_expires_without_datagrams_in_between() {
    for (late, is_verified) in [(59, true), (60, false), (3600, false)] {
        let mut pair = Pair::begin();
        let now = pair.now + Duration::from_secs(late);
        let result = pair.cookies.verify_client_hello(now, address(1), &pair.hello.clone());
        assert_eq!(
            matches!(result, ClientHelloVerification::Verified(_)),
            is_verified,
            "after {late} s"
        );
    }
}

#[test]
fn client_with_an_expired_cookie_gets_a_new_one() {
    let mut pair = Pair::begin();
    for seconds in [1, 3] {
        let time = pair.now + Duration::from_secs(seconds);
        pair.cookies = CookieGenerator::new(time).expect("random bytes");
        let ClientHelloVerification::HelloVerifyRequest(answer) =
            pair.cookies.verify_client_hello(time, address(1), &pair.hello)
        else {
            panic!("it was too old")
        };
        pair.client.handle_datagram(time, &mut answer.clone());
        assert!(pair.client.poll_transmit().is_none(), "the hello was not repeated yet");
        pair.client.handle_timeout(time);
        assert_eq!(
            pair.client.poll_transmit().as_ref().map(|hello| &hello[25..]),
            Some(&pair.hello[25..])
        );
        pair.client.handle_datagram(time, &mut answer.clone());
        pair.hello = pair.client.poll_transmit().expect("another hello");
        assert!(matches!(
            pair.cookies.verify_client_hello(time, address(1), &pair.hello),
            ClientHelloVerification::Verified(_)
        ));
    }
}

#[test]
fn unverified_clients_are_not_amplified() {
    let mut pair = Pair::begin();
    let certified_key = cached_key(Kind::P256).certified_key;
    let config = ClientConfig {
        verifier: PinnedCertificate::of(&certified_key),
        server_name: None,
        certified_key: None,
        limits: Limits::default(),
    };
    let mut client = Connection::connect(pair.now, config).expect("random bytes");
    let hello = client.poll_transmit().expect("a hello");
    let (mut received, mut sent) = (0, 0);
    for number in 0..100_000 {
        received += hello.len();
        match pair.cookies.verify_client_hello(pair.now, address(number), &hello) {
            ClientHelloVerification::HelloVerifyRequest(answer) => sent += answer.len(),
            other => panic!("{other:?}"),
        }
    }
    assert!(sent <= received / 2, "{sent} of {received}");
    for len in 0..hello.len() {
        match pair.cookies.verify_client_hello(pair.now, address(1), &hello[..len]) {
            ClientHelloVerification::Ignored => {}
            other => panic!("{other:?} to {len} bytes"),
        }
    }
}

#[test]
fn one_byte_fragments_do_not_end_a_handshake() {
    let mut pair = Pair::begin();
    run_jobs(&mut pair.server, pair.now);
    for number in 0..100_000_u32 {
        let (sequence, offset) = ((number % 40) as u16, number * 7 % 30_000);
        let message = fragment(16, 30_000, sequence, offset, b"x");
        let datagram = record(HANDSHAKE, 0, number.into(), &message);
        pair.server.handle_datagram(pair.now, &mut datagram.clone());
    }
    pair.assert_connected("the genuine message is retransmitted");
}

#[test]
fn forged_records_do_not_affect_a_connection() {
    let mut pair = Pair::connected();
    let hello = pair.hello.clone();
    let mut forged = vec![hello.clone(), Vec::new(), vec![0xFF; 2000]];
    for content_type in 0..30 {
        for epoch in [0, 1, 2, 0xFFFF] {
            for content in [&[2, 40][..], &[1, 0], &[0; 40], &[]] {
                forged.push(record(content_type, epoch, 1000, content));
            }
        }
    }
    for kind in 0..=25 {
        forged.push(record(HANDSHAKE, 0, 5, &fragment(kind, 0, 0, 0, b"")));
        forged.push(record(HANDSHAKE, 0, 5, &fragment(kind, 12, 3, 0, &[0; 12])));
    }
    for datagram in &forged {
        pair.server.handle_datagram(pair.now, &mut datagram.clone());
        pair.client.handle_datagram(pair.now, &mut datagram.clone());
    }
    assert!(pair.client.poll_transmit().is_none() && pair.server.poll_transmit().is_none());
    pair.assert_packets_arrive();
    assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
}

#[test]
fn replayed_records_are_delivered_once() {
    let mut pair = Pair::connected();
    let mut seen = Vec::new();
    for number in 0..300_u16 {
        pair.client.send(&number.to_be_bytes()).expect("connected");
        seen.extend(pair.client.poll_transmit());
    }
    for datagram in seen.iter().rev().chain(&seen).chain(&seen) {
        pair.server.handle_datagram(pair.now, &mut datagram.clone());
    }
    let mut received: Vec<_> = std::iter::from_fn(|| pair.server.receive()).collect();
    received.sort();
    // The window has 256 numbers; older ones count as replayed.
    assert_eq!(received, (44..300_u16).map(u16::to_be_bytes).collect::<Vec<_>>());
    // Neither the type nor the sequence number of a record may change.
    let mut other = seen[299].clone();
    other[0] = ALERT;
    pair.server.handle_datagram(pair.now, &mut other.clone());
    let mut other = seen[299].clone();
    other[10] ^= 0x7F;
    pair.server.handle_datagram(pair.now, &mut other.clone());
    pair.assert_packets_arrive();
}

#[test]
fn forged_alert_only_shortens_the_timeout() {
    let mut pair = Pair::begin();
    pair.server.handle_datagram(pair.now, &mut record(ALERT, 0, 9, &[2, 40]));
    pair.client.handle_datagram(pair.now, &mut record(ALERT, 0, 9, &[2, 40]));
    assert_eq!(pair.server.state(), &State::Handshaking);
    pair.exchange();
    pair.assert_packets_arrive();
    assert_eq!(pair.server.poll_timeout(), None, "it has ended");
}

#[test]
fn forged_data_before_the_finished_is_discarded() {
    let mut pair = Pair::begin();
    pair.server.handle_datagram(pair.now, &mut record(DATA, 0, 3, b"in the clear"));
    for number in 0..10_000 {
        pair.server.handle_datagram(pair.now, &mut record(DATA, 1, number, &[7; 1000]));
    }
    pair.exchange();
    pair.assert_packets_arrive();
}

#[test]
fn finished_cannot_be_replaced() {
    let mut pair = Pair::begin();
    run_jobs(&mut pair.server, pair.now);
    let server_flight: Vec<_> = std::iter::from_fn(|| pair.server.poll_transmit()).collect();
    // The server's Finished is its message 5.
    let forged = record(HANDSHAKE, 0, 50, &fragment(4, 12, 5, 0, &[0; 12]));
    pair.client.handle_datagram(pair.now, &mut forged.clone());
    for datagram in &server_flight {
        pair.client.handle_datagram(pair.now, &mut datagram.clone());
    }
    run_jobs(&mut pair.client, pair.now);
    for kind in [1, 2, 4, 11, 14] {
        let forged = record(HANDSHAKE, 0, 60, &fragment(kind, 12, 5, 0, &[0; 12]));
        pair.client.handle_datagram(pair.now, &mut forged.clone());
    }
    pair.exchange();
    pair.assert_packets_arrive();
}

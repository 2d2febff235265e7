//! What others may send.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../certified_keys/mod.rs"]
mod certified_keys;
#[path = "../foreign/mod.rs"]
mod foreign;
mod forged;

use certified_keys::{Kind, Only, make};
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

/// A fragment of a handshake message.
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

struct Ends {
    now: Instant,
    client: Connection,
    server: Connection,
    cookies: CookieGenerator,
    /// The hello with the cookie.
    hello: Vec<u8>,
}

fn work(connection: &mut Connection, now: Instant) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
}

impl Ends {
    /// A client that has said its second hello.
    fn begin() -> Self {
        let certified_key = make(Kind::P256).certified_key;
        let now = Instant::now();
        let client = ClientConfig {
            verifier: Only::of(&certified_key),
            server_name: None,
            certified_key: None,
            limits: Limits::default(),
        };
        let mut client = Connection::connect(now, client).expect("randomness");
        let server =
            ServerConfig { certified_key, client_verifier: None, limits: Limits::default() };
        let mut cookies = CookieGenerator::new(now).expect("randomness");
        let hello = client.poll_transmit().expect("a hello");
        let ClientHelloVerification::HelloVerifyRequest(answer) =
            cookies.verify_client_hello(now, address(1), &hello)
        else {
            panic!("not understood")
        };
        client.handle_datagram(now, &mut answer.clone());
        let hello = client.poll_transmit().expect("a second hello");
        let ClientHelloVerification::Verified(proven) =
            cookies.verify_client_hello(now, address(1), &hello)
        else {
            panic!("the cookie is wrong")
        };
        let server = Connection::accept(now, server, proven).expect("something in common");
        Self { now, client, server, cookies, hello }
    }

    fn exchange(&mut self) {
        loop {
            work(&mut self.client, self.now);
            work(&mut self.server, self.now);
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
        let mut ends = Self::begin();
        ends.exchange();
        ends.assert_served();
        ends
    }

    /// Lets both repeat what they have to, for at most two minutes.
    fn pass(&mut self) {
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

    /// It has come about all the same.
    fn assert_connected(mut self, what: &str) {
        self.pass();
        let states = (self.client.state(), self.server.state());
        assert_eq!(states, (&State::Connected, &State::Connected), "{what}");
        self.assert_served();
    }

    /// Both are there, and served.
    fn assert_served(&mut self) {
        self.client.send(b"there").expect("connected");
        self.server.send(b"back").expect("connected");
        self.exchange();
        assert_eq!(self.server.receive().as_deref(), Some(&b"there"[..]));
        assert_eq!(self.client.receive().as_deref(), Some(&b"back"[..]));
        assert_eq!((self.server.receive(), self.client.receive()), (None, None));
    }
}

#[test]
fn a_cookie_is_good_for_its_client_and_hello_and_for_a_while() {
    let mut ends = Ends::begin();
    let mut verify_client_hello = |late: u64, from: u32, hello: &[u8]| {
        ends.cookies.verify_client_hello(ends.now + Duration::from_secs(late), address(from), hello)
    };
    let hello = ends.hello.clone();
    assert!(
        matches!(verify_client_hello(0, 1, &hello), ClientHelloVerification::Verified(_)),
        "again, since nothing is kept"
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
fn a_client_whose_cookie_became_too_old_gets_another() {
    let mut ends = Ends::begin();
    for seconds in [1, 3] {
        let time = ends.now + Duration::from_secs(seconds);
        ends.cookies = CookieGenerator::new(time).expect("randomness");
        let ClientHelloVerification::HelloVerifyRequest(answer) =
            ends.cookies.verify_client_hello(time, address(1), &ends.hello)
        else {
            panic!("it was too old")
        };
        ends.client.handle_datagram(time, &mut answer.clone());
        assert!(ends.client.poll_transmit().is_none(), "the hello was not repeated yet");
        ends.client.handle_timeout(time);
        assert_eq!(
            ends.client.poll_transmit().as_ref().map(|hello| &hello[25..]),
            Some(&ends.hello[25..])
        );
        ends.client.handle_datagram(time, &mut answer.clone());
        ends.hello = ends.client.poll_transmit().expect("another hello");
        assert!(matches!(
            ends.cookies.verify_client_hello(time, address(1), &ends.hello),
            ClientHelloVerification::Verified(_)
        ));
    }
}

#[test]
fn strangers_are_answered_by_no_more_than_they_sent() {
    let mut ends = Ends::begin();
    let certified_key = make(Kind::P256).certified_key;
    let config = ClientConfig {
        verifier: Only::of(&certified_key),
        server_name: None,
        certified_key: None,
        limits: Limits::default(),
    };
    let mut client = Connection::connect(ends.now, config).expect("randomness");
    let hello = client.poll_transmit().expect("a hello");
    let (mut came, mut sent) = (0, 0);
    for number in 0..100_000 {
        came += hello.len();
        match ends.cookies.verify_client_hello(ends.now, address(number), &hello) {
            ClientHelloVerification::HelloVerifyRequest(answer) => sent += answer.len(),
            other => panic!("{other:?}"),
        }
    }
    assert!(sent <= came / 2, "{sent} of {came}");
    for len in 0..hello.len() {
        match ends.cookies.verify_client_hello(ends.now, address(1), &hello[..len]) {
            ClientHelloVerification::Ignored => {}
            other => panic!("{other:?} to {len} bytes"),
        }
    }
}

#[test]
fn a_hundred_thousand_fragments_of_a_byte_do_no_harm() {
    let mut ends = Ends::begin();
    work(&mut ends.server, ends.now);
    for number in 0..100_000_u32 {
        let (sequence, offset) = ((number % 40) as u16, number * 7 % 30_000);
        let message = fragment(16, 30_000, sequence, offset, b"x");
        let datagram = record(HANDSHAKE, 0, number.into(), &message);
        ends.server.handle_datagram(ends.now, &mut datagram.clone());
    }
    ends.assert_connected("what is true is repeated");
}

#[test]
fn nothing_that_is_forged_harms_a_connection() {
    let mut ends = Ends::connected();
    let hello = ends.hello.clone();
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
        ends.server.handle_datagram(ends.now, &mut datagram.clone());
        ends.client.handle_datagram(ends.now, &mut datagram.clone());
    }
    assert!(ends.client.poll_transmit().is_none() && ends.server.poll_transmit().is_none());
    ends.assert_served();
    assert_eq!((ends.client.poll_timeout(), ends.server.poll_timeout()), (None, None));
}

#[test]
fn what_is_sent_again_by_others_comes_once() {
    let mut ends = Ends::connected();
    let mut seen = Vec::new();
    for number in 0..300_u16 {
        ends.client.send(&number.to_be_bytes()).expect("connected");
        seen.extend(ends.client.poll_transmit());
    }
    for datagram in seen.iter().rev().chain(&seen).chain(&seen) {
        ends.server.handle_datagram(ends.now, &mut datagram.clone());
    }
    let mut came: Vec<_> = std::iter::from_fn(|| ends.server.receive()).collect();
    came.sort();
    // The window has 256; what is older is taken for a repetition.
    assert_eq!(came, (44..300_u16).map(u16::to_be_bytes).collect::<Vec<_>>());
    // A record is no other kind of record, of no other number.
    let mut other = seen[299].clone();
    other[0] = ALERT;
    ends.server.handle_datagram(ends.now, &mut other.clone());
    let mut other = seen[299].clone();
    other[10] ^= 0x7F;
    ends.server.handle_datagram(ends.now, &mut other.clone());
    ends.assert_served();
}

#[test]
fn a_forged_alert_only_shortens_the_wait() {
    let mut ends = Ends::begin();
    ends.server.handle_datagram(ends.now, &mut record(ALERT, 0, 9, &[2, 40]));
    ends.client.handle_datagram(ends.now, &mut record(ALERT, 0, 9, &[2, 40]));
    assert_eq!(ends.server.state(), &State::Handshaking);
    ends.exchange();
    ends.assert_served();
    assert_eq!(ends.server.poll_timeout(), None, "it has come to an end in time");
}

#[test]
fn data_before_the_end_of_the_handshake_is_not_the_other_sides() {
    let mut ends = Ends::begin();
    ends.server.handle_datagram(ends.now, &mut record(DATA, 0, 3, b"in the clear"));
    for number in 0..10_000 {
        ends.server.handle_datagram(ends.now, &mut record(DATA, 1, number, &[7; 1000]));
    }
    ends.exchange();
    ends.assert_served();
}

#[test]
fn nobody_takes_the_place_of_the_message_that_ends_the_handshake() {
    let mut ends = Ends::begin();
    work(&mut ends.server, ends.now);
    let offer: Vec<_> = std::iter::from_fn(|| ends.server.poll_transmit()).collect();
    // The server's Finished is its message 5.
    let forged = record(HANDSHAKE, 0, 50, &fragment(4, 12, 5, 0, &[0; 12]));
    ends.client.handle_datagram(ends.now, &mut forged.clone());
    for datagram in &offer {
        ends.client.handle_datagram(ends.now, &mut datagram.clone());
    }
    work(&mut ends.client, ends.now);
    for kind in [1, 2, 4, 11, 14] {
        let forged = record(HANDSHAKE, 0, 60, &fragment(kind, 12, 5, 0, &[0; 12]));
        ends.client.handle_datagram(ends.now, &mut forged.clone());
    }
    ends.exchange();
    ends.assert_served();
}

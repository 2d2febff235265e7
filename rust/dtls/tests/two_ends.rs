//! A client and a server, with nothing between them but a virtual clock.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

mod certified_keys;

use certified_keys::{Kind, Only, another, make};
use lodewire_dtls::{
    Alert, CertificateError, CertifiedKey, ClientConfig, ClientHelloVerification, Connection,
    CookieGenerator, Error, KeyError, Limits, SendError, ServerConfig, SigningKey, State,
};
use rustls_pki_types::PrivateKeyDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn client_config(server: &CertifiedKey) -> ClientConfig {
    ClientConfig {
        verifier: Only::of(server),
        server_name: Some("game.example".to_owned()),
        certified_key: None,
        limits: Limits::default(),
    }
}

fn server_config(certified_key: &Arc<CertifiedKey>) -> ServerConfig {
    let certified_key = Arc::clone(certified_key);
    ServerConfig { certified_key, client_verifier: None, limits: Limits::default() }
}

struct Pair {
    now: Instant,
    client: Connection,
    server: Option<Connection>,
    config: ServerConfig,
    cookies: CookieGenerator,
    /// Datagrams of the client, and of the server, so far.
    sent: [usize; 2],
    longest: usize,
}

impl Pair {
    fn new(client: ClientConfig, config: ServerConfig) -> Self {
        let now = Instant::now();
        Self {
            now,
            client: Connection::connect(now, client).expect("randomness"),
            server: None,
            config,
            cookies: CookieGenerator::new(now).expect("randomness"),
            sent: [0; 2],
            longest: 0,
        }
    }

    /// Exchanges datagrams until there are none, but for those that `passes` keeps back: by who sends, and how many he has
    /// sent before.
    fn settle(&mut self, mut passes: impl FnMut(usize, usize) -> bool) {
        let address = SocketAddr::from(([10, 0, 0, 1], 1234));
        loop {
            let mut idle = true;
            for connection in [Some(&mut self.client), self.server.as_mut()].into_iter().flatten() {
                while let Some(job) = connection.poll_job() {
                    connection.handle_job_output(self.now, job.run());
                    idle = false;
                }
            }
            while let Some(datagram) = self.client.poll_transmit() {
                idle = false;
                self.sent[0] += 1;
                self.longest = self.longest.max(datagram.len());
                if !passes(0, self.sent[0] - 1) {
                    continue;
                }
                if let Some(server) = &mut self.server {
                    server.handle_datagram(self.now, &mut datagram.clone());
                    continue;
                }
                match self.cookies.verify_client_hello(self.now, address, &datagram) {
                    ClientHelloVerification::Ignored => panic!("a hello was not understood"),
                    ClientHelloVerification::HelloVerifyRequest(answer) => {
                        assert!(answer.len() <= datagram.len());
                        self.sent[1] += 1;
                        if passes(1, self.sent[1] - 1) {
                            self.client.handle_datagram(self.now, &mut answer.clone());
                        }
                    }
                    ClientHelloVerification::Verified(hello) => {
                        match Connection::accept(self.now, self.config.clone(), hello) {
                            Ok(server) => self.server = Some(server),
                            Err(rejection) => {
                                let datagram = rejection.response.expect("an alert");
                                self.client.handle_datagram(self.now, &mut datagram.clone());
                            }
                        }
                    }
                }
            }
            if let Some(server) = &mut self.server {
                while let Some(datagram) = server.poll_transmit() {
                    idle = false;
                    self.sent[1] += 1;
                    self.longest = self.longest.max(datagram.len());
                    if passes(1, self.sent[1] - 1) {
                        self.client.handle_datagram(self.now, &mut datagram.clone());
                    }
                }
            }
            if idle {
                return;
            }
        }
    }

    /// Lets time pass, with nothing lost.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle(|_, _| true);
            let deadlines = [Some(&self.client), self.server.as_ref()];
            let next = deadlines.into_iter().flatten().filter_map(Connection::poll_timeout).min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            for connection in [Some(&mut self.client), self.server.as_mut()].into_iter().flatten() {
                connection.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    fn server(&mut self) -> &mut Connection {
        self.server.as_mut().expect("a server")
    }

    fn is_connected(&self) -> bool {
        let server = self.server.as_ref().map(Connection::state);
        self.client.state() == &State::Connected && server == Some(&State::Connected)
    }
}

#[test]
fn they_connect_and_packets_go_both_ways() {
    for kind in [Kind::P256, Kind::P384, Kind::Rsa2048] {
        let certified_key = make(kind).certified_key;
        let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
        assert_eq!(pair.client.send(b"early"), Err(SendError::NotConnected));
        pair.settle(|_, _| true);
        assert!(pair.is_connected(), "{:?}", pair.client.state());
        assert_eq!(pair.client.peer_certificates(), certified_key.chain());
        assert_eq!(pair.client.send(&vec![0; 16_385]), Err(SendError::TooLong));
        for len in [0, 1, 100, 1400, 16_384] {
            let packet = vec![7; len];
            pair.client.send(&packet).expect("connected");
            pair.server().send(&packet).expect("connected");
            pair.settle(|_, _| true);
            assert_eq!(pair.server().receive(), Some(packet.clone()));
            assert_eq!(pair.client.receive(), Some(packet));
        }
        pair.client.close();
        pair.settle(|_, _| true);
        assert_eq!(pair.client.state(), &State::Closed);
        assert_eq!(pair.server().state(), &State::Closed);
        assert_eq!(pair.client.poll_timeout(), None);
    }
}

#[test]
fn each_lost_datagram_of_the_handshake_comes_again() {
    let certified_key = another(Kind::P256).certified_key;
    let mut limits = Limits { mtu: 508, ..Limits::default() };
    limits.handshake_timeout = None;
    let client = ClientConfig { limits, ..client_config(&certified_key) };
    let server = ServerConfig { limits, ..server_config(&certified_key) };
    let mut free = Pair::new(client.clone(), server.clone());
    free.settle(|_, _| true);
    assert!(free.is_connected() && free.longest <= 508);
    for side in 0..2 {
        for lost in 0..free.sent[side] {
            let mut pair = Pair::new(client.clone(), server.clone());
            pair.settle(|from, number| (from, number) != (side, lost));
            pair.pass(Duration::from_secs(10));
            assert!(
                pair.is_connected(),
                "datagram {lost} of side {side}: {:?}",
                pair.client.state()
            );
            pair.client.send(b"still in step").expect("connected");
            pair.settle(|_, _| true);
            assert_eq!(pair.server().receive().as_deref(), Some(&b"still in step"[..]));
        }
    }
}

#[test]
fn the_cookie_reply_is_lost() {
    let certified_key = make(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    pair.settle(|from, number| (from, number) != (1, 0));
    assert!(pair.server.is_none(), "nothing is kept of the client");
    pair.pass(Duration::from_millis(1001));
    assert!(pair.is_connected());
}

#[test]
fn the_final_flight_is_lost() {
    let certified_key = make(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    // The cookie, the server's offer, its end.
    pair.settle(|from, number| (from, number) != (1, 2));
    assert_eq!((pair.client.state(), pair.sent[1]), (&State::Handshaking, 3));
    assert_eq!(pair.server().state(), &State::Connected);
    // What overtakes it waits for it.
    pair.server().send(b"at once").expect("connected");
    pair.settle(|_, _| true);
    assert_eq!(pair.client.receive(), None);
    pair.pass(Duration::from_millis(1001));
    assert!(pair.is_connected());
    assert_eq!(pair.client.receive().as_deref(), Some(&b"at once"[..]));
}

#[test]
fn what_came_in_a_handshake_that_failed_is_not_read() {
    let certified_key = make(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    pair.settle(|from, number| (from, number) != (1, 2));
    pair.server().send(b"before the end").expect("connected");
    pair.settle(|_, _| true);
    while pair.client.state() == &State::Handshaking {
        pair.now = pair.client.poll_timeout().expect("it waits");
        let now = pair.now;
        pair.client.handle_timeout(now);
        pair.settle(|_, _| false);
    }
    assert_eq!(pair.client.state(), &State::Failed(Error::TimedOut));
    assert_eq!(pair.client.receive(), None);
}

#[test]
fn both_sides_repeat_themselves_at_once() {
    let certified_key = make(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    // The offer is lost, and so is what the client repeats at the same moment as the server.
    pair.settle(|from, number| (from, number) != (1, 1));
    pair.now += Duration::from_secs(1);
    let now = pair.now;
    pair.client.handle_timeout(now);
    pair.server().handle_timeout(now);
    pair.settle(|_, _| true);
    assert!(pair.is_connected(), "{:?}", pair.client.state());
    assert!(
        pair.sent[0] <= 6 && pair.sent[1] <= 6,
        "they do not answer each other's echoes: {:?}",
        pair.sent
    );
}

#[test]
fn who_is_not_trusted_is_told_why() {
    let (known, other) = (another(Kind::P256).certified_key, another(Kind::P256).certified_key);
    let mut pair = Pair::new(client_config(&known), server_config(&other));
    pair.settle(|_, _| true);
    let unknown = Error::Certificate(CertificateError::UnknownIssuer);
    assert_eq!(pair.client.state(), &State::Failed(unknown));
    // The alert is not authentic yet: it only shortens the wait.
    assert_eq!(pair.server().state(), &State::Handshaking);
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.server().state(), &State::Failed(Error::Alert(Alert::UNKNOWN_CA)));
}

#[test]
fn clients_show_their_certificates_where_they_have_to() {
    let (server, client) = (another(Kind::P256).certified_key, another(Kind::P384).certified_key);
    let config =
        ServerConfig { client_verifier: Some(Only::of(&client)), ..server_config(&server) };
    let known = ClientConfig { certified_key: Some(Arc::clone(&client)), ..client_config(&server) };
    let mut pair = Pair::new(known, config.clone());
    pair.settle(|_, _| true);
    assert!(pair.is_connected(), "{:?}", pair.server().state());
    assert_eq!(pair.server().peer_certificates(), client.chain());
    for (certified_key, why) in [
        (None, CertificateError::Missing),
        (Some(Arc::clone(&server)), CertificateError::UnknownIssuer),
    ] {
        let unknown = ClientConfig { certified_key, ..client_config(&server) };
        let mut pair = Pair::new(unknown, config.clone());
        pair.settle(|_, _| true);
        // That there is no certificate anybody may have said.
        pair.pass(Duration::from_secs(2));
        assert_eq!(pair.server().state(), &State::Failed(Error::Certificate(why)));
    }
}

#[test]
fn a_handshake_that_nobody_answers_is_given_up() {
    let certified_key = another(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    pair.settle(|_, _| false);
    let begin = pair.now;
    while pair.client.state() == &State::Handshaking {
        pair.now = pair.client.poll_timeout().expect("it waits");
        pair.client.handle_timeout(pair.now);
        pair.settle(|_, _| false);
    }
    assert_eq!(pair.client.state(), &State::Failed(Error::TimedOut));
    assert_eq!(pair.now - begin, Duration::from_mins(1));
    assert_eq!(pair.sent, [9, 0], "at 0, 1 and 3 seconds, twice at 7, 15 and 31");
}

#[test]
fn a_certificate_needs_its_own_key() {
    let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("made");
    let key = |pair: &rcgen::KeyPair| {
        let der = PrivateKeyDer::try_from(pair.serialize_der()).expect("PKCS #8");
        SigningKey::new(&der).expect("a key")
    };
    let chain = || vec![made.cert.der().clone()];
    assert!(CertifiedKey::new(chain(), key(&made.signing_key)).is_ok());
    let other = rcgen::KeyPair::generate().expect("a key");
    assert_eq!(CertifiedKey::new(chain(), key(&other)).err(), Some(KeyError::Mismatch));
    assert_eq!(CertifiedKey::new(Vec::new(), key(&other)).err(), Some(KeyError::Mismatch));
}

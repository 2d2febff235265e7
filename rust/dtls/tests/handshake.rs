//! Handshakes of a client and a server without a network, on a virtual clock.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

mod certified_keys;

use certified_keys::{Kind, PinnedCertificate, cached_key, new_key};
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
        verifier: PinnedCertificate::of(server),
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
    /// The number of datagrams sent by the client, and by the server.
    sent: [usize; 2],
    longest: usize,
}

impl Pair {
    fn new(client: ClientConfig, config: ServerConfig) -> Self {
        let now = Instant::now();
        Self {
            now,
            client: Connection::connect(now, client).expect("random bytes"),
            server: None,
            config,
            cookies: CookieGenerator::new(now).expect("random bytes"),
            sent: [0; 2],
            longest: 0,
        }
    }

    /// Exchanges datagrams until there are none. Those for which `passes` returns false are lost; its arguments are the
    /// sender, and the number of datagrams that it sent before.
    fn exchange(&mut self, mut passes: impl FnMut(usize, usize) -> bool) {
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
                    ClientHelloVerification::Ignored => panic!("a ClientHello was ignored"),
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

    /// Advances the time, without loss.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.exchange(|_, _| true);
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
fn handshake_completes_and_packets_arrive_both_ways() {
    for kind in [Kind::P256, Kind::P384, Kind::Rsa2048] {
        let certified_key = cached_key(kind).certified_key;
        let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
        assert_eq!(pair.client.send(b"early"), Err(SendError::NotConnected));
        pair.exchange(|_, _| true);
        assert!(pair.is_connected(), "{:?}", pair.client.state());
        assert_eq!(pair.client.peer_certificates(), certified_key.chain());
        assert_eq!(pair.client.send(&vec![0; 16_385]), Err(SendError::TooLong));
        for len in [0, 1, 100, 1400, 16_384] {
            let packet = vec![7; len];
            pair.client.send(&packet).expect("connected");
            pair.server().send(&packet).expect("connected");
            pair.exchange(|_, _| true);
            assert_eq!(pair.server().receive(), Some(packet.clone()));
            assert_eq!(pair.client.receive(), Some(packet));
        }
        pair.client.close();
        pair.exchange(|_, _| true);
        assert_eq!(pair.client.state(), &State::Closed);
        assert_eq!(pair.server().state(), &State::Closed);
        assert_eq!(pair.client.poll_timeout(), None);
    }
}

#[test]
fn each_lost_handshake_datagram_is_retransmitted() {
    let certified_key = new_key(Kind::P256).certified_key;
    let mut limits = Limits { mtu: 508, ..Limits::default() };
    limits.handshake_timeout = None;
    let client = ClientConfig { limits, ..client_config(&certified_key) };
    let server = ServerConfig { limits, ..server_config(&certified_key) };
    let mut free = Pair::new(client.clone(), server.clone());
    free.exchange(|_, _| true);
    assert!(free.is_connected() && free.longest <= 508);
    for side in 0..2 {
        for lost in 0..free.sent[side] {
            let mut pair = Pair::new(client.clone(), server.clone());
            pair.exchange(|from, number| (from, number) != (side, lost));
            pair.advance(Duration::from_secs(10));
            assert!(
                pair.is_connected(),
                "datagram {lost} of side {side}: {:?}",
                pair.client.state()
            );
            pair.client.send(b"still in step").expect("connected");
            pair.exchange(|_, _| true);
            assert_eq!(pair.server().receive().as_deref(), Some(&b"still in step"[..]));
        }
    }
}

#[test]
fn lost_hello_verify_request_leaves_no_server_state() {
    let certified_key = cached_key(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    pair.exchange(|from, number| (from, number) != (1, 0));
    assert!(pair.server.is_none(), "no state is kept for the client");
    pair.advance(Duration::from_millis(1001));
    assert!(pair.is_connected());
}

#[test]
fn lost_final_flight_is_retransmitted() {
    let certified_key = cached_key(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    // The server sends a HelloVerifyRequest, its flight, and its Finished.
    pair.exchange(|from, number| (from, number) != (1, 2));
    assert_eq!((pair.client.state(), pair.sent[1]), (&State::Handshaking, 3));
    assert_eq!(pair.server().state(), &State::Connected);
    // A record that overtakes the Finished is buffered.
    pair.server().send(b"at once").expect("connected");
    pair.exchange(|_, _| true);
    assert_eq!(pair.client.receive(), None);
    pair.advance(Duration::from_millis(1001));
    assert!(pair.is_connected());
    assert_eq!(pair.client.receive().as_deref(), Some(&b"at once"[..]));
}

#[test]
fn packets_of_a_failed_handshake_are_discarded() {
    let certified_key = cached_key(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    pair.exchange(|from, number| (from, number) != (1, 2));
    pair.server().send(b"before the end").expect("connected");
    pair.exchange(|_, _| true);
    while pair.client.state() == &State::Handshaking {
        pair.now = pair.client.poll_timeout().expect("a timeout");
        let now = pair.now;
        pair.client.handle_timeout(now);
        pair.exchange(|_, _| false);
    }
    assert_eq!(pair.client.state(), &State::Failed(Error::TimedOut));
    assert_eq!(pair.client.receive(), None);
}

#[test]
fn simultaneous_retransmissions_do_not_echo() {
    let certified_key = cached_key(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    // The server's flight is lost, and both sides retransmit at the same time.
    pair.exchange(|from, number| (from, number) != (1, 1));
    pair.now += Duration::from_secs(1);
    let now = pair.now;
    pair.client.handle_timeout(now);
    pair.server().handle_timeout(now);
    pair.exchange(|_, _| true);
    assert!(pair.is_connected(), "{:?}", pair.client.state());
    assert!(
        pair.sent[0] <= 6 && pair.sent[1] <= 6,
        "they do not answer each other's echoes: {:?}",
        pair.sent
    );
}

#[test]
fn untrusted_certificate_sends_unknown_ca_alert() {
    let (known, other) = (new_key(Kind::P256).certified_key, new_key(Kind::P256).certified_key);
    let mut pair = Pair::new(client_config(&known), server_config(&other));
    pair.exchange(|_, _| true);
    let unknown = Error::Certificate(CertificateError::UnknownIssuer);
    assert_eq!(pair.client.state(), &State::Failed(unknown));
    // The alert is not authenticated, so the failure is delayed.
    assert_eq!(pair.server().state(), &State::Handshaking);
    pair.advance(Duration::from_secs(3));
    assert_eq!(pair.server().state(), &State::Failed(Error::Alert(Alert::UNKNOWN_CA)));
}

#[test]
fn client_certificate_is_required_if_the_server_verifies_clients() {
    let (server, client) = (new_key(Kind::P256).certified_key, new_key(Kind::P384).certified_key);
    let config = ServerConfig {
        client_verifier: Some(PinnedCertificate::of(&client)),
        ..server_config(&server)
    };
    let known = ClientConfig { certified_key: Some(Arc::clone(&client)), ..client_config(&server) };
    let mut pair = Pair::new(known, config.clone());
    pair.exchange(|_, _| true);
    assert!(pair.is_connected(), "{:?}", pair.server().state());
    assert_eq!(pair.server().peer_certificates(), client.chain());
    for (certified_key, why) in [
        (None, CertificateError::Missing),
        (Some(Arc::clone(&server)), CertificateError::UnknownIssuer),
    ] {
        let unknown = ClientConfig { certified_key, ..client_config(&server) };
        let mut pair = Pair::new(unknown, config.clone());
        pair.exchange(|_, _| true);
        // The empty Certificate is not authenticated, so the failure is delayed.
        pair.advance(Duration::from_secs(2));
        assert_eq!(pair.server().state(), &State::Failed(Error::Certificate(why)));
    }
}

#[test]
fn unanswered_handshake_times_out() {
    let certified_key = new_key(Kind::P256).certified_key;
    let mut pair = Pair::new(client_config(&certified_key), server_config(&certified_key));
    pair.exchange(|_, _| false);
    let begin = pair.now;
    while pair.client.state() == &State::Handshaking {
        pair.now = pair.client.poll_timeout().expect("a timeout");
        pair.client.handle_timeout(pair.now);
        pair.exchange(|_, _| false);
    }
    assert_eq!(pair.client.state(), &State::Failed(Error::TimedOut));
    assert_eq!(pair.now - begin, Duration::from_mins(1));
    assert_eq!(pair.sent, [9, 0], "at 0, 1 and 3 seconds, twice at 7, 15 and 31");
}

#[test]
fn key_of_another_certificate_is_rejected() {
    let test_key =
        rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("test_key");
    let key = |pair: &rcgen::KeyPair| {
        let der = PrivateKeyDer::try_from(pair.serialize_der()).expect("PKCS #8");
        SigningKey::new(&der).expect("a key")
    };
    let chain = || vec![test_key.cert.der().clone()];
    assert!(CertifiedKey::new(chain(), key(&test_key.signing_key)).is_ok());
    let other = rcgen::KeyPair::generate().expect("a key");
    assert_eq!(CertifiedKey::new(chain(), key(&other)).err(), Some(KeyError::Mismatch));
    assert_eq!(CertifiedKey::new(Vec::new(), key(&other)).err(), Some(KeyError::Mismatch));
}

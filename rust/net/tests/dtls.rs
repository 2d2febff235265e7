//! DTLS peers with sockets, and without.
#![expect(clippy::expect_used, reason = "a test")]

use lodewire_net::Bind;
use lodewire_net::certificates::{TrustAnchors, VerificationPolicy};
use lodewire_net::dtls::{
    AcceptResult, Acceptor, ClientConfig, Limits, ManualPeer, Peer, SendError, Server,
    ServerConfig, Status,
};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Time limit of all waits, which only ends a hang.
const TIMEOUT: Duration = Duration::from_mins(5);
const LOCALHOST: Bind = Bind::Address(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST));

struct TestKey {
    key: String,
    certificate: String,
}

fn test_key() -> TestKey {
    let test_key =
        rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("test_key");
    TestKey { key: test_key.signing_key.serialize_pem(), certificate: test_key.cert.pem() }
}

impl TestKey {
    fn server(&self) -> ServerConfig {
        ServerConfig::new(&self.key, &self.certificate, "", None).expect("a key")
    }

    fn client(&self, name: &str) -> ClientConfig {
        let trust = TrustAnchors::Custom(&self.certificate);
        ClientConfig::new(VerificationPolicy::new(trust), name, true).expect("a certificate")
    }

    fn listen(&self, limits: Limits) -> Server {
        Server::listen(LOCALHOST, 0, &self.server(), limits).expect("a port")
    }
}

fn connect_to(port: u16, setup: &ClientConfig, limits: Limits) -> Peer {
    let peer = Peer::connect(setup, limits).expect("a socket");
    peer.resolved(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]));
    peer
}

fn connect(server: &Server, setup: &ClientConfig) -> Peer {
    connect_to(server.local_addr().port(), setup, Limits::default())
}

/// Waits until `what` returns a value.
fn wait<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + TIMEOUT;
    loop {
        if let Some(what) = what() {
            return what;
        }
        assert!(Instant::now() < end, "timed out");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn wait_for(peer: &mut Peer, wanted: impl Fn(&Status) -> bool) -> Status {
    wait(|| {
        peer.poll();
        Some(peer.status().clone()).filter(&wanted)
    })
}

fn receive(peer: &mut Peer) -> Vec<u8> {
    wait(|| {
        peer.poll();
        peer.receive().map(<[u8]>::to_vec)
    })
}

fn pair(test_key: &TestKey, limits: Limits) -> (Server, Peer, Peer) {
    let server = test_key.listen(limits);
    let mut client = connect(&server, &test_key.client("game.example"));
    wait_for(&mut client, |status| *status == Status::Connected);
    let mut accepted = wait(|| server.take());
    wait_for(&mut accepted, |status| *status == Status::Connected);
    (server, client, accepted)
}

#[test]
fn packets_of_every_size_go_both_ways() {
    let test_key = test_key();
    let (server, mut client, mut accepted) = pair(&test_key, Limits::default());
    for len in [0, 1, 512, 1400, 16_384] {
        let packet = vec![u8::try_from(len % 251).expect("small"); len];
        client.send(&packet).expect("room");
        assert_eq!(receive(&mut accepted), packet);
        accepted.send(&packet).expect("room");
        assert_eq!(receive(&mut client), packet);
    }
    assert_eq!(client.send(&vec![0; 16_385]), Err(SendError::TooLong));
    assert_eq!(client.remote(), server.local_addr());
    let shown = client.certificates();
    assert_eq!(shown.len(), 1);
    assert!(accepted.certificates().is_empty());
    assert!(!server.is_connection_available() && server.take().is_none());
}

#[test]
fn slot_is_freed_when_the_close_is_reported() {
    let test_key = test_key();
    let limits = Limits { max_peers: 1, ..Limits::default() };
    let (server, mut client, mut accepted) = pair(&test_key, limits);
    client.send(b"last words").expect("room");
    client.disconnect();
    wait(|| (server.stats().peers == 0).then_some(()));
    // The game has not polled: the packet is still buffered, and the slot is still in use.
    let quick = Limits { handshake_timeout: Some(Duration::from_millis(300)), ..limits };
    let setup = test_key.client("game.example");
    let port = server.local_addr().port();
    let mut other = connect_to(port, &setup, quick);
    assert!(matches!(wait_for(&mut other, Status::is_closed), Status::Failed(_)));
    assert_eq!(receive(&mut accepted), b"last words");
    assert!(accepted.status().is_closed());
    let mut other = connect_to(port, &setup, limits);
    wait_for(&mut other, |status| *status == Status::Connected);
    // The close of a dropped peer need not be reported.
    drop(wait(|| server.take()));
    wait_for(&mut other, Status::is_closed);
    let mut last = connect_to(port, &setup, limits);
    wait_for(&mut last, |status| *status == Status::Connected);
}

#[test]
fn announced_client_can_be_taken_after_it_disconnected() {
    let test_key = test_key();
    let server = test_key.listen(Limits::default());
    let mut client = connect(&server, &test_key.client("game.example"));
    wait(|| {
        client.poll();
        server.is_connection_available().then_some(())
    });
    drop(client);
    wait(|| (server.stats().peers == 0).then_some(()));
    assert!(server.is_connection_available());
    let mut peer = server.take().expect("the client that was there");
    peer.poll();
    assert!(matches!(peer.status(), Status::Disconnected(_)), "{:?}", peer.status());
    assert!(!server.is_connection_available() && server.take().is_none());
}

#[test]
fn disconnect_is_sent_to_the_peer() {
    let test_key = test_key();
    let (server, mut client, mut accepted) = pair(&test_key, Limits::default());
    accepted.disconnect();
    let status = wait_for(&mut client, Status::is_closed);
    assert_eq!(status, Status::Disconnected(String::new()));
    assert_eq!(client.send(b"x"), Err(SendError::NotConnected));
    let mut client = connect(&server, &test_key.client("game.example"));
    let mut accepted = wait(|| server.take());
    wait_for(&mut client, |status| *status == Status::Connected);
    drop(client);
    wait_for(&mut accepted, Status::is_closed);
    let mut client = connect(&server, &test_key.client("game.example"));
    wait_for(&mut client, |status| *status == Status::Connected);
    drop(server);
    wait_for(&mut client, Status::is_closed);
}

#[test]
fn disconnected_client_stays_disconnected() {
    let test_key = test_key();
    let server = test_key.listen(Limits::default());
    // Some are closed before their handshake is complete, some during it, some after it.
    for millis in 0..20 {
        let mut client = connect(&server, &test_key.client("game.example"));
        std::thread::sleep(Duration::from_micros(millis * 300));
        client.disconnect();
        client.poll();
        assert!(client.status().is_closed(), "after {millis} steps: {:?}", client.status());
    }
}

#[test]
fn server_with_wrong_name_or_unknown_issuer_is_rejected() {
    let (made_here, other) = (test_key(), test_key());
    let server = made_here.listen(Limits::default());
    let mut client = connect(&server, &made_here.client("other.example"));
    let status = wait_for(&mut client, Status::is_closed);
    assert!(matches!(status, Status::HostnameMismatch(_)), "{status:?}");
    let mut client = connect(&server, &other.client("game.example"));
    let status = wait_for(&mut client, Status::is_closed);
    assert!(matches!(&status, Status::Failed(why) if why.contains("certificate")), "{status:?}");
    assert!(!server.is_connection_available());
}

#[test]
fn server_verifies_client_certificates() {
    let (own, player, stranger) = (test_key(), test_key(), test_key());
    let rules = VerificationPolicy::new(TrustAnchors::Custom(&player.certificate));
    let setup = ServerConfig::new(&own.key, &own.certificate, "", Some(rules)).expect("a setup");
    let server = Server::listen(LOCALHOST, 0, &setup, Limits::default()).expect("a port");
    let as_player = |who: Option<&TestKey>| {
        let mut setup = own.client("game.example");
        if let Some(who) = who {
            setup.set_client_certificate(&who.key, &who.certificate).expect("a key");
        }
        connect(&server, &setup)
    };
    let mut client = as_player(Some(&player));
    wait_for(&mut client, |status| *status == Status::Connected);
    let accepted = wait(|| server.take());
    assert_eq!(accepted.certificates().len(), 1);
    for who in [None, Some(&stranger)] {
        let mut client = as_player(who);
        let status = wait_for(&mut client, Status::is_closed);
        assert!(matches!(status, Status::Failed(_)), "{status:?}");
    }
    assert!(server.take().is_none());
}

#[test]
fn unreachable_host_fails_with_its_reason() {
    let test_key = test_key();
    let setup = test_key.client("game.example");
    let limits =
        Limits { handshake_timeout: Some(Duration::from_millis(300)), ..Limits::default() };
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let mut client = connect_to(port, &setup, limits);
    let status = wait_for(&mut client, Status::is_closed);
    assert_eq!(status.reason(), "the other side does not answer");
    for (answer, why) in
        [(Err("it was not found".to_owned()), "it was not found"), (Ok(vec![]), "has no address")]
    {
        let mut client = Peer::connect(&setup, limits).expect("a socket");
        client.resolved(answer);
        let status = wait_for(&mut client, Status::is_closed);
        assert!(status.reason().contains(why), "{status:?}");
    }
    // The addresses of a name are tried in order.
    let server = test_key.listen(Limits::default());
    let mut client = Peer::connect(&setup, Limits::default()).expect("a socket");
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    client.resolved(Ok(vec![at(port), server.local_addr()]));
    wait_for(&mut client, |status| *status == Status::Connected);
}

#[test]
fn silent_client_is_disconnected_by_idle_timeout() {
    let test_key = test_key();
    let limits = Limits { idle_timeout: Some(Duration::from_millis(300)), ..Limits::default() };
    let server = test_key.listen(limits);
    let _silent = connect(&server, &test_key.client("game.example"));
    let mut accepted = wait(|| server.take());
    let status = wait_for(&mut accepted, Status::is_closed);
    assert_eq!(status.reason(), "the other side was silent for too long");
}

#[test]
fn received_packets_reset_the_idle_timeout() {
    let test_key = test_key();
    // So long that the real time of the test does not matter.
    let limits = Limits { idle_timeout: Some(Duration::from_hours(2)), ..Limits::default() };
    let mut movers = ManualPair::new(&test_key);
    movers.acceptor = Acceptor::new(&test_key.server(), limits).expect("random bytes");
    let mut client = ManualPeer::connect(&test_key.client("game.example"), Limits::default());
    movers.exchange(&mut client, are_connected);
    for _ in 0..10 {
        movers.clock_offset += Duration::from_hours(1);
        client.send(b"here").expect("room");
        movers.exchange(&mut client, |_, peer| peer.is_some_and(|peer| peer.available() == 1));
        let peer = movers.peer.as_mut().expect("taken");
        assert_eq!(peer.receive(), Some(&b"here"[..]));
    }
    movers.clock_offset += Duration::from_hours(2);
    movers.exchange(&mut client, |_, peer| peer.is_some_and(|peer| peer.status().is_closed()));
    let peer = movers.peer.as_ref().expect("taken");
    assert_eq!(peer.status().reason(), "the other side was silent for too long");
}

#[test]
fn packets_beyond_the_receive_buffer_are_dropped_and_counted() {
    let test_key = test_key();
    let limits = Limits { max_buffered_bytes: 10_000, ..Limits::default() };
    let (_server, client, mut accepted) = pair(&test_key, limits);
    for _ in 0..50 {
        client.send(&[1; 936]).expect("room");
    }
    wait(|| (accepted.dropped() == 40).then_some(()));
    accepted.poll();
    assert_eq!(accepted.available(), 10);
    // Polling without reading frees no space.
    client.send(&[1; 936]).expect("room");
    wait(|| (accepted.dropped() == 41).then_some(()));
    accepted.poll();
    assert_eq!(accepted.available(), 10);
}

#[test]
fn full_server_accepts_no_one_until_a_peer_leaves() {
    let test_key = test_key();
    let limits = Limits { max_peers: 1, ..Limits::default() };
    let (server, first, mut accepted) = pair(&test_key, limits);
    let before = server.stats().packets_in;
    let mut second = connect(&server, &test_key.client("game.example"));
    // The client sends a ClientHello without and with the cookie, and a retransmission.
    wait(|| (server.stats().packets_in >= before + 3).then_some(()));
    second.poll();
    assert_eq!(second.status(), &Status::Handshaking);
    drop(first);
    wait_for(&mut accepted, Status::is_closed);
    // The client retransmits after one second.
    wait_for(&mut second, |status| *status == Status::Connected);
}

#[test]
fn unfinished_handshakes_are_limited_per_address() {
    let test_key = test_key();
    let setup = test_key.client("game.example");
    let limits = Limits {
        max_handshakes: 3,
        max_handshakes_per_address: 2,
        handshake_timeout: Some(Duration::from_secs(8)),
        ..Limits::default()
    };
    let (server, established, mut accepted) = pair(&test_key, limits);
    // Each sends its cookie, and nothing more.
    let enter = || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(server.local_addr()).expect("connected");
        socket.set_read_timeout(Some(TIMEOUT)).expect("set");
        let mut client = ManualPeer::connect(&setup, Limits::default());
        let mut buffer = vec![0; 65_536];
        client.transmit(|datagram| {
            socket.send(datagram).expect("sent");
        });
        let len = socket.recv(&mut buffer).expect("everybody gets a cookie");
        client.handle_datagram(Instant::now(), &mut buffer[..len]);
        client.transmit(|datagram| {
            socket.send(datagram).expect("sent");
        });
        socket
    };
    let _begun: Vec<_> = (0..3).map(|_| enter()).collect();
    // A later packet is received, so all three were handled.
    established.send(b"still here").expect("room");
    assert_eq!(receive(&mut accepted), b"still here");
    assert_eq!(server.stats().handshakes, 2, "an address has two");
    // After their timeout new handshakes are admitted.
    let mut late = connect(&server, &setup);
    wait_for(&mut late, |status| *status == Status::Connected);
}

/// A server's side without a socket, for a client at one address.
struct ManualPair {
    acceptor: Acceptor,
    address: SocketAddr,
    peer: Option<ManualPeer>,
    /// The offset of the clock of both sides.
    clock_offset: Duration,
}

impl ManualPair {
    fn new(test_key: &TestKey) -> Self {
        let acceptor = Acceptor::new(&test_key.server(), Limits::default()).expect("random bytes");
        let address = SocketAddr::from(([10, 0, 0, 1], 1234));
        Self { acceptor, address, peer: None, clock_offset: Duration::ZERO }
    }

    /// Exchanges datagrams. Returns how many the acceptor handled.
    fn exchange(
        &mut self,
        client: &mut ManualPeer,
        until: impl Fn(&ManualPeer, Option<&ManualPeer>) -> bool,
    ) -> usize {
        let mut count = 0;
        let end = Instant::now() + TIMEOUT;
        while !until(client, self.peer.as_ref()) {
            assert!(Instant::now() < end, "timed out");
            let now = Instant::now() + self.clock_offset;
            client.poll(now);
            let mut sent = Vec::new();
            client.transmit(|datagram| sent.push(datagram.to_vec()));
            for mut datagram in sent {
                if let Some(peer) = &mut self.peer {
                    peer.handle_datagram(now, &mut datagram);
                } else {
                    count += 1;
                    match self.acceptor.accept(self.address, &datagram) {
                        AcceptResult::Ignored => {}
                        AcceptResult::Reply(mut answer) => client.handle_datagram(now, &mut answer),
                        AcceptResult::Peer(peer) => self.peer = Some(*peer),
                    }
                }
            }
            if let Some(peer) = &mut self.peer {
                peer.poll(now);
                peer.transmit(|datagram| client.handle_datagram(now, &mut datagram.to_vec()));
            }
            std::thread::yield_now();
        }
        count
    }
}

fn are_connected(client: &ManualPeer, peer: Option<&ManualPeer>) -> bool {
    *client.status() == Status::Connected
        && peer.is_some_and(|peer| *peer.status() == Status::Connected)
}

#[test]
fn manual_peer_is_accepted_after_two_datagrams() {
    let test_key = test_key();
    let mut movers = ManualPair::new(&test_key);
    let mut client = ManualPeer::connect(&test_key.client("game.example"), Limits::default());
    assert_eq!(movers.exchange(&mut client, are_connected), 2);
    client.send(b"over there").expect("connected");
    movers.exchange(&mut client, |_, peer| peer.is_some_and(|peer| peer.available() == 1));
    let peer = movers.peer.as_mut().expect("taken");
    assert_eq!(peer.receive(), Some(&b"over there"[..]));
    peer.disconnect();
    movers.exchange(&mut client, |client, _| client.status().is_closed());
    assert_eq!(client.status(), &Status::Disconnected(String::new()));
}

#[test]
fn reconnecting_client_ends_its_old_manual_peer() {
    let test_key = test_key();
    let mut movers = ManualPair::new(&test_key);
    let connect = || ManualPeer::connect(&test_key.client("game.example"), Limits::default());
    let mut client = connect();
    movers.exchange(&mut client, are_connected);
    // The client has crashed, and reconnects from the same address.
    let mut again = connect();
    movers.exchange(&mut again, |client, peer| {
        client.status().is_closed() && peer.is_some_and(|peer| peer.status().is_closed())
    });
    let why = movers.peer.take().expect("the old one").status().reason().to_owned();
    assert_eq!(why, "the other side has connected again");
    let mut third = connect();
    assert_eq!(movers.exchange(&mut third, are_connected), 2);
}

#[test]
fn client_that_restarts_its_handshake_can_reconnect() {
    let test_key = test_key();
    let mut movers = ManualPair::new(&test_key);
    let connect = || ManualPeer::connect(&test_key.client("game.example"), Limits::default());
    let mut client = connect();
    movers.exchange(&mut client, |_, peer| peer.is_some());
    let mut again = connect();
    movers.exchange(&mut again, |_, peer| peer.is_some_and(|peer| peer.status().is_closed()));
    movers.peer = None;
    let mut third = connect();
    movers.exchange(&mut third, are_connected);
}

#[test]
fn reconnecting_client_is_a_new_peer_of_a_server() {
    let test_key = test_key();
    let server = test_key.listen(Limits::default());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(server.local_addr()).expect("connected");
    socket.set_nonblocking(true).expect("set");
    let join = || {
        let mut client = ManualPeer::connect(&test_key.client("game.example"), Limits::default());
        let mut buffer = vec![0; 65_536];
        wait(|| {
            let now = Instant::now();
            while let Ok(len) = socket.recv(&mut buffer) {
                client.handle_datagram(now, &mut buffer[..len]);
            }
            client.poll(now);
            client.transmit(|datagram| {
                socket.send(datagram).expect("sent");
            });
            (*client.status() == Status::Connected).then_some(())
        });
        client
    };
    let _first = join();
    let mut old = wait(|| server.take());
    wait_for(&mut old, |status| *status == Status::Connected);
    let mut second = join();
    let status = wait_for(&mut old, Status::is_closed);
    assert_eq!(status.reason(), "the other side has connected again");
    let mut new = wait(|| server.take());
    second.send(b"hello").expect("connected");
    second.transmit(|datagram| {
        socket.send(datagram).expect("sent");
    });
    assert_eq!(receive(&mut new), b"hello");
}

#[test]
fn invalid_server_configuration_is_named() {
    use lodewire_net::tls::TlsError;
    let (own, other) = (test_key(), test_key());
    let setup = |key: &str, certificate: &str| ServerConfig::new(key, certificate, "", None).err();
    assert_eq!(setup(&own.key, &own.certificate), None);
    assert_eq!(setup(&own.key, &other.certificate), Some(TlsError::Mismatch));
    assert_eq!(setup("", &own.certificate), Some(TlsError::NoKey));
    assert_eq!(setup(&own.key, ""), Some(TlsError::NoCertificate));
}

#[test]
fn association_without_an_enet_peer_is_closed_whatever_it_sends() {
    use lodewire_net::enet::{Config, Event, Host, HostConfig};
    let test_key = test_key();
    let setup = test_key.client("game.example");
    let config =
        Config { host: HostConfig { peers: 2, ..HostConfig::default() }, ..Config::default() };
    let mut server = Host::bind(LOCALHOST, 0, &config).expect("a port");
    assert!(server.secure_server(test_key.server()));
    server.start_reading();
    let port = server.local_addr().port();
    let mut join = || {
        let mut client = Host::bind(LOCALHOST, 0, &Config::default()).expect("a port");
        assert!(client.secure_client(setup.clone()));
        client.connect(SocketAddr::from(([127, 0, 0, 1], port)), 1, 0).expect("a peer");
        client.start_reading();
        assert!(matches!(client.service(TIMEOUT), Some(Event::Connect { .. })), "it joins");
        let Some(Event::Connect { peer, .. }) = server.service(TIMEOUT) else {
            unreachable!("the server has no peer")
        };
        (client, peer)
    };
    let (mut first, at_server) = join();
    // More than the limit per address: the last ones are not answered.
    let mut idle_clients: Vec<_> =
        (0..40).map(|_| connect_to(port, &setup, Limits::default())).collect();
    let mut wait_for_all = |wanted: &dyn Fn(&Status) -> bool| {
        wait(|| {
            let mut count = 0;
            for peer in &mut idle_clients {
                peer.poll();
                // Packets reset the idle timeout.
                let _ = peer.send(b"x");
                count += usize::from(wanted(peer.status()));
            }
            std::thread::sleep(Duration::from_millis(20));
            (count >= 34).then_some(())
        });
    };
    wait_for_all(&|status| *status == Status::Connected);
    wait_for_all(&Status::is_closed);
    join();
    assert!(at_server.is_active() && first.service(Duration::ZERO).is_none(), "a peer keeps its");
}

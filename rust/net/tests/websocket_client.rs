//! The client and the server of this crate on real sockets.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::certificates::TrustAnchors;
use lodewire_net::tls::{ClientTls, ServerTls};
use lodewire_net::websocket::{
    Client, ClientConfig, ClientEvent, CloseCode, CloseFrame, Config, DeflateOptions, Failure,
    HandshakeRejection, Limits, MessageKind, Origins, OutgoingMessage, PeerState, Request,
    SendError, Server, ServerEvent, Settings, StatusCode, WebSocketUrl,
};
use lodewire_websocket::{IncomingRequest, ServerHandshake};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn listen(config: Config) -> Server {
    Server::listen(Bind::Address(HERE), 0, config).expect("a free port")
}

fn config() -> Config {
    Config { handshake_timeout: TIMEOUT, ..Config::default() }
}

fn with(settings: &Settings) -> Config {
    Config { settings: settings.clone(), ..config() }
}

fn client_config(settings: &Settings) -> ClientConfig {
    ClientConfig {
        settings: settings.clone(),
        protocols: Vec::new(),
        headers: Vec::new(),
        tls: None,
        timeout: TIMEOUT,
    }
}

fn url(server: &Server, scheme: &str) -> WebSocketUrl {
    WebSocketUrl::parse(&format!("{scheme}://localhost:{}/play?room=1", server.local_port()))
        .expect("a URL")
}

fn connect(server: &Server, config: ClientConfig) -> Client {
    Client::connect(&url(server, "ws"), &[HERE], config).expect("it starts")
}

/// Polls both sides until `done` returns true. Returns the events of each.
fn run(
    server: &mut Server,
    client: &mut Client,
    mut done: impl FnMut(&mut Server, &Client, &[ServerEvent], &[ClientEvent]) -> bool,
) -> (Vec<ServerEvent>, Vec<ClientEvent>) {
    let end = Instant::now() + TIMEOUT;
    let (mut server_events, mut client_events) = (Vec::new(), Vec::new());
    loop {
        server.poll();
        server_events.extend(std::iter::from_fn(|| server.next_event()));
        client.poll();
        client_events.extend(std::iter::from_fn(|| client.next_event()));
        if done(server, client, &server_events, &client_events) {
            return (server_events, client_events);
        }
        assert!(Instant::now() < end, "{server_events:?} {client_events:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until both sides are connected. Returns the client's id.
fn join(server: &mut Server, client: &mut Client) -> i32 {
    let (reported, _) = run(server, client, |_, _, server, client| {
        !server.is_empty() && client.contains(&ClientEvent::Established)
    });
    let [ServerEvent::Connected(id)] = reported[..] else { unreachable!("{reported:?}") };
    id
}

/// Returns a text message.
fn text(payload: &[u8]) -> OutgoingMessage {
    OutgoingMessage::new(MessageKind::Text, payload.to_vec()).expect("UTF-8")
}

/// Sends messages both ways, then closes from the client.
fn exchange(server: &mut Server, client: &mut Client) {
    let id = join(server, client);
    let peer = server.peer(id).expect("the peer exists").clone();
    let to_server = client.peer().expect("the peer exists").clone();
    let long = "{\"x\": 1.5, \"y\": 2.5} ".repeat(500).into_bytes();
    for payload in [&long[..], b"", b"short", &long[..1000]] {
        to_server.send(text(payload)).expect("queue space");
        peer.send(OutgoingMessage::Binary(payload.to_vec())).expect("queue space");
        server.broadcast(OutgoingMessage::Binary(payload.to_vec()), &[]);
    }
    run(server, client, |_, _, _, _| peer.available() == 4 && to_server.available() == 8);
    for payload in [&long[..], b"", b"short", &long[..1000]] {
        let message = peer.receive().expect("four");
        assert_eq!((message.kind, message.payload.as_slice()), (MessageKind::Text, payload));
        for _ in 0..2 {
            let message = to_server.receive().expect("eight");
            assert_eq!((message.kind, message.payload.as_slice()), (MessageKind::Binary, payload));
        }
    }
    assert_eq!(peer.buffered_amount() + to_server.buffered_amount(), 0, "all is accounted for");
    to_server.close(CloseCode(4000), "done");
    let (server_events, client_events) =
        run(server, client, |_, _, server, client| server.len() == 2 && client.len() == 1);
    assert!(
        matches!(&server_events[0], ServerEvent::CloseRequest { close, .. } if close.reason == "done")
    );
    assert_eq!(server_events[1], ServerEvent::Disconnected { id, clean: true });
    assert_eq!(client_events, [ClientEvent::Closed { clean: true }]);
}

#[test]
fn a_client_and_a_server_exchange_messages() {
    let settings = Settings::default();
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&settings));
    exchange(&mut server, &mut client);
}

#[test]
fn messages_are_compressed_if_both_sides_support_it() {
    for (bits, takeover) in [(15, true), (9, true), (15, false), (10, false)] {
        let deflate = DeflateOptions {
            window_bits: bits,
            context_takeover: takeover,
            peer_context_takeover: takeover,
            ..DeflateOptions::default()
        };
        let settings = Settings { deflate: Some(deflate), ..Settings::default() };
        let mut server = listen(with(&settings));
        let mut client = connect(&server, client_config(&settings));
        exchange(&mut server, &mut client);
        // Otherwise they are sent uncompressed.
        let mut client = connect(&server, client_config(&Settings::default()));
        exchange(&mut server, &mut client);
    }
}

#[test]
fn tls_connects_and_untrusted_certificates_are_rejected() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let (key, pem) = (made.signing_key.serialize_pem(), made.cert.pem());
    let tls = ServerTls::from_pem(&key, &pem, "").expect("a pair");
    let settings = Settings::default();
    let mut server = listen(Config { tls: Some(tls), ..with(&settings) });
    for trust in [TrustAnchors::Custom(&pem), TrustAnchors::Insecure] {
        let tls = Some(ClientTls::new(trust).expect("a trust"));
        let config = ClientConfig { tls, ..client_config(&settings) };
        let mut client = Client::connect(&url(&server, "wss"), &[HERE], config).expect("it starts");
        exchange(&mut server, &mut client);
    }
    let tls = Some(ClientTls::new(TrustAnchors::Roots("")).expect("a trust"));
    let config = ClientConfig { tls, ..client_config(&settings) };
    let mut client = Client::connect(&url(&server, "wss"), &[HERE], config).expect("it starts");
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    let [ClientEvent::Failed(Failure { message: why, .. })] = &reported[..] else {
        unreachable!("{reported:?}")
    };
    assert_eq!(why, "the certificate is not accepted: unknown issuer");
    // A certificate for another name.
    let other = format!("wss://127.0.0.1:{}/", server.local_port());
    let other = WebSocketUrl::parse(&other).expect("a URL");
    let tls = Some(ClientTls::new(TrustAnchors::Custom(&pem)).expect("a trust"));
    let config = ClientConfig { tls, ..client_config(&settings) };
    let mut client = Client::connect(&other, &[HERE], config).expect("it starts");
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    let [ClientEvent::Failed(Failure { message: why, .. })] = &reported[..] else {
        unreachable!("{reported:?}")
    };
    assert_eq!(why, "the certificate is not accepted: not valid for the requested name");
    // A client without TLS.
    let mut client = connect(&server, client_config(&settings));
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    assert_eq!(reported, [failed("the server speaks TLS at this port: connect with wss://")]);
    // A client with TLS and a server without.
    let mut server = listen(with(&settings));
    let tls = Some(ClientTls::new(TrustAnchors::Insecure).expect("a trust"));
    let config = ClientConfig { tls, ..client_config(&settings) };
    let mut client = Client::connect(&url(&server, "wss"), &[HERE], config).expect("it starts");
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    let why = "the other side does not speak TLS at this port; if it is a server of ws://, connect with ws://";
    assert_eq!(reported, [failed(why)]);
}

#[test]
fn the_game_decides_on_held_requests() {
    let mut server = listen(Config { hold_requests: true, max_pending_requests: 1, ..config() });
    let mut client = connect(&server, client_config(&Settings::default()));
    let (reported, _) = run(&mut server, &mut client, |_, _, reported, _| !reported.is_empty());
    let [ServerEvent::Request(request)] = &reported[..] else { unreachable!("{reported:?}") };
    assert_eq!(request.request().path(), "/play");
    assert_eq!(request.request().query(), "room=1");
    // A second request exceeds the limit of pending requests.
    let mut second = connect(&server, client_config(&Settings::default()));
    let (_, refused) = run(&mut server, &mut second, |_, _, _, reported| !reported.is_empty());
    let [ClientEvent::Failed(Failure { message: why, .. })] = &refused[..] else {
        unreachable!("{refused:?}")
    };
    assert!(why.contains("503"), "{why}");
    assert!(request.accept(Vec::new()));
    assert!(!request.accept(Vec::new()), "once");
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("the peer exists");
    assert_eq!(peer.request().map(Request::path), Some("/play"));
    // Rejected and dropped requests fail.
    for status in [Some(StatusCode::Other(429)), None] {
        let mut client = connect(&server, client_config(&Settings::default()));
        let (mut reported, _) =
            run(&mut server, &mut client, |_, _, reported, _| !reported.is_empty());
        let Some(ServerEvent::Request(request)) = reported.pop() else {
            unreachable!("{reported:?}")
        };
        if let Some(status) = status {
            assert!(request.reject(HandshakeRejection::new(status, "no".to_owned())));
        }
        drop(request);
        let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
        let [ClientEvent::Failed(Failure { message: why, .. })] = &reported[..] else {
            unreachable!("{reported:?}")
        };
        assert!(why.contains(if status.is_some() { "429" } else { "403" }), "{why}");
    }
    // A client that disconnects while its request is pending frees the slot.
    let mut client = connect(&server, client_config(&Settings::default()));
    let (reported, _) = run(&mut server, &mut client, |_, _, reported, _| !reported.is_empty());
    let [ServerEvent::Request(request)] = &reported[..] else { unreachable!("{reported:?}") };
    drop(client);
    let end = Instant::now() + TIMEOUT;
    while request.is_pending() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!request.is_pending() && !request.accept(Vec::new()));
}

#[test]
fn a_held_request_does_not_time_out() {
    let mut server = listen(Config { hold_requests: true, ..config() });
    // On a slow machine a request may time out: it is sent again with twice the timeout.
    let mut timeout = Duration::from_millis(500);
    let (_client, request) = loop {
        server.set_handshake_timeout(timeout);
        let mut client = connect(&server, client_config(&Settings::default()));
        let (mut reported, _) = run(&mut server, &mut client, |_, _, server, client| {
            !server.is_empty() || !client.is_empty()
        });
        if let Some(ServerEvent::Request(request)) = reported.pop() {
            break (client, request);
        }
        timeout *= 2;
    };
    // A later connection without a request has timed out meanwhile.
    let mut silent = std::net::TcpStream::connect((HERE, server.local_port())).expect("it listens");
    silent.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    let mut answer = [0; 13];
    std::io::Read::read_exact(&mut silent, &mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408 ");
    assert!(request.is_pending());
    assert!(request.accept(Vec::new()));
}

#[test]
fn wrong_origins_and_clients_of_a_full_server_are_rejected() {
    let list = ["https://game.example".to_owned()];
    let origins = Origins::new(&list, false, false).expect("an origin");
    let mut server = listen(Config { origins, max_clients: 1, ..config() });
    let origin = |text: &str| ClientConfig {
        headers: vec![("Origin".to_owned(), text.to_owned())],
        ..client_config(&Settings::default())
    };
    let mut client = connect(&server, origin("https://game.example"));
    join(&mut server, &mut client);
    for (config, status) in [
        (origin("https://evil.example"), "403"),
        (client_config(&Settings::default()), "403"),
        (origin("https://game.example:443"), "503"),
    ] {
        let mut other = connect(&server, config);
        let (_, reported) = run(&mut server, &mut other, |_, _, _, reported| !reported.is_empty());
        let [ClientEvent::Failed(Failure { message: why, .. })] = &reported[..] else {
            unreachable!("{reported:?}")
        };
        assert!(why.contains(status), "{why}");
    }
}

#[test]
fn a_heartbeat_measures_the_round_trip_and_drops_dead_peers() {
    let settings = Settings { heartbeat: Some(Duration::from_secs(1)), ..Settings::default() };
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("the peer exists").clone();
    assert_eq!(peer.round_trip(), None);
    run(&mut server, &mut client, |_, _, _, _| peer.round_trip().is_some());
    assert!(peer.round_trip() < Some(TIMEOUT));
    drop(client);
    // A peer that connects and then sends nothing.
    let mut dead = std::net::TcpStream::connect((HERE, server.local_port())).expect("it listens");
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    std::io::Write::write_all(&mut dead, request.as_bytes()).expect("sent");
    let end = Instant::now() + TIMEOUT;
    let mut reported = Vec::new();
    while reported.len() < 3 && Instant::now() < end {
        server.poll();
        reported.extend(std::iter::from_fn(|| server.next_event()));
        std::thread::sleep(Duration::from_millis(1));
    }
    while !matches!(reported.last(), Some(ServerEvent::Disconnected { clean: false, .. })) {
        assert!(Instant::now() < end, "{reported:?}");
        server.poll();
        reported.extend(std::iter::from_fn(|| server.next_event()));
    }
}

#[test]
fn a_peer_that_has_closed_receives_nothing_more_and_the_end_is_clean() {
    let mut server = listen(config());
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("the peer exists").clone();
    let to_server = client.peer().expect("the peer exists").clone();
    to_server.send(OutgoingMessage::Text("one".to_owned())).expect("queue space");
    to_server.send(OutgoingMessage::Text("two".to_owned())).expect("queue space");
    to_server.close(CloseCode::NORMAL, "");
    // The game reads after the poll that reported the messages, as scripts do that poll at the start of a frame.
    run(&mut server, &mut client, |_, _, reported, _| reported.len() == 3);
    assert_eq!(peer.state(), PeerState::Closing);
    for message in peer.receive_all() {
        peer.send(OutgoingMessage::new(message.kind, message.payload).expect("UTF-8"))
            .expect("it is still taken");
    }
    let (_, reported) = run(&mut server, &mut client, |_, _, server, client| {
        !server.is_empty() && client.last() == Some(&ClientEvent::Closed { clean: true })
    });
    // The replies are sent before the Close frame, and the client has closed.
    assert_eq!(reported, [ClientEvent::Closed { clean: true }]);
    assert_eq!(to_server.available(), 0);
    assert_eq!(peer.send(OutgoingMessage::Text(String::new())), Err(SendError::NotOpen));
}

#[test]
fn a_game_that_does_not_read_delays_the_close_up_to_the_timeout() {
    let settings = Settings { close_timeout: Duration::from_millis(100), ..Settings::default() };
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&settings));
    join(&mut server, &mut client);
    let to_server = client.peer().expect("the peer exists").clone();
    to_server.send(OutgoingMessage::Text("unread".to_owned())).expect("queue space");
    let start = Instant::now();
    to_server.close(CloseCode::NORMAL, "");
    while client.peer().is_some_and(|peer| peer.state() != PeerState::Closed) {
        // The server is not polled.
        client.poll();
        while client.next_event().is_some() {}
        assert!(start.elapsed() < TIMEOUT);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn frames_that_arrive_with_the_response_are_not_lost() {
    // A server that sends everything before the client has reported the connection.
    let listener = std::net::TcpListener::bind((HERE, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let target = WebSocketUrl::parse(&format!("ws://localhost:{port}")).expect("a URL");
    let mut client =
        Client::connect(&target, &[HERE], client_config(&Settings::default())).expect("it starts");
    let (mut stream, _) = listener.accept().expect("a client");
    let mut handshake = ServerHandshake::new();
    let request = loop {
        let mut byte = [0];
        std::io::Read::read_exact(&mut stream, &mut byte).expect("a request");
        let (_, asked) = handshake.receive(&byte).expect("a valid request");
        if let Some(request) = asked.and_then(IncomingRequest::upgrade) {
            break request;
        }
    };
    let mut all = Vec::new();
    request.accept(None, None, &[], &mut all);
    all.extend_from_slice(b"\x81\x03301\x88\x00");
    std::io::Write::write_all(&mut stream, &all).expect("sent");
    let mut reported = Vec::new();
    let end = Instant::now() + TIMEOUT;
    while reported.len() < 3 && Instant::now() < end {
        client.poll();
        reported.extend(std::iter::from_fn(|| client.next_event()));
    }
    let close = CloseFrame { code: CloseCode::NO_STATUS, reason: String::new() };
    let wanted = [ClientEvent::Established, ClientEvent::Data, ClientEvent::CloseRequest(close)];
    assert_eq!(reported, wanted);
}

#[test]
fn a_message_over_the_limit_closes_with_1009() {
    let limits = Limits { in_bytes: 1000, ..Limits::default() };
    let mut server = listen(with(&Settings { limits, ..Settings::default() }));
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let to_server = client.peer().expect("the peer exists").clone();
    to_server.send(OutgoingMessage::Binary(vec![0; 1000])).expect("queue space");
    to_server.send(OutgoingMessage::Binary(vec![0; 1001])).expect("queue space");
    let peer = server.peer(id).expect("the peer exists").clone();
    run(&mut server, &mut client, |_, _, _, _| {
        peer.receive_all();
        peer.state() == PeerState::Closed && to_server.state() == PeerState::Closed
    });
    for close in [peer.close_frame(), to_server.close_frame()] {
        let close = close.expect("closed");
        assert_eq!(close.code, CloseCode::MESSAGE_TOO_BIG);
        assert!(close.reason.contains("1000 bytes"), "{}", close.reason);
    }
}

#[test]
fn overflow_drops_a_peer_with_disconnect_on_overflow() {
    let limits = Limits { out_bytes: 1000, ..Limits::default() };
    let settings = Settings { limits, disconnect_on_overflow: true, ..Settings::default() };
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("the peer exists").clone();
    assert_eq!(peer.send(OutgoingMessage::Binary(vec![0; 2000])), Err(SendError::Full));
    let (reported, _) = run(&mut server, &mut client, |_, _, reported, _| !reported.is_empty());
    assert_eq!(reported, [ServerEvent::Disconnected { id, clean: false }]);
}

#[test]
fn a_client_connects_with_the_address_family_that_responds() {
    let mut server = listen(config());
    let unreachable_host = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let config = client_config(&Settings::default());
    let mut client =
        Client::connect(&url(&server, "ws"), &[unreachable_host, HERE], config).expect("it starts");
    join(&mut server, &mut client);
}

/// Returns a failure without an HTTP response.
fn failed(why: &str) -> ClientEvent {
    ClientEvent::Failed(Failure { message: why.to_owned(), ..Failure::default() })
}

#[test]
fn a_rejection_reports_its_status_and_reason() {
    let mut server = listen(Config { max_clients: 0, ..config() });
    let mut client = connect(&server, client_config(&Settings::default()));
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    let [ClientEvent::Failed(failure)] = &reported[..] else { unreachable!("{reported:?}") };
    assert_eq!((failure.status, failure.reason.as_str()), (Some(503), "the server is full"));
    assert!(failure.message.contains("503 the server is full"), "{}", failure.message);
}

#[test]
fn an_unreachable_server_is_reported() {
    let mut server = listen(config());
    // The port of a connection, so that no other process can listen on it.
    let busy = std::net::TcpStream::connect((HERE, server.local_port())).expect("it listens");
    let closed_port = busy.local_addr().expect("connected").port();
    let target = WebSocketUrl::parse(&format!("ws://localhost:{closed_port}")).expect("a URL");
    let config = client_config(&Settings::default());
    let mut client = Client::connect(&target, &[HERE], config.clone()).expect("it starts");
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    assert_eq!(
        reported,
        [failed(&format!("connection refused: no server listens at localhost:{closed_port}"))]
    );
    // A server that accepts and sends nothing.
    let silent = std::net::TcpListener::bind((HERE, 0)).expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let target = WebSocketUrl::parse(&format!("ws://localhost:{port}")).expect("a URL");
    let config = ClientConfig { timeout: Duration::from_millis(100), ..config };
    let mut client = Client::connect(&target, &[HERE], config).expect("it starts");
    let (_, reported) = run(&mut server, &mut client, |_, _, _, reported| !reported.is_empty());
    assert_eq!(reported, [failed("the server did not answer in time")]);
}

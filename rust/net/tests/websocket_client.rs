//! Our client and our server, on real sockets.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::certificates::Trust;
use lodewire_net::tls::{ClientTls, ServerTls};
use lodewire_net::websocket::{
    Client, ClientConfig, ClientEvent, CloseCode, CloseFrame, Config, DeflateOptions, Failure,
    HandshakeRejection, Limits, MessageKind, Origins, PeerState, Request, SendError, Server,
    ServerEvent, Settings, StatusCode, WebSocketUrl,
};
use lodewire_websocket::{IncomingRequest, ServerHandshake};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How long anything is waited for: it only ends a hang.
const PATIENCE: Duration = Duration::from_mins(5);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn listen(config: Config) -> Server {
    Server::listen(Bind::Address(HERE), 0, config).expect("a free port")
}

fn config() -> Config {
    Config { handshake_timeout: PATIENCE, ..Config::default() }
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
        timeout: PATIENCE,
    }
}

fn url(server: &Server, scheme: &str) -> WebSocketUrl {
    WebSocketUrl::parse(&format!("{scheme}://localhost:{}/play?room=1", server.local_port()))
        .expect("a URL")
}

fn connect(server: &Server, config: ClientConfig) -> Client {
    Client::connect(&url(server, "ws"), &[HERE], config).expect("it begins")
}

/// Polls both ends, and answers with what each told, until `done` says so.
fn run(
    server: &mut Server,
    client: &mut Client,
    mut done: impl FnMut(&mut Server, &Client, &[ServerEvent], &[ClientEvent]) -> bool,
) -> (Vec<ServerEvent>, Vec<ClientEvent>) {
    let end = Instant::now() + PATIENCE;
    let (mut told_server, mut told_client) = (Vec::new(), Vec::new());
    loop {
        server.poll();
        told_server.extend(std::iter::from_fn(|| server.next_event()));
        client.poll();
        told_client.extend(std::iter::from_fn(|| client.next_event()));
        if done(server, client, &told_server, &told_client) {
            return (told_server, told_client);
        }
        assert!(Instant::now() < end, "{told_server:?} {told_client:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The server's id of its first client, once both ends are told.
fn join(server: &mut Server, client: &mut Client) -> i32 {
    let (told, _) = run(server, client, |_, _, server, client| {
        !server.is_empty() && client.contains(&ClientEvent::Established)
    });
    let [ServerEvent::Connected(id)] = told[..] else { unreachable!("{told:?}") };
    id
}

/// Sends messages both ways, then closes from the client.
fn exchange(server: &mut Server, client: &mut Client) {
    let id = join(server, client);
    let peer = server.peer(id).expect("it is there").clone();
    let to_server = client.peer().expect("it is there").clone();
    let text = "{\"x\": 1.5, \"y\": 2.5} ".repeat(500).into_bytes();
    for payload in [&text[..], b"", b"short", &text[..1000]] {
        to_server.send(MessageKind::Text, payload.to_vec()).expect("room");
        peer.send(MessageKind::Binary, payload.to_vec()).expect("room");
        server.broadcast(MessageKind::Binary, payload.to_vec(), &[]);
    }
    run(server, client, |_, _, _, _| peer.available() == 4 && to_server.available() == 8);
    for payload in [&text[..], b"", b"short", &text[..1000]] {
        let message = peer.receive().expect("four");
        assert_eq!((message.kind, message.payload.as_slice()), (MessageKind::Text, payload));
        for _ in 0..2 {
            let message = to_server.receive().expect("eight");
            assert_eq!((message.kind, message.payload.as_slice()), (MessageKind::Binary, payload));
        }
    }
    assert_eq!(peer.buffered_amount() + to_server.buffered_amount(), 0, "all is accounted for");
    to_server.close(CloseCode(4000), "done");
    let (told_server, told_client) =
        run(server, client, |_, _, server, client| server.len() == 2 && client.len() == 1);
    assert!(
        matches!(&told_server[0], ServerEvent::CloseRequest { close, .. } if close.reason == "done")
    );
    assert_eq!(told_server[1], ServerEvent::Disconnected { id, clean: true });
    assert_eq!(told_client, [ClientEvent::Closed { clean: true }]);
}

#[test]
fn a_client_and_a_server_exchange_messages() {
    let settings = Settings::default();
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&settings));
    exchange(&mut server, &mut client);
}

#[test]
fn messages_are_compressed_where_both_agree() {
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
        // Where one does not, they go as they are.
        let mut client = connect(&server, client_config(&Settings::default()));
        exchange(&mut server, &mut client);
    }
}

#[test]
fn tls_carries_it_and_a_stranger_is_not_trusted() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let (key, pem) = (made.signing_key.serialize_pem(), made.cert.pem());
    let tls = ServerTls::from_pem(&key, &pem, "").expect("a pair");
    let settings = Settings::default();
    let mut server = listen(Config { tls: Some(tls), ..with(&settings) });
    for trust in [Trust::Given(&pem), Trust::Anyone] {
        let tls = Some(ClientTls::new(trust).expect("a trust"));
        let config = ClientConfig { tls, ..client_config(&settings) };
        let mut client = Client::connect(&url(&server, "wss"), &[HERE], config).expect("it begins");
        exchange(&mut server, &mut client);
    }
    let tls = Some(ClientTls::new(Trust::Authorities("")).expect("a trust"));
    let config = ClientConfig { tls, ..client_config(&settings) };
    let mut client = Client::connect(&url(&server, "wss"), &[HERE], config).expect("it begins");
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    let [ClientEvent::Failed(Failure { message: why, .. })] = &told[..] else {
        unreachable!("{told:?}")
    };
    assert_eq!(why, "the certificate is not accepted: nobody who is trusted has signed it");
    // One that is for another name.
    let other = format!("wss://127.0.0.1:{}/", server.local_port());
    let other = WebSocketUrl::parse(&other).expect("a URL");
    let tls = Some(ClientTls::new(Trust::Given(&pem)).expect("a trust"));
    let config = ClientConfig { tls, ..client_config(&settings) };
    let mut client = Client::connect(&other, &[HERE], config).expect("it begins");
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    let [ClientEvent::Failed(Failure { message: why, .. })] = &told[..] else {
        unreachable!("{told:?}")
    };
    assert_eq!(why, "the certificate is not accepted: it is for another name");
    // A client without TLS.
    let mut client = connect(&server, client_config(&settings));
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    assert_eq!(told, [failed("the server speaks TLS at this port: connect with wss://")]);
    // A client with TLS at a server without.
    let mut server = listen(with(&settings));
    let tls = Some(ClientTls::new(Trust::Anyone).expect("a trust"));
    let config = ClientConfig { tls, ..client_config(&settings) };
    let mut client = Client::connect(&url(&server, "wss"), &[HERE], config).expect("it begins");
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    let why = "the other side does not speak TLS at this port; if it is a server of ws://, connect with ws://";
    assert_eq!(told, [failed(why)]);
}

#[test]
fn the_game_says_who_comes_in() {
    let mut server = listen(Config { hold_requests: true, max_pending_requests: 1, ..config() });
    let mut client = connect(&server, client_config(&Settings::default()));
    let (told, _) = run(&mut server, &mut client, |_, _, told, _| !told.is_empty());
    let [ServerEvent::Request(request)] = &told[..] else { unreachable!("{told:?}") };
    assert_eq!(request.request().path(), "/play");
    assert_eq!(request.request().query(), "room=1");
    // A second one finds no place to wait.
    let mut second = connect(&server, client_config(&Settings::default()));
    let (_, refused) = run(&mut server, &mut second, |_, _, _, told| !told.is_empty());
    let [ClientEvent::Failed(Failure { message: why, .. })] = &refused[..] else {
        unreachable!("{refused:?}")
    };
    assert!(why.contains("503"), "{why}");
    assert!(request.accept(Vec::new()));
    assert!(!request.accept(Vec::new()), "once");
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("it is there");
    assert_eq!(peer.request().map(Request::path), Some("/play"));
    // The next is refused, and one whose request is dropped as well.
    for status in [Some(StatusCode::Other(429)), None] {
        let mut client = connect(&server, client_config(&Settings::default()));
        let (mut told, _) = run(&mut server, &mut client, |_, _, told, _| !told.is_empty());
        let Some(ServerEvent::Request(request)) = told.pop() else { unreachable!("{told:?}") };
        if let Some(status) = status {
            assert!(request.reject(HandshakeRejection::new(status, "no".to_owned())));
        }
        drop(request);
        let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
        let [ClientEvent::Failed(Failure { message: why, .. })] = &told[..] else {
            unreachable!("{told:?}")
        };
        assert!(why.contains(if status.is_some() { "429" } else { "403" }), "{why}");
    }
    // One that leaves while it waits frees its place.
    let mut client = connect(&server, client_config(&Settings::default()));
    let (told, _) = run(&mut server, &mut client, |_, _, told, _| !told.is_empty());
    let [ServerEvent::Request(request)] = &told[..] else { unreachable!("{told:?}") };
    drop(client);
    let end = Instant::now() + PATIENCE;
    while request.is_pending() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(!request.is_pending() && !request.accept(Vec::new()));
}

#[test]
fn the_clock_of_a_request_stands_still_while_the_game_thinks() {
    let mut server = listen(Config { hold_requests: true, ..config() });
    // Where the machine is slow, a request may need more time than there is: it is asked for again, with twice as much.
    let mut timeout = Duration::from_millis(500);
    let (_client, request) = loop {
        server.set_handshake_timeout(timeout);
        let mut client = connect(&server, client_config(&Settings::default()));
        let (mut told, _) = run(&mut server, &mut client, |_, _, server, client| {
            !server.is_empty() || !client.is_empty()
        });
        if let Some(ServerEvent::Request(request)) = told.pop() {
            break (client, request);
        }
        timeout *= 2;
    };
    // One that has come after it, and asks nothing, has used up its time.
    let mut silent = std::net::TcpStream::connect((HERE, server.local_port())).expect("it listens");
    silent.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut answer = [0; 13];
    std::io::Read::read_exact(&mut silent, &mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408 ");
    assert!(request.is_pending());
    assert!(request.accept(Vec::new()));
}

#[test]
fn origins_and_a_full_house_are_refused() {
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
        let (_, told) = run(&mut server, &mut other, |_, _, _, told| !told.is_empty());
        let [ClientEvent::Failed(Failure { message: why, .. })] = &told[..] else {
            unreachable!("{told:?}")
        };
        assert!(why.contains(status), "{why}");
    }
}

#[test]
fn a_heartbeat_measures_and_finds_the_dead() {
    let settings = Settings { heartbeat: Some(Duration::from_secs(1)), ..Settings::default() };
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("it is there").clone();
    assert_eq!(peer.round_trip(), None);
    run(&mut server, &mut client, |_, _, _, _| peer.round_trip().is_some());
    assert!(peer.round_trip() < Some(PATIENCE));
    drop(client);
    // A peer that has opened and then says nothing.
    let mut dead = std::net::TcpStream::connect((HERE, server.local_port())).expect("it listens");
    let ask = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    std::io::Write::write_all(&mut dead, ask.as_bytes()).expect("sent");
    let end = Instant::now() + PATIENCE;
    let mut told = Vec::new();
    while told.len() < 3 && Instant::now() < end {
        server.poll();
        told.extend(std::iter::from_fn(|| server.next_event()));
        std::thread::sleep(Duration::from_millis(1));
    }
    while !matches!(told.last(), Some(ServerEvent::Disconnected { clean: false, .. })) {
        assert!(Instant::now() < end, "{told:?}");
        server.poll();
        told.extend(std::iter::from_fn(|| server.next_event()));
    }
}

#[test]
fn who_has_closed_hears_nothing_more_and_the_end_is_clean() {
    let mut server = listen(config());
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("it is there").clone();
    let to_server = client.peer().expect("it is there").clone();
    to_server.send(MessageKind::Text, b"one".to_vec()).expect("room");
    to_server.send(MessageKind::Text, b"two".to_vec()).expect("room");
    to_server.close(CloseCode::NORMAL, "");
    // The game reads after the poll in which it was told, as scripts do that poll at the start of a frame.
    run(&mut server, &mut client, |_, _, told, _| told.len() == 3);
    assert_eq!(peer.state(), PeerState::Closing);
    for message in peer.receive_all() {
        peer.send(message.kind, message.payload).expect("it is still taken");
    }
    let (_, told) = run(&mut server, &mut client, |_, _, server, client| {
        !server.is_empty() && client.last() == Some(&ClientEvent::Closed { clean: true })
    });
    // The answers go out before the Close, and the client has closed.
    assert_eq!(told, [ClientEvent::Closed { clean: true }]);
    assert_eq!(to_server.available(), 0);
    assert_eq!(peer.send(MessageKind::Text, Vec::new()), Err(SendError::NotOpen));
}

#[test]
fn a_game_that_does_not_read_delays_the_close_no_longer_than_it_may() {
    let settings = Settings { close_timeout: Duration::from_millis(100), ..Settings::default() };
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&settings));
    join(&mut server, &mut client);
    let to_server = client.peer().expect("it is there").clone();
    to_server.send(MessageKind::Text, b"unread".to_vec()).expect("room");
    let start = Instant::now();
    to_server.close(CloseCode::NORMAL, "");
    while client.peer().is_some_and(|peer| peer.state() != PeerState::Closed) {
        // Nobody polls the server.
        client.poll();
        while client.next_event().is_some() {}
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn what_comes_with_the_answer_is_not_lost() {
    // A server that has said all before the client was told that it is there.
    let listener = std::net::TcpListener::bind((HERE, 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let target = WebSocketUrl::parse(&format!("ws://localhost:{port}")).expect("a URL");
    let mut client =
        Client::connect(&target, &[HERE], client_config(&Settings::default())).expect("it begins");
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
    let mut told = Vec::new();
    let end = Instant::now() + PATIENCE;
    while told.len() < 3 && Instant::now() < end {
        client.poll();
        told.extend(std::iter::from_fn(|| client.next_event()));
    }
    let close = CloseFrame { code: CloseCode::NO_STATUS, reason: String::new() };
    let wanted = [ClientEvent::Established, ClientEvent::Data, ClientEvent::CloseRequest(close)];
    assert_eq!(told, wanted);
}

#[test]
fn a_message_over_the_limit_closes_with_1009() {
    let limits = Limits { in_bytes: 1000, ..Limits::default() };
    let mut server = listen(with(&Settings { limits, ..Settings::default() }));
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let to_server = client.peer().expect("it is there").clone();
    to_server.send(MessageKind::Binary, vec![0; 1000]).expect("room");
    to_server.send(MessageKind::Binary, vec![0; 1001]).expect("room");
    let peer = server.peer(id).expect("it is there").clone();
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
fn too_much_for_a_peer_drops_it_where_that_is_asked_for() {
    let limits = Limits { out_bytes: 1000, ..Limits::default() };
    let settings = Settings { limits, disconnect_on_overflow: true, ..Settings::default() };
    let mut server = listen(with(&settings));
    let mut client = connect(&server, client_config(&Settings::default()));
    let id = join(&mut server, &mut client);
    let peer = server.peer(id).expect("it is there").clone();
    assert_eq!(peer.send(MessageKind::Binary, vec![0; 2000]), Err(SendError::Full));
    let (told, _) = run(&mut server, &mut client, |_, _, told, _| !told.is_empty());
    assert_eq!(told, [ServerEvent::Disconnected { id, clean: false }]);
}

#[test]
fn a_client_finds_the_family_that_answers() {
    let mut server = listen(config());
    let nobody = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let config = client_config(&Settings::default());
    let mut client =
        Client::connect(&url(&server, "ws"), &[nobody, HERE], config).expect("it begins");
    join(&mut server, &mut client);
}

/// A failure without an answer of HTTP.
fn failed(why: &str) -> ClientEvent {
    ClientEvent::Failed(Failure { message: why.to_owned(), ..Failure::default() })
}

#[test]
fn a_refusal_tells_its_status_and_reason() {
    let mut server = listen(Config { max_clients: 0, ..config() });
    let mut client = connect(&server, client_config(&Settings::default()));
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    let [ClientEvent::Failed(failure)] = &told[..] else { unreachable!("{told:?}") };
    assert_eq!((failure.status, failure.reason.as_str()), (Some(503), "the server is full"));
    assert!(failure.message.contains("503 the server is full"), "{}", failure.message);
}

#[test]
fn what_cannot_be_reached_is_told() {
    let mut server = listen(config());
    // The port of a connection, so that nobody else may listen there.
    let busy = std::net::TcpStream::connect((HERE, server.local_port())).expect("it listens");
    let nobody = busy.local_addr().expect("connected").port();
    let target = WebSocketUrl::parse(&format!("ws://localhost:{nobody}")).expect("a URL");
    let config = client_config(&Settings::default());
    let mut client = Client::connect(&target, &[HERE], config.clone()).expect("it begins");
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    assert_eq!(
        told,
        [failed(&format!("connection refused: no server listens at localhost:{nobody}"))]
    );
    // Somebody who accepts and says nothing.
    let silent = std::net::TcpListener::bind((HERE, 0)).expect("a port");
    let port = silent.local_addr().expect("bound").port();
    let target = WebSocketUrl::parse(&format!("ws://localhost:{port}")).expect("a URL");
    let config = ClientConfig { timeout: Duration::from_millis(100), ..config };
    let mut client = Client::connect(&target, &[HERE], config).expect("it begins");
    let (_, told) = run(&mut server, &mut client, |_, _, _, told| !told.is_empty());
    assert_eq!(told, [failed("the server did not answer in time")]);
}

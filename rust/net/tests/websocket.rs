//! A server on real sockets, with clients made of a `TcpStream` and the protocol crate.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::websocket::{
    CloseCode, CloseFrame, Config, Limits, MessageKind, OutgoingMessage, Peer, PeerState,
    SendError, Server, ServerEvent, Settings,
};
use lodewire_websocket::{Connection, Event, Message};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);
const KEY: [u8; 4] = [1, 2, 3, 4];

fn config() -> Config {
    Config { handshake_timeout: TIMEOUT, ..Config::default() }
}

fn limited(limits: Limits) -> Config {
    Config { settings: Settings { limits, ..Settings::default() }, ..config() }
}

fn listen(config: Config) -> Server {
    Server::listen(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, config).expect("a free port")
}

/// Polls until `wanted` returns a value.
fn until<T>(what: &str, mut wanted: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = wanted() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the events of the next poll that has any.
fn events(server: &mut Server) -> Vec<ServerEvent> {
    until("an event", || {
        server.poll();
        let events: Vec<_> = std::iter::from_fn(|| server.next_event()).collect();
        (!events.is_empty()).then_some(events)
    })
}

fn connected(server: &mut Server) -> Rc<Peer> {
    let events = events(server);
    let [ServerEvent::Connected(id)] = events[..] else {
        unreachable!("one client connects: {events:?}");
    };
    Rc::clone(server.peer(id).expect("the peer exists"))
}

/// A client after its handshake.
struct Client {
    stream: TcpStream,
    codec: Connection,
}

fn request(stream: &mut TcpStream, lines: &str) -> String {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("sent");
    answer(stream)
}

/// Reads an HTTP header section.
fn answer(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    String::from_utf8(answer).expect("ASCII")
}

fn dial(server: &Server) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens")
}

impl Client {
    fn connect(server: &Server) -> Self {
        let mut stream = dial(server);
        let answer = request(&mut stream, "");
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self { stream, codec: Connection::client(usize::MAX >> 1, || Some(KEY)) }
    }

    fn send(&mut self, message: Message<'_>) {
        let mut out = Vec::new();
        self.codec.send(message, &mut out);
        self.stream.write_all(&out).expect("sent");
    }

    fn close(&mut self, code: CloseCode, reason: &str) {
        let mut out = Vec::new();
        self.codec.close(code, reason, &mut out);
        self.stream.write_all(&out).expect("sent");
    }

    /// Returns the events until the end of the stream, each as a line.
    fn read_to_end(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("an orderly end");
        let mut seen = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (used, event) = self.codec.receive(&mut bytes[at..]).expect("valid frames");
            at += used;
            seen.extend(event.map(|event| match event {
                Event::Message { kind, payload } => format!("{kind:?} {}", payload.len()),
                Event::Ping(payload) => format!("Ping {}", payload.len()),
                Event::Pong(payload) => format!("Pong {}", payload.len()),
                Event::Close(close) => format!("Close {} {}", close.code, close.reason),
            }));
        }
        seen
    }
}

#[test]
fn messages_go_both_ways_and_a_close_is_clean() {
    let mut server = listen(config());
    let mut client = Client::connect(&server);
    let peer = connected(&mut server);
    assert_eq!(peer.remote(), client.stream.local_addr().expect("connected"));
    client.send(Message::Text("hello"));
    client.send(Message::Binary(&vec![7; 200_000]));
    client.send(Message::Binary(b""));
    client.close(CloseCode(4001), "that is all");

    let id = peer.id();
    let mut seen = Vec::new();
    until("the end", || {
        server.poll();
        while let Some(event) = server.next_event() {
            // The peer can be accessed while its end is reported.
            assert!(server.peer(id).is_some(), "{event:?}");
            seen.push(event);
        }
        server.peer(id).is_none().then_some(())
    });
    let close = CloseFrame { code: CloseCode(4001), reason: "that is all".to_owned() };
    assert_eq!(
        seen,
        [
            ServerEvent::Data(id),
            ServerEvent::Data(id),
            ServerEvent::Data(id),
            ServerEvent::CloseRequest { id, close: close.clone() },
            ServerEvent::Disconnected { id, clean: true },
        ]
    );
    // Unread messages can still be read.
    assert_eq!(peer.state(), PeerState::Closed);
    assert_eq!(peer.close_frame(), Some(close));
    let received: Vec<_> =
        std::iter::from_fn(|| peer.receive()).map(|m| (m.kind, m.payload.len())).collect();
    let wanted = [(MessageKind::Text, 5), (MessageKind::Binary, 200_000), (MessageKind::Binary, 0)];
    assert_eq!(received, wanted);
    assert_eq!(peer.send(OutgoingMessage::Text(String::new())), Err(SendError::NotOpen));
    assert_eq!(client.read_to_end(), ["Close 4001 "]);
}

#[test]
fn messages_sent_before_a_close_arrive_before_it() {
    let mut server = listen(config());
    let mut client = Client::connect(&server);
    let peer = connected(&mut server);
    for len in [0, 65_535, 65_536] {
        peer.send(OutgoingMessage::Binary(vec![1; len])).expect("queue space");
    }
    peer.close(CloseCode::NORMAL, "enough");
    assert_eq!(peer.state(), PeerState::Closing);
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        let mut seen = Vec::new();
        loop {
            let len = client.stream.read(&mut bytes).expect("no reset");
            let mut at = 0;
            while at < len {
                let (used, event) = client.codec.receive(&mut bytes[at..len]).expect("frames");
                at += used;
                match event {
                    Some(Event::Message { payload, .. }) => seen.push(payload.len()),
                    Some(Event::Close(close)) => {
                        client.close(close.code, "");
                        return (seen, close);
                    }
                    _ => {}
                }
            }
        }
    });
    let (seen, close) = reader.join().expect("no panic");
    assert_eq!(seen, [0, 65_535, 65_536]);
    assert_eq!((close.code, close.reason.as_str()), (CloseCode::NORMAL, "enough"));
    let reported = events(&mut server);
    assert_eq!(reported, [ServerEvent::Disconnected { id: peer.id(), clean: true }]);
}

#[test]
fn a_full_inbox_blocks_the_sender_and_loses_nothing() {
    const MESSAGES: u32 = 20_000;
    let limits = Limits { in_packets: 16, ..Limits::default() };
    let mut server = listen(limited(limits));
    let mut client = Client::connect(&server);
    let peer = connected(&mut server);
    let sender = std::thread::spawn(move || {
        let mut out = Vec::new();
        for i in 0..MESSAGES {
            client.codec.send(Message::Binary(&i.to_be_bytes()), &mut out);
        }
        client.stream.write_all(&out).expect("sent");
        client
    });
    until("a full inbox", || {
        server.poll();
        while server.next_event().is_some() {}
        (peer.available() == 16).then_some(())
    });
    let mut next = 0;
    until("the last message", || {
        server.poll();
        while server.next_event().is_some() {}
        // However long the game does not read, the inbox stays within its limit.
        assert!(peer.available() <= 16);
        while let Some(message) = peer.receive() {
            assert_eq!(message.payload, u32::to_be_bytes(next));
            next += 1;
        }
        (next == MESSAGES).then_some(())
    });
    drop(sender.join().expect("no panic"));
    let reported = events(&mut server);
    assert_eq!(reported, [ServerEvent::Disconnected { id: peer.id(), clean: false }]);
    assert_eq!(peer.close_frame().expect("closed").code, CloseCode::ABNORMAL);
}

#[test]
fn sending_to_a_peer_that_does_not_read_fails_at_the_limit() {
    let limits = Limits { out_bytes: 1 << 20, ..Limits::default() };
    let mut server = listen(limited(limits));
    let client = Client::connect(&server);
    let peer = connected(&mut server);
    let error =
        until("a full queue", || peer.send(OutgoingMessage::Binary(vec![0; 100_000])).err());
    assert_eq!(error, SendError::Full);
    assert!(peer.buffered_amount() <= 1 << 20);
    assert_eq!(peer.state(), PeerState::Open, "a full queue does not close the connection");
    drop(client);
    let reported = events(&mut server);
    assert_eq!(reported, [ServerEvent::Disconnected { id: peer.id(), clean: false }]);
}

#[test]
fn hostile_bytes_are_answered_and_the_connection_closed() {
    let mut server = listen(config());
    let endless = vec![b'A'; 1_000_000];
    let answers: [(&[u8], &str); 3] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "),
        (b"\x16\x03\x01 a TLS hello", "HTTP/1.1 400 "),
        (&endless, "HTTP/1.1 431 "),
    ];
    for (bytes, status) in answers {
        let mut stream = dial(&server);
        stream.write_all(bytes).expect("sent");
        let answer = answer(&mut stream);
        assert!(answer.starts_with(status), "{answer}");
    }
    // A frame that claims 2^63 bytes, then one of 2^63 - 1: rejected by their headers.
    for (claim, code) in [(1_u64 << 63, 1002), ((1 << 63) - 1, 1009)] {
        let mut client = Client::connect(&server);
        let peer = connected(&mut server);
        let header = [&[0x82, 0xFF][..], &claim.to_be_bytes(), &KEY].concat();
        client.stream.write_all(&header).expect("sent");
        let reported = events(&mut server);
        assert_eq!(reported, [ServerEvent::Disconnected { id: peer.id(), clean: false }]);
        assert_eq!(peer.close_frame().expect("closed").code.0, code);
        let seen = client.read_to_end();
        assert!(seen[0].starts_with(&format!("Close {code}")), "{seen:?}");
    }
}

#[test]
fn a_flood_of_pings_of_a_peer_that_does_not_read_costs_one_answer() {
    let mut server = listen(config());
    let mut client = Client::connect(&server);
    let peer = connected(&mut server);
    client.stream.set_nonblocking(true).expect("a socket");
    let mut pings = Vec::new();
    for _ in 0..1000 {
        client.codec.ping(&[0; 125], &mut pings);
    }
    // Only whole frames, so that the stream stays valid.
    let end = Instant::now() + TIMEOUT;
    let mut at = 0;
    let mut sent = 0;
    // More than the socket buffers hold: the server still reads.
    while sent < 32 << 20 && Instant::now() < end {
        if let Ok(len) = client.stream.write(&pings[at..]) {
            sent += len;
            at = (at + len) % pings.len();
        }
    }
    assert!(sent >= 32 << 20, "the server has stopped reading after {sent} bytes");
    assert!(peer.buffered_amount() < 4 << 20, "{} bytes wait", peer.buffered_amount());
    // The peer is still served.
    peer.send(OutgoingMessage::Text("hello".to_owned())).expect("queue space");
}

#[test]
fn a_silent_client_is_dropped_after_the_handshake_timeout() {
    let server = listen(Config { handshake_timeout: Duration::from_millis(200), ..config() });
    let start = Instant::now();
    let mut silent = dial(&server);
    let mut slow = dial(&server);
    // If this thread was preempted, the timeout may have passed.
    let _ = slow.write_all(b"GET / HTT");
    for stream in [&mut silent, &mut slow] {
        let answer = answer(stream);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
}

#[test]
fn unsupported_sub_protocols_and_refused_connections_are_rejected() {
    let server = listen(Config { protocols: vec!["b".into(), "a".into()], ..config() });
    let lines = "Sec-WebSocket-Protocol: x, a, b\r\n";
    let answer = request(&mut dial(&server), lines);
    assert!(answer.contains("\r\nSec-WebSocket-Protocol: a\r\n"), "{answer}");
    assert!(request(&mut dial(&server), "").starts_with("HTTP/1.1 400 "));
    server.set_refusing(true);
    assert!(request(&mut dial(&server), lines).starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_dropped_server_sends_close_frames_and_frees_its_port() {
    let mut server = listen(config());
    let mut client = Client::connect(&server);
    let peer = connected(&mut server);
    client.send(Message::Text("unread"));
    // The pong shows that the server has read the message before it.
    let mut ping = Vec::new();
    client.codec.ping(b"", &mut ping);
    client.stream.write_all(&ping).expect("sent");
    client.stream.read_exact(&mut [0; 2]).expect("a pong");
    peer.send(OutgoingMessage::Text("last".to_owned())).expect("queue space");
    let port = server.local_port();
    drop(server);
    assert_eq!(peer.state(), PeerState::Closed);
    assert_eq!(client.read_to_end(), ["Text 4", "Close 1000 "]);
    // A message that arrived before the end is readable without a poll.
    assert_eq!(peer.receive().map(|message| message.payload), Some(b"unread".to_vec()));
    let again = Server::listen(Bind::Address(Ipv4Addr::LOCALHOST.into()), port, config());
    assert!(again.is_ok(), "{again:?}");
}

#[test]
fn a_removed_peer_has_no_further_events() {
    let mut server = listen(config());
    let mut client = Client::connect(&server);
    let peer = connected(&mut server);
    let mut other = Client::connect(&server);
    let kept = connected(&mut server);
    client.send(Message::Text("unread"));
    server.forget(peer.id());
    assert!(server.peer(peer.id()).is_none());
    assert_eq!(peer.state(), PeerState::Closed);
    other.send(Message::Text("I am here"));
    assert_eq!(events(&mut server), [ServerEvent::Data(kept.id())]);
}

#[test]
fn a_thousand_simultaneous_clients_are_all_connected() {
    const CLIENTS: usize = 1000;
    // On a slow machine the last connects long after the first.
    let mut server = listen(Config { handshake_timeout: 10 * TIMEOUT, ..config() });
    let mut streams: Vec<_> = (0..CLIENTS).map(|_| dial(&server)).collect();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    for stream in &mut streams {
        stream.write_all(request.as_bytes()).expect("sent");
    }
    let mut ids = std::collections::HashSet::new();
    while ids.len() < CLIENTS {
        for event in events(&mut server) {
            let ServerEvent::Connected(id) = event else { unreachable!("{event:?}") };
            assert!(id > 1 && ids.insert(id), "a unique id");
        }
    }
    drop(streams);
    let mut gone = 0;
    while gone < CLIENTS {
        gone += events(&mut server).len();
    }
}

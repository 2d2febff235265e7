//! Buffered data and slots while the game does not poll: per peer, and of all peers together.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::websocket::{
    CloseCode, Config, Limits, OutgoingMessage, Server, ServerEvent, Settings,
};
use lodewire_websocket::{Connection, Event, FrameHeader, Opcode, apply_mask};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const KEY: [u8; 4] = [1, 2, 3, 4];

fn config() -> Config {
    Config { handshake_timeout: TIMEOUT, ..Config::default() }
}

fn listen(config: Config) -> Server {
    Server::listen(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, config).expect("a free port")
}

/// Sends a request. Returns the stream, and the status of the response unless the timeout has passed.
fn send_request(server: &Server, timeout: Duration) -> (TcpStream, Option<String>) {
    let mut stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens");
    stream.write_all(REQUEST).expect("sent");
    stream.set_read_timeout(Some(timeout)).expect("a timeout");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => answer.push(byte[0]),
            _ => return (stream, None),
        }
    }
    let answer = String::from_utf8(answer).expect("ASCII");
    (stream, answer.split(' ').nth(1).map(str::to_owned))
}

fn join(server: &Server) -> TcpStream {
    let (stream, status) = send_request(server, TIMEOUT);
    assert_eq!(status.as_deref(), Some("101"));
    stream
}

/// Waits until a condition holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A masked frame.
fn frame(fin: bool, claimed: usize, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        fin,
        rsv1: false,
        opcode: Opcode::Binary,
        mask: Some(KEY),
        payload_len: claimed as u64,
    };
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    apply_mask(&mut bytes[start..], KEY, 0);
    bytes
}

/// Writes as much as the peer accepts without blocking for long; nothing after a reset.
fn write_until_blocked(stream: &mut TcpStream, bytes: &[u8]) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(len) => written += len,
            Err(_) => break,
        }
    }
    written
}

/// Returns the code of the received Close frame, if any.
fn close_code(stream: &mut TcpStream) -> Option<CloseCode> {
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    let mut codec = Connection::client(1 << 20, || Some(KEY));
    let mut bytes = [0; 512];
    let len = stream.read(&mut bytes).ok()?;
    match codec.receive(&mut bytes[..len]).ok()?.1? {
        Event::Close(close) => Some(close.code),
        _ => None,
    }
}

#[test]
fn a_slot_is_free_once_the_end_of_its_peer_was_reported() {
    let mut server = listen(Config { max_clients: 2, ..config() });
    // Peers connect, send and disconnect while the game does not poll: as many as there are slots may reconnect at
    // once.
    for gone in 1..=4 {
        let mut peer = join(&server);
        peer.write_all(&frame(true, 5, b"hello")).expect("sent");
        drop(peer);
        until("its end is noticed", || server.departing() == gone);
    }
    for _ in 0..20 {
        let (_, status) = send_request(&server, TIMEOUT);
        assert_eq!(status.as_deref(), Some("503"));
    }
    let mut ends = 0;
    until("both ends are reported", || {
        server.poll();
        while let Some(event) = server.next_event() {
            ends += usize::from(matches!(event, ServerEvent::Disconnected { .. }));
        }
        ends == 4
    });
    // Connected peers keep others out; departing ones do not.
    let stay = [join(&server), join(&server)];
    assert_eq!(send_request(&server, TIMEOUT).1.as_deref(), Some("503"));
    drop(stay);
    until("their ends are noticed", || server.departing() == 2);
    join(&server);
}

#[test]
fn a_peer_that_closes_with_its_request_frees_its_slot() {
    let mut server = listen(Config { max_clients: 1, ..config() });
    for _ in 0..20 {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        stream.write_all(&REQUEST[..40]).expect("sent");
        // So that the rest and the end mostly arrive together.
        std::thread::sleep(Duration::from_millis(5));
        stream.write_all(&REQUEST[40..]).expect("sent");
        stream.shutdown(Shutdown::Write).expect("shut");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        let mut answer = Vec::new();
        // A reset is also an end.
        let _ = stream.read_to_end(&mut answer);
        until("the place is free", || {
            server.poll();
            while server.next_event().is_some() {}
            server.peer_slots() == 0
        });
    }
    join(&server);
}

#[test]
fn a_request_that_arrives_with_the_end_of_the_connection_is_not_held() {
    let mut server = listen(Config { hold_requests: true, max_pending_requests: 1, ..config() });
    for _ in 0..20 {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens");
        stream.set_nodelay(true).expect("an option");
        stream.write_all(&REQUEST[..40]).expect("sent");
        // So that the rest and the end mostly arrive together.
        std::thread::sleep(Duration::from_millis(5));
        stream.write_all(&REQUEST[40..]).expect("sent");
        stream.shutdown(Shutdown::Write).expect("shut");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        // A reset is also an end.
        let timed_out = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(!end.as_ref().is_err_and(timed_out), "it waits: {end:?}");
        assert!(!answer.starts_with(b"HTTP/1.1 503"), "the one before has kept its place");
    }
    // The next request is held, and no other is reported.
    let (stream, status) = send_request(&server, Duration::from_millis(20));
    assert_eq!(status, None);
    let own = stream.local_addr().expect("connected");
    until("the request is reported", || {
        server.poll();
        std::iter::from_fn(|| server.next_event())
            .any(|event| matches!(event, ServerEvent::Request(request) if request.remote() == own))
    });
}

#[test]
fn a_request_of_a_disconnected_client_is_not_held() {
    let mut server = listen(Config { hold_requests: true, max_pending_requests: 1, ..config() });
    for _ in 0..5 {
        // It takes the slot of the last request, and frees it.
        let end = Instant::now() + TIMEOUT;
        while send_request(&server, Duration::from_millis(20)).1.is_some() {
            assert!(Instant::now() < end, "no place to wait");
        }
    }
    let mut waiting = send_request(&server, Duration::from_millis(20)).0;
    let mut reported = Vec::new();
    until("all but the last have disconnected", || {
        server.poll();
        reported.extend(std::iter::from_fn(|| server.next_event()));
        // A late response means that the request before it still had its slot.
        if reported.is_empty() && waiting.peek(&mut [0]).is_ok() {
            waiting = send_request(&server, Duration::from_millis(20)).0;
        }
        !reported.is_empty()
    });
    assert!(reported.len() <= 2, "{} of 6", reported.len());
    drop(waiting);
}

#[test]
fn the_receive_buffer_of_all_peers_is_bounded_and_nothing_is_lost() {
    const PEERS: usize = 16;
    const TOTAL: usize = 4 << 20;
    let limits = Limits { in_total: TOTAL, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let mut server = listen(Config { settings, ..config() });
    let message = frame(true, 16 << 10, &vec![7; 16 << 10]);
    let sent = message.repeat(64);
    // Each may send a megabyte: together more than the limit.
    let mut peers: Vec<_> = (0..PEERS).map(|_| (join(&server), 0)).collect();
    let most = TOTAL + PEERS * (128 << 10);
    for _ in 0..5 {
        for (stream, written) in &mut peers {
            *written += write_until_blocked(stream, &sent[*written..]);
            assert!(server.buffered_in() <= most, "{}", server.buffered_in());
        }
    }
    until("half of it is buffered", || server.buffered_in() >= TOTAL / 2);
    // When the game reads, the rest arrives.
    let (mut received, mut closed) = (0, 0);
    until("all has come", || {
        for (stream, written) in &mut peers {
            *written += write_until_blocked(stream, &sent[*written..]);
        }
        server.poll();
        while let Some(event) = server.next_event() {
            match event {
                ServerEvent::Data(id) => {
                    let message = server.peer(id).and_then(|peer| peer.receive());
                    assert_eq!(message.expect("a message").payload.len(), 16 << 10);
                    received += 1;
                }
                ServerEvent::Connected(_) => {}
                _ => closed += 1,
            }
        }
        received == PEERS * 64
    });
    assert_eq!(closed, 0);
    assert_eq!(server.buffered_in(), 0);
}

#[test]
fn the_longest_incomplete_message_is_dropped_at_the_limit() {
    const TOTAL: usize = 4 << 20;
    const LEN: usize = 900 << 10;
    let limits = Limits { in_total: TOTAL, ..Limits::default() };
    let settings = Settings { limits, close_timeout: Duration::ZERO, ..Settings::default() };
    let mut server = listen(Config { settings, ..config() });
    let begun = frame(true, 1 << 20, &vec![7; LEN]);
    let mut hostile: Vec<_> = (0..12)
        .map(|_| {
            let mut stream = join(&server);
            let written = write_until_blocked(&mut stream, &begun);
            (stream, written)
        })
        .collect();
    // A regular peer can still send.
    let mut honest = join(&server);
    honest.write_all(&frame(true, 300 << 10, &vec![8; 300 << 10])).expect("sent");
    honest.flush().expect("sent");
    let (mut refused, mut came) = (0, false);
    until("one message comes, and others make room", || {
        server.poll();
        while let Some(event) = server.next_event() {
            if let ServerEvent::Data(id) = event {
                let peer = server.peer(id).expect("the peer exists");
                came |= peer.receive().is_some_and(|message| message.payload.len() == 300 << 10);
            }
        }
        assert!(server.buffered_in() <= TOTAL + (2 << 20), "{}", server.buffered_in());
        for (stream, written) in &mut hostile {
            *written += write_until_blocked(stream, &begun[*written..]);
            refused += usize::from(close_code(stream) == Some(CloseCode::TRY_AGAIN_LATER));
        }
        came && refused >= 6
    });
}

#[test]
fn the_send_buffer_of_all_peers_is_bounded_and_readers_are_served() {
    const PEERS: usize = 16;
    const TOTAL: usize = 2 << 20;
    const MESSAGE: usize = 8 << 10;
    let limits = Limits { out_total: TOTAL, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let mut server = listen(Config { settings, ..config() });
    let silent: Vec<_> = (0..PEERS).map(|_| join(&server)).collect();
    until("all have connected", || {
        server.poll();
        while server.next_event().is_some() {}
        server.peers().count() == PEERS
    });
    // They do not read, until sending fails for all of them.
    let most = TOTAL + PEERS * (64 << 10);
    until("it is full", || {
        let reached = server.broadcast(OutgoingMessage::Binary(vec![1; MESSAGE]), &[]);
        assert!(server.buffered_out() <= most, "{}", server.buffered_out());
        reached == 0
    });
    assert!(server.buffered_out() >= TOTAL / 2);
    // A peer that reads.
    let known: Vec<_> = server.peers().map(|peer| peer.id()).collect();
    let mut reader = join(&server);
    let mut id = None;
    until("it has connected", || {
        server.poll();
        while server.next_event().is_some() {}
        id = server.peers().map(|peer| peer.id()).find(|id| !known.contains(id));
        id.is_some()
    });
    let peer = id.and_then(|id| server.peer(id)).expect("the peer exists");
    let mut came = vec![0; MESSAGE + 4];
    for _ in 0..100 {
        assert_eq!(peer.send(OutgoingMessage::Binary(vec![2; MESSAGE])), Ok(()));
        reader.read_exact(&mut came).expect("it comes");
    }
    drop((silent, reader));
    until("all have disconnected", || {
        server.poll();
        while server.next_event().is_some() {}
        server.peer_slots() == 0
    });
    assert_eq!(server.buffered_out(), 0);
}

#[test]
fn security_md_states_the_bounds() {
    let security = include_str!("../../../SECURITY.md").replace('\n', " ");
    let limits = Limits::default();
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let game =
        format!("have disconnected: {}, plus at most 128 KiB for each", mib(limits.in_total));
    assert!(security.contains(&game), "{game}");
    let network =
        format!("bounded in the same way, by {} plus 64 KiB for each", mib(limits.out_total));
    assert!(security.contains(&network), "{network}");
}

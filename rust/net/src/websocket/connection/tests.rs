use super::*;
use crate::websocket::OutgoingMessage;
use crate::websocket::endpoint::{EndpointShared, Key, Settings};
use lodewire_websocket::{DeflateOptions, Event};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const LATER: Duration = Duration::from_mins(1);
const READABLE: Readiness = Readiness { readable: true, read_closed: false, writable: true };

/// Returns an open connection of a server, and the client's stream.
fn open(deflate: bool) -> (Connection, TcpStream, Arc<PeerShared>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let client = TcpStream::connect(address).expect("it listens");
    let (stream, remote) = listener.accept().expect("a client");
    stream.set_nonblocking(true).expect("an option");
    let transport = Transport::new(mio::net::TcpStream::from_std(stream), None);
    let now = Instant::now();
    let handshake = ServerHandshake::new();
    let mut connection = Connection::accepted(transport, handshake, remote, false, now + LATER);
    let (_, request) = ServerHandshake::new().receive(REQUEST).expect("a request");
    let request = request.and_then(IncomingRequest::upgrade).expect("a complete request");
    let deflate = deflate.then(|| request.negotiate_deflate(&DeflateOptions::default()));
    let endpoint = Arc::new(EndpointShared::new(Settings::default()));
    let key = Key { slot: 0, generation: 1 };
    let peer = Arc::new(PeerShared::new(2, key, remote, None, Some(request), endpoint));
    let opened = Opened { peer: Arc::clone(&peer), deflate: deflate.flatten() };
    let mut buffer = vec![0; 1 << 16];
    let mut turn = Turn { now, buffer: &mut buffer, end: now + LATER };
    assert!(matches!(connection.open(Role::Server, opened, &[], &mut turn), Progress::Waiting));
    (connection, client, peer)
}

/// Serves a connection once, with or without time. Returns whether it has more to read, and how many
/// bytes it has decoded so far.
fn serve(connection: &mut Connection, peer: &PeerShared, time: Duration) -> (bool, u64) {
    let mut buffer = vec![0; 1 << 16];
    let now = Instant::now();
    let mut turn = Turn { now, buffer: &mut buffer, end: now + time };
    let progress = connection.on_ready(READABLE, &mut turn);
    (matches!(progress, Progress::MoreToRead), peer.endpoint.counters.stats().bytes_in)
}

fn serve_at(connection: &mut Connection, now: Instant) {
    let mut buffer = vec![0; 1 << 16];
    let mut turn = Turn { now, buffer: &mut buffer, end: Instant::now() + LATER };
    connection.on_ready(READABLE, &mut turn);
}

/// Returns `len` bytes of Pong frames, which are the cheapest to receive.
fn pongs(len: usize) -> Vec<u8> {
    [0x8A, 0x80, 1, 2, 3, 4].into_iter().cycle().take(len / 6 * 6).collect()
}

#[test]
fn a_peer_with_deflate_is_read_in_small_chunks() {
    for (deflate, most) in [(true, READS_PER_TURN * COMPRESSED_READ), (false, 16 << 16)] {
        let (mut connection, mut client, peer) = open(deflate);
        let sent = pongs(100_000);
        client.write_all(&sent).expect("sent");
        let mut decoded = 0;
        while decoded < sent.len() as u64 {
            let (_, so_far) = serve(&mut connection, &peer, LATER);
            assert!(so_far - decoded <= most as u64, "{so_far} - {decoded}, deflate: {deflate}");
            decoded = so_far;
        }
    }
}

#[test]
fn a_peer_without_time_left_waits_for_another_turn() {
    let (mut connection, mut client, peer) = open(true);
    client.write_all(&pongs(60)).expect("sent");
    assert_eq!(serve(&mut connection, &peer, Duration::ZERO), (true, 0));
    assert_eq!(serve(&mut connection, &peer, LATER), (false, 60));
}

#[test]
fn unsent_pongs_are_bounded() {
    let (mut connection, mut client, peer) = open(false);
    let count = 4000_u32;
    let mut pings = Vec::new();
    for number in 0..count {
        // A ping of 125 bytes with a mask of zeros.
        pings.extend([0x89, 0x80 | 125, 0, 0, 0, 0]);
        pings.extend(number.to_be_bytes());
        pings.extend([0; 121]);
    }
    // More than one turn reads.
    let mut sent = 0;
    client.set_nonblocking(true).expect("an option");
    let end = Instant::now() + LATER;
    while peer.endpoint.counters.stats().bytes_in < pings.len() as u64 {
        assert!(Instant::now() < end, "it is read");
        sent += client.write(&pings[sent..]).unwrap_or(0);
        serve(&mut connection, &peer, LATER);
        // The maximum of the queued bytes.
        assert!(
            connection.out.capacity() <= 4 * MAX_UNSENT_FOR_PONG,
            "{}",
            connection.out.capacity()
        );
    }
    // The last ping is answered, and earlier answers are in order.
    let mut codec = lodewire_websocket::Connection::client(1 << 20, || Some([0; 4]));
    let mut buffer = vec![0; 1 << 16];
    let mut filled = 0;
    let mut answered = Vec::new();
    while answered.last() != Some(&(count - 1)) {
        assert!(Instant::now() < end, "the latest is answered");
        serve(&mut connection, &peer, LATER);
        filled += client.read(&mut buffer[filled..]).unwrap_or(0);
        let (used, event) = codec.receive(&mut buffer[..filled]).expect("frames");
        if let Some(Event::Pong(payload)) = event {
            answered.push(u32::from_be_bytes(payload[..4].try_into().expect("four bytes")));
        }
        buffer.copy_within(used..filled, 0);
        filled -= used;
    }
    assert!(answered.is_sorted());
    assert_eq!(peer.buffered_out(), 0);
}

#[test]
fn a_few_pings_are_all_answered() {
    let (mut connection, mut client, peer) = open(false);
    client.write_all(&[0x89, 0x80, 0, 0, 0, 0].repeat(10)).expect("sent");
    while peer.endpoint.counters.stats().bytes_in < 60 {
        serve(&mut connection, &peer, LATER);
    }
    assert_eq!(peer.endpoint.counters.stats().bytes_out, 20);
}

/// Sends 8 MB and a Close frame to a peer that has not read anything.
fn close_after_much(connection: &mut Connection, peer: &PeerShared, now: Instant) -> usize {
    let mut buffer = vec![0; 1 << 16];
    let mut turn = Turn { now, buffer: &mut buffer, end: now + LATER };
    let key = peer.key;
    for _ in 0..128 {
        let command = Command::Send { key, message: OutgoingMessage::Binary(vec![1; 1 << 16]) };
        connection.handle_command(command, &mut turn);
    }
    let (code, reason) = (CloseCode::NORMAL, String::new());
    connection.handle_command(Command::Close { key, code, reason }, &mut turn);
    connection.flush(now);
    connection.out.len() - connection.written
}

#[test]
fn the_close_timeout_restarts_while_the_peer_reads() {
    let (mut connection, mut client, peer) = open(false);
    client.set_nonblocking(true).expect("an option");
    let mut now = Instant::now();
    let mut left = close_after_much(&mut connection, &peer, now);
    assert!(left > MIN_PROGRESS, "the system takes {left} bytes less");
    let mut codec = lodewire_websocket::Connection::client(1 << 20, || Some([0; 4]));
    let (mut received, mut close) = (0, None);
    let mut buffer = vec![0; 1 << 16];
    let end = Instant::now() + LATER;
    while close.is_none() && Instant::now() < end {
        let len = client.read(&mut buffer).unwrap_or(0);
        let mut used = 0;
        while used < len {
            let (more, event) = codec.receive(&mut buffer[used..len]).expect("frames");
            used += more;
            match event {
                Some(Event::Message { payload, .. }) => received += payload.len(),
                Some(Event::Close(frame)) => close = Some(frame),
                _ => {}
            }
        }
        serve_at(&mut connection, now);
        let rest = connection.out.len() - connection.written;
        if left - rest >= 4 * MIN_PROGRESS || rest == 0 && left > 0 {
            // It reads each part in two seconds.
            left = rest;
            now += Duration::from_secs(2);
        }
        if connection.deadline.is_some_and(|deadline| deadline <= now) {
            connection.on_timeout(now);
        }
    }
    assert_eq!(received, 8 << 20);
    assert_eq!(close.map(|close| close.code), Some(CloseCode::NORMAL));
    assert!(matches!(connection.phase, Phase::Open(_)), "its answer is waited for");
}

#[test]
fn a_peer_that_does_not_read_is_dropped_after_the_close_timeout() {
    let (mut connection, _client, peer) = open(false);
    let now = Instant::now();
    close_after_much(&mut connection, &peer, now);
    assert_eq!(connection.deadline, Some(now + CLOSE_HANDSHAKE_TIMEOUT));
    serve_at(&mut connection, now + CLOSE_HANDSHAKE_TIMEOUT / 2);
    assert_eq!(connection.deadline, Some(now + CLOSE_HANDSHAKE_TIMEOUT));
    connection.on_timeout(now + CLOSE_HANDSHAKE_TIMEOUT);
    assert!(matches!(connection.phase, Phase::Lingering { .. }));
}

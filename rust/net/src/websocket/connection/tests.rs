use super::*;
use crate::websocket::endpoint::{Endpoint, Key, Settings};
use lodewire_websocket::DeflateOptions;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const LATER: Duration = Duration::from_mins(1);
const READABLE: Readiness = Readiness { readable: true, ended: false, writable: true };

/// A connection of a server that is open, and the client's end of its stream.
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
    let (_, asked) = ServerHandshake::new().receive(REQUEST).expect("a request");
    let request = asked.and_then(Asked::upgrade).expect("a whole one");
    let deflate = deflate.then(|| request.negotiate_deflate(&DeflateOptions::default()));
    let endpoint = Arc::new(Endpoint::new(Settings::default()));
    let key = Key { slot: 0, serial: 1 };
    let peer = Arc::new(PeerShared::new(2, key, remote, None, Some(request), endpoint));
    let opened = Opened { peer: Arc::clone(&peer), deflate: deflate.flatten() };
    let mut buffer = vec![0; 1 << 16];
    let mut turn = Turn { now, buffer: &mut buffer, end: now + LATER };
    assert!(matches!(connection.open(Role::Server, opened, &[], &mut turn), Life::Waiting));
    (connection, client, peer)
}

/// Serves a connection once, with as much time as it likes or none. Returns whether it wants another turn, and how many
/// bytes it has decoded by then.
fn serve(connection: &mut Connection, peer: &PeerShared, time: Duration) -> (bool, u64) {
    let mut buffer = vec![0; 1 << 16];
    let now = Instant::now();
    let mut turn = Turn { now, buffer: &mut buffer, end: now + time };
    let life = connection.ready(READABLE, &mut turn);
    (matches!(life, Life::Ready), peer.endpoint.traffic.figures().bytes_in)
}

/// Pongs, which are the cheapest to receive: as many as `len` bytes have room for.
fn pongs(len: usize) -> Vec<u8> {
    [0x8A, 0x80, 1, 2, 3, 4].into_iter().cycle().take(len / 6 * 6).collect()
}

#[test]
fn a_peer_that_may_compress_is_read_in_small_pieces_between_which_others_have_their_turn() {
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
fn a_peer_whose_time_is_spent_waits_for_another_turn() {
    let (mut connection, mut client, peer) = open(true);
    client.write_all(&pongs(60)).expect("sent");
    assert_eq!(serve(&mut connection, &peer, Duration::ZERO), (true, 0));
    assert_eq!(serve(&mut connection, &peer, LATER), (false, 60));
}

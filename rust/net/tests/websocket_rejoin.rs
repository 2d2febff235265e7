//! A player who reconnects: the end of the old connection is reported before the new one.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::websocket::multiplayer::{MultiplayerEvent, PacketFormat, ServerMultiplayer};
use lodewire_net::websocket::{Config, Server, ServerEvent};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(1);
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// A message of one byte, with a mask of zeros.
const MESSAGE: &[u8] = &[0x82, 0x81, 0, 0, 0, 0, 7];
/// A Close frame with code 1000.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 3, 232];

fn join(server: &Server) -> TcpStream {
    let mut stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens");
    stream.write_all(REQUEST).expect("sent");
    stream.set_read_timeout(Some(TIMEOUT)).expect("an option");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A game that polls and then reads all packets, as the engine's SceneMultiplayer does.
struct Game {
    server: Server,
    multiplayer: Option<ServerMultiplayer>,
    /// The reported peers: connected (true) or disconnected.
    reported: Vec<(i32, bool)>,
}

impl Game {
    fn new(multiplayer: bool) -> Self {
        let bind = Bind::Address(Ipv4Addr::LOCALHOST.into());
        Self {
            server: Server::listen(bind, 0, Config::default()).expect("a free port"),
            multiplayer: multiplayer.then(|| ServerMultiplayer::new(PacketFormat::Godot4)),
            reported: Vec::new(),
        }
    }

    fn poll(&mut self) {
        let Some(multiplayer) = &mut self.multiplayer else {
            self.server.poll();
            while let Some(event) = self.server.next_event() {
                match event {
                    ServerEvent::Connected(id) => self.reported.push((id, true)),
                    ServerEvent::Disconnected { id, .. } => self.reported.push((id, false)),
                    _ => {}
                }
            }
            self.server.peers().for_each(|peer| drop(peer.receive_all()));
            return;
        };
        multiplayer.begin_poll(&mut self.server);
        while let Some(id) = multiplayer.next_departed() {
            self.reported.push((id, false));
        }
        self.server.poll();
        while let Some(event) = multiplayer.next_event(&mut self.server) {
            match event {
                MultiplayerEvent::Connected(id) => self.reported.push((id, true)),
                MultiplayerEvent::Disconnected(id) => self.reported.push((id, false)),
                _ => {}
            }
        }
        while multiplayer.receive().is_some() {}
    }

    fn poll_until(&mut self, reported: usize) {
        let end = Instant::now() + TIMEOUT;
        while self.reported.len() < reported {
            assert!(Instant::now() < end, "{:?}", self.reported);
            self.poll();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A client leaves with an unread packet, and reconnects before the next poll.
fn rejoin(multiplayer: bool, last_bytes: &[u8], is_reported_first: bool) {
    let mut game = Game::new(multiplayer);
    let mut old = join(&game.server);
    if is_reported_first {
        game.poll_until(1);
    }
    old.write_all(last_bytes).expect("sent");
    let ends = !last_bytes.ends_with(CLOSE);
    if ends {
        // Not closed: what the server has sent is unread, so that the system would reset the connection, and a reset
        // discards the packet on Windows.
        old.shutdown(Shutdown::Write).expect("connected");
    }
    // With a Close frame the packet has arrived; without one, also the end.
    let end = Instant::now() + TIMEOUT;
    while game.server.buffered_in() == 0 || (ends && game.server.departing() == 0) {
        assert!(Instant::now() < end, "it is noticed");
        std::thread::sleep(Duration::from_millis(1));
    }
    let _new = join(&game.server);
    game.poll_until(3);
    let reported: Vec<_> = game.reported.iter().map(|(_, connected)| *connected).collect();
    assert_eq!(reported, [true, false, true]);
    assert_eq!(game.reported[0].0, game.reported[1].0);
}

#[test]
fn a_reconnect_is_reported_after_the_end_of_the_old_connection() {
    for multiplayer in [true, false] {
        for is_reported_first in [true, false] {
            rejoin(multiplayer, MESSAGE, is_reported_first);
            rejoin(multiplayer, &[MESSAGE, CLOSE].concat(), is_reported_first);
        }
    }
}

#[test]
fn new_peers_are_held_back_for_at_most_two_polls() {
    let mut game = Game::new(true);
    let mut departing = join(&game.server);
    game.poll_until(1);
    let mut stays = Vec::new();
    for _ in 0..20 {
        let next = join(&game.server);
        departing.write_all(&[MESSAGE, CLOSE].concat()).expect("sent");
        stays.push(std::mem::replace(&mut departing, next));
        let end = Instant::now() + TIMEOUT;
        while game.server.buffered_in() == 0 {
            assert!(Instant::now() < end, "it is noticed");
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = game.reported.iter().filter(|(_, connected)| *connected).count();
        for _ in 0..3 {
            game.poll();
        }
        let after = game.reported.iter().filter(|(_, connected)| *connected).count();
        assert_eq!(after, before + 1, "{:?}", game.reported);
    }
}

//! A player who comes back: his old connection is told to be gone before the new one.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::websocket::multiplayer::{MultiplayerEvent, PacketFormat, ServerMultiplayer};
use lodewire_net::websocket::{Config, Server, ServerEvent};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// How long anything is waited for: it only ends a hang.
const HANG: Duration = Duration::from_mins(1);
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// A message of one byte, with a mask that changes nothing.
const MESSAGE: &[u8] = &[0x82, 0x81, 0, 0, 0, 0, 7];
/// A Close of code 1000.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 3, 232];

fn join(server: &Server) -> TcpStream {
    let mut stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens");
    stream.write_all(REQUEST).expect("sent");
    stream.set_read_timeout(Some(HANG)).expect("an option");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A game that polls, and then reads what has come, as the engine's SceneMultiplayer does.
struct Game {
    server: Server,
    multiplayer: Option<ServerMultiplayer>,
    /// Who was told to be connected (true) or gone.
    told: Vec<(i32, bool)>,
}

impl Game {
    fn new(multiplayer: bool) -> Self {
        let bind = Bind::Address(Ipv4Addr::LOCALHOST.into());
        Self {
            server: Server::listen(bind, 0, Config::default()).expect("a free port"),
            multiplayer: multiplayer.then(|| ServerMultiplayer::new(PacketFormat::Godot4)),
            told: Vec::new(),
        }
    }

    fn poll(&mut self) {
        let Some(multiplayer) = &mut self.multiplayer else {
            self.server.poll();
            while let Some(event) = self.server.next_event() {
                match event {
                    ServerEvent::Connected(id) => self.told.push((id, true)),
                    ServerEvent::Disconnected { id, .. } => self.told.push((id, false)),
                    _ => {}
                }
            }
            self.server.peers().for_each(|peer| drop(peer.receive_all()));
            return;
        };
        multiplayer.begin_poll(&mut self.server);
        while let Some(id) = multiplayer.next_departed() {
            self.told.push((id, false));
        }
        self.server.poll();
        while let Some(event) = multiplayer.next_event(&mut self.server) {
            match event {
                MultiplayerEvent::Connected(id) => self.told.push((id, true)),
                MultiplayerEvent::Disconnected(id) => self.told.push((id, false)),
                _ => {}
            }
        }
        while multiplayer.receive().is_some() {}
    }

    fn poll_until(&mut self, told: usize) {
        let end = Instant::now() + HANG;
        while self.told.len() < told {
            assert!(Instant::now() < end, "{:?}", self.told);
            self.poll();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// One leaves with a packet that the game has not read, and comes back before the next poll.
fn rejoin(multiplayer: bool, last_words: &[u8], is_told_first: bool) {
    let mut game = Game::new(multiplayer);
    let mut old = join(&game.server);
    if is_told_first {
        game.poll_until(1);
    }
    old.write_all(last_words).expect("sent");
    let lasts = last_words.ends_with(CLOSE).then(|| old.try_clone().expect("a descriptor"));
    drop(old);
    // With a Close, the packet is there; without one, the end is as well.
    let end = Instant::now() + HANG;
    while game.server.buffered_in() == 0 || (lasts.is_none() && game.server.departing() == 0) {
        assert!(Instant::now() < end, "it is noticed");
        std::thread::sleep(Duration::from_millis(1));
    }
    let _new = join(&game.server);
    game.poll_until(3);
    let told: Vec<_> = game.told.iter().map(|(_, connected)| *connected).collect();
    assert_eq!(told, [true, false, true]);
    assert_eq!(game.told[0].0, game.told[1].0);
}

#[test]
fn who_comes_back_is_told_after_his_old_connection_is_gone() {
    for multiplayer in [true, false] {
        for is_told_first in [true, false] {
            rejoin(multiplayer, MESSAGE, is_told_first);
            rejoin(multiplayer, &[MESSAGE, CLOSE].concat(), is_told_first);
        }
    }
}

#[test]
fn peers_that_end_for_ever_keep_new_ones_back_for_two_polls_at_most() {
    let mut game = Game::new(true);
    let mut going = join(&game.server);
    game.poll_until(1);
    let mut stays = Vec::new();
    for _ in 0..20 {
        let next = join(&game.server);
        going.write_all(&[MESSAGE, CLOSE].concat()).expect("sent");
        stays.push(std::mem::replace(&mut going, next));
        let end = Instant::now() + HANG;
        while game.server.buffered_in() == 0 {
            assert!(Instant::now() < end, "it is noticed");
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = game.told.iter().filter(|(_, connected)| *connected).count();
        for _ in 0..3 {
            game.poll();
        }
        let after = game.told.iter().filter(|(_, connected)| *connected).count();
        assert_eq!(after, before + 1, "{:?}", game.told);
    }
}

use super::*;
use crate::reactor::{Context, Driver, DriverWaker, Readiness};
use crate::websocket::PeerState;
use crate::websocket::endpoint::Key;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// A driver that panics.
struct Faulty;

impl Driver for Faulty {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {
        panic!("by design");
    }

    fn on_timeout(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

#[test]
fn a_driver_panic_is_reported_as_the_end_of_every_peer() {
    let endpoint = Arc::new(EndpointShared::new(Settings::default()));
    let policy = Arc::new(ServerPolicy::new(Config::default()));
    let driver = Box::new(Faulty);
    let mut server = Server::start(driver, Arc::clone(&endpoint), policy, 1).expect("a thread");
    let key = Key { slot: 0, generation: 1 };
    let remote = ([127, 0, 0, 1], 1).into();
    let peer = Arc::new(PeerShared::new(7, key, remote, None, None, endpoint));
    let peer = Rc::new(Peer::new(peer));
    server.peers.insert(7, Rc::clone(&peer));
    let end = Instant::now() + Duration::from_mins(1);
    while server.failure().is_none() && Instant::now() < end {
        std::thread::yield_now();
    }
    server.poll();
    let event = server.next_event();
    assert!(matches!(event, Some(ServerEvent::Disconnected { id: 7, clean: false })), "{event:?}");
    assert!(server.next_event().is_none());
    assert!(server.peer(7).is_none());
    assert_eq!(peer.state(), PeerState::Closed);
    assert!(peer.close_frame().is_some_and(|close| close.reason.contains("by design")));
    server.poll();
    assert!(server.next_event().is_none(), "told once");
}

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Blocks the I/O thread until it is released, and then records in each turn how many bytes are queued.
struct Witness {
    waker: DriverWaker,
    endpoint: Arc<EndpointShared>,
    go_on: Receiver<()>,
    has_gone_on: bool,
    visible: Arc<Mutex<BTreeSet<usize>>>,
}

impl Driver for Witness {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {
        if !std::mem::replace(&mut self.has_gone_on, true) {
            let _ = self.go_on.recv();
        }
        lock(&self.visible).insert(self.endpoint.buffered_out());
        self.waker.wake();
    }

    fn on_timeout(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

/// Returns connected clients of a server, which read when the test does.
fn clients(server: &mut Server, count: usize) -> Vec<TcpStream> {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let mut clients = Vec::new();
    for _ in 0..count {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port()));
        let mut client = client.expect("it listens");
        client.set_read_timeout(Some(TIMEOUT)).expect("an option");
        client.write_all(request.as_bytes()).expect("room");
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).expect("an answer");
            answer.extend(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"));
        clients.push(client);
    }
    let end = Instant::now() + TIMEOUT;
    while server.peers.len() < count {
        assert!(Instant::now() < end, "{} of {count} are connected", server.peers.len());
        server.poll();
        while server.next_event().is_some() {}
    }
    clients
}

/// Reads an unmasked frame. Returns its opcode and payload.
fn frame(client: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    client.read_exact(&mut head).expect("a frame");
    let len = match head[1] {
        126 => {
            let mut len = [0; 2];
            client.read_exact(&mut len).expect("a length");
            usize::from(u16::from_be_bytes(len))
        }
        len => usize::from(len),
    };
    let mut payload = vec![0; len];
    client.read_exact(&mut payload).expect("a payload");
    (head[0] & 15, payload)
}

/// Checks that messages to many peers in one frame are sent in several turns, in order.
fn send_to_many(send: impl FnOnce(&Server)) {
    const PEERS: usize = 256;
    let mut server = Server::listen(Bind::Any, 0, Config::default()).expect("a port");
    let mut clients = clients(&mut server, PEERS);
    let visible: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
    let (go, go_on) = channel();
    let witness = reactor::add(|waker| {
        let endpoint = Arc::clone(&server.endpoint);
        Box::new(Witness {
            waker,
            endpoint,
            go_on,
            has_gone_on: false,
            visible: Arc::clone(&visible),
        })
    })
    .expect("a thread");
    send(&server);
    go.send(()).expect("it waits");
    for client in &mut clients {
        for number in 0..2 {
            let (opcode, payload) = frame(client);
            assert_eq!((opcode, payload.len(), payload[0]), (2, 60_000, number));
        }
    }
    drop(witness);
    // Before, while it is encoded and written, and after.
    let turns = lock(&visible).len();
    assert!(turns > 3, "the other driver was served {turns} times");
    drop(server);
    for client in &mut clients {
        assert_eq!(frame(client), (8, 1000_u16.to_be_bytes().to_vec()));
    }
}

#[test]
fn other_drivers_are_served_between_messages_to_many_peers() {
    send_to_many(|server| {
        for number in 0..2 {
            for peer in server.peers() {
                peer.send(OutgoingMessage::Binary(vec![number; 60_000])).expect("room");
            }
        }
    });
}

#[test]
fn other_drivers_are_served_between_the_recipients_of_a_broadcast() {
    send_to_many(|server| {
        for number in 0..2 {
            server.broadcast(OutgoingMessage::Binary(vec![number; 60_000]), &[]);
        }
    });
}

use super::*;
use crate::certificates::{TrustAnchors, VerificationPolicy};
use crate::dtls::{ClientConfig, Status};
use crate::reactor::{Context, Driver, DriverWaker, Readiness};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything is waited for: it only ends a hang.
const HANG: Duration = Duration::from_mins(1);
const PEERS: usize = 16;
const PACKETS: usize = 60;

/// Keeps the I/O thread until it is told to go on, and then notes in each turn how much waits for the network.
struct Witness {
    waker: DriverWaker,
    peers: Vec<Arc<PeerShared>>,
    handle_finished: Receiver<()>,
    has_gone_on: bool,
    seen: Arc<Mutex<BTreeSet<usize>>>,
}

impl Driver for Witness {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {
        if !std::mem::replace(&mut self.has_gone_on, true) {
            let _ = self.handle_finished.recv();
        }
        let waits = |peer: &Arc<PeerShared>| peer.outgoing_bytes.load(Ordering::Relaxed);
        lock(&self.seen).insert(self.peers.iter().map(waits).sum());
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

fn wait_for(mut is: impl FnMut() -> bool) {
    let end = Instant::now() + HANG;
    while !is() {
        assert!(Instant::now() < end, "it does not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A server, its peers as the threads share them, and the clients.
fn connected() -> (Server, Vec<Arc<PeerShared>>, Vec<Peer>) {
    let made = rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("made");
    let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
    let setup = ServerConfig::new(&key, &certificate, "", None).expect("a setup");
    let local = Bind::parse("127.0.0.1").expect("an address");
    let server = Server::listen(local, 0, &setup, Limits::default()).expect("a port");
    let rules = VerificationPolicy::new(TrustAnchors::Custom(&certificate));
    let setup = ClientConfig::new(rules, "game.example", true).expect("a setup");
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, server.local_addr().port()));
    let mut clients: Vec<_> = (0..PEERS)
        .map(|_| {
            let client = Peer::connect(&setup, Limits::default()).expect("a socket");
            client.resolved(Ok(vec![at]));
            client
        })
        .collect();
    for client in &mut clients {
        wait_for(|| {
            client.poll();
            *client.status() == Status::Connected
        });
    }
    let accepted = || lock(&server.endpoint.accepted).iter().cloned().collect::<Vec<_>>();
    wait_for(|| accepted().len() == PEERS);
    let accepted = accepted();
    (server, accepted, clients)
}

#[test]
fn others_are_served_between_what_the_game_sends_to_many_peers() {
    let (server, shared, mut clients) = connected();
    let mut peers: Vec<_> = std::iter::from_fn(|| server.take()).collect();
    wait_for(|| {
        peers.iter_mut().for_each(Peer::poll);
        peers.iter().all(|peer| *peer.status() == Status::Connected)
    });
    let seen: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
    let (go, handle_finished) = channel();
    let witness = reactor::add(|waker| {
        let (peers, seen) = (shared.clone(), Arc::clone(&seen));
        Box::new(Witness { waker, peers, handle_finished, has_gone_on: false, seen })
    })
    .expect("a thread");
    witness.wake();
    for number in 0..PACKETS {
        for peer in &peers {
            peer.send(&[u8::try_from(number).expect("few"); 16_000]).expect("room");
        }
    }
    go.send(()).expect("it waits");
    wait_for(|| shared.iter().all(|peer| peer.outgoing_bytes.load(Ordering::Relaxed) == 0));
    drop(witness);
    // Before, while it is sealed and sent, and after.
    let turns = lock(&seen).len();
    assert!(turns > 3, "the other driver was served {turns} times");
    // What the sockets had no room for is lost; the rest is in its order.
    for client in &mut clients {
        let mut last = None;
        wait_for(|| {
            client.poll();
            while let Some(packet) = client.receive() {
                assert!(last < Some(packet[0]) && packet.len() == 16_000, "after {last:?}");
                last = Some(packet[0]);
            }
            last.is_some()
        });
    }
}

#[test]
fn what_was_queued_leaves_before_the_goodbye_of_a_server_that_ends() {
    let (server, _, mut clients) = connected();
    let mut peers: Vec<_> = std::iter::from_fn(|| server.take()).collect();
    wait_for(|| {
        peers.iter_mut().for_each(Peer::poll);
        peers.iter().all(|peer| *peer.status() == Status::Connected)
    });
    for peer in &peers {
        peer.send(b"last").expect("room");
    }
    drop(server);
    for client in &mut clients {
        let mut last_activity = false;
        wait_for(|| {
            client.poll();
            while let Some(packet) = client.receive() {
                last_activity |= packet == b"last";
            }
            client.status().is_closed()
        });
        assert!(last_activity, "it came before the end");
    }
}

use super::*;
use crate::certificates::{TrustAnchors, VerificationPolicy};
use crate::dtls::{ClientConfig, Status};
use crate::reactor::{Context, Driver, DriverWaker, Readiness};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Time limit of all waits, which only ends a hang.
const TIMEOUT: Duration = Duration::from_mins(1);
const PEERS: usize = 16;
const PACKETS: usize = 60;

/// Blocks the I/O thread until it is released, and then records in each turn how many bytes wait for the network.
struct Observer {
    waker: DriverWaker,
    peers: Vec<Arc<PeerShared>>,
    resume: Receiver<()>,
    has_resumed: bool,
    seen: Arc<Mutex<BTreeSet<usize>>>,
}

impl Driver for Observer {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {
        if !std::mem::replace(&mut self.has_resumed, true) {
            let _ = self.resume.recv();
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
    let end = Instant::now() + TIMEOUT;
    while !is() {
        assert!(Instant::now() < end, "timed out");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns a server, the shared state of its peers, and the clients.
fn connected() -> (Server, Vec<Arc<PeerShared>>, Vec<Peer>) {
    let generated =
        rcgen::generate_simple_self_signed(["game.example".to_owned()]).expect("generated");
    let (key, certificate) = (generated.signing_key.serialize_pem(), generated.cert.pem());
    let setup = ServerConfig::new(&key, &certificate, "", None).expect("a configuration");
    let local = Bind::parse("127.0.0.1").expect("an address");
    let server = Server::listen(local, 0, &setup, Limits::default()).expect("a port");
    let rules = VerificationPolicy::new(TrustAnchors::Custom(&certificate));
    let setup = ClientConfig::new(rules, "game.example", true).expect("a configuration");
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
fn other_drivers_run_between_sends_to_many_peers() {
    let (server, shared, mut clients) = connected();
    let mut peers: Vec<_> = std::iter::from_fn(|| server.take()).collect();
    wait_for(|| {
        peers.iter_mut().for_each(Peer::poll);
        peers.iter().all(|peer| *peer.status() == Status::Connected)
    });
    let seen: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
    let (go, resume) = channel();
    let observer = reactor::add(|waker| {
        let (peers, seen) = (shared.clone(), Arc::clone(&seen));
        Box::new(Observer { waker, peers, resume, has_resumed: false, seen })
    })
    .expect("a thread");
    observer.wake();
    for number in 0..PACKETS {
        for peer in &peers {
            peer.send(&[u8::try_from(number).expect("few"); 16_000]).expect("room");
        }
    }
    go.send(()).expect("it waits");
    wait_for(|| shared.iter().all(|peer| peer.outgoing_bytes.load(Ordering::Relaxed) == 0));
    drop(observer);
    // Before, between, and after the packets are sent.
    let turns = lock(&seen).len();
    assert!(turns > 3, "the other driver was served {turns} times");
    // Packets may be lost in the sockets' buffers, but not reordered.
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
fn queued_packets_are_sent_before_a_server_closes() {
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
        let mut has_received = false;
        wait_for(|| {
            client.poll();
            while let Some(packet) = client.receive() {
                has_received |= packet == b"last";
            }
            client.status().is_closed()
        });
        assert!(has_received, "received before the end");
    }
}

//! An echo server of each protocol on free local ports. It prints `ports` with the ports of
//! WebSocket, ENet and DTLS, and runs until it is killed: `cargo xtask test --platform` tests it with peers outside the
//! emulator.
#![expect(clippy::expect_used, reason = "an example may panic")]

use lodewire_enet::Delivery;
use lodewire_net::Bind;
use lodewire_net::dtls::{self, ServerConfig, Status};
use lodewire_net::enet::{self, Host, HostConfig};
use lodewire_net::websocket::{self, Limits, OutgoingMessage, Settings};
use std::net::{IpAddr, Ipv4Addr};
use std::thread::sleep;
use std::time::{Duration, Instant};

const LOCALHOST: Bind = Bind::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

/// The interval of polls, like the frames of a game.
const FRAME: Duration = Duration::from_millis(4);

/// The start of a message after which the server does not read from its sender for some time.
const STALL: &[u8] = b"stall";
const STALL_TIME: Duration = Duration::from_secs(10);

fn main() {
    // A peer that sends more than 16 messages at once is blocked.
    let limits = Limits { in_packets: 16, ..Limits::default() };
    let config = websocket::Config {
        settings: Settings { limits, ..Settings::default() },
        ..websocket::Config::default()
    };
    let mut websocket = websocket::Server::listen(LOCALHOST, 0, config).expect("a free port");
    let host = HostConfig { peers: 4095, ..HostConfig::default() };
    let config = enet::Config { host, ..enet::Config::default() };
    let mut enet = Host::bind(LOCALHOST, 0, &config).expect("a free port");
    enet.start_reading();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
    let (key, certificate) = (made.signing_key.serialize_pem(), made.cert.pem());
    let setup = ServerConfig::new(&key, &certificate, "", None).expect("a certificate");
    let dtls = dtls::Server::listen(LOCALHOST, 0, &setup, dtls::Limits::default());
    let dtls = dtls.expect("a free port");
    let ports = [websocket.local_port(), enet.local_addr().port(), dtls.local_addr().port()];
    println!("ports {} {} {}", ports[0], ports[1], ports[2]);

    let mut clients: Vec<dtls::Peer> = Vec::new();
    let mut stalled: Option<(i32, Instant)> = None;
    loop {
        websocket.poll();
        while websocket.next_event().is_some() {}
        for peer in websocket.peers() {
            if stalled.is_some_and(|(id, until)| id == peer.id() && Instant::now() < until) {
                continue;
            }
            while let Some(message) = peer.receive() {
                let is_stall = message.payload.starts_with(STALL);
                let echo = OutgoingMessage::new(message.kind, message.payload).expect("UTF-8");
                peer.send(echo).expect("queue space");
                if is_stall {
                    stalled = Some((peer.id(), Instant::now() + STALL_TIME));
                    break;
                }
            }
        }
        while let Some(event) = enet.service(Duration::ZERO) {
            if let enet::Event::Receive { peer, .. } = event {
                while let Some(packet) = peer.receive() {
                    peer.send(0, Delivery::Reliable, packet.data.into()).expect("queue space");
                }
            }
        }
        clients.extend(std::iter::from_fn(|| dtls.take()));
        for client in &mut clients {
            client.poll();
            while let Some(packet) = client.receive().map(<[u8]>::to_vec) {
                client.send(&packet).expect("queue space");
            }
        }
        clients.retain(|client| *client.status() == Status::Connected);
        sleep(FRAME);
    }
}

//! The server that is attacked, and beside it, in the same process, a WebSocket server that tells its health.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use lodewire_enet::{Compression, Delivery, HostConfig};
use lodewire_net::Bind;
use lodewire_net::dtls::{Limits as DtlsLimits, Peer, Server as DtlsServer, ServerConfig, Status};
use lodewire_net::enet::{Config, Event, Host};
use lodewire_net::tls::ServerTls;
use lodewire_net::websocket::{
    Config as WebSocketConfig, DeflateOptions, OutgoingMessage, Server, ServerEvent, Settings,
};

use super::attack::Family;
use crate::dtls::Kind;

/// The prefix of the line with the port of the health check.
pub(super) const HEALTH: &str = "health on port ";
/// The path of the health check.
pub(super) const HEALTH_PATH: &str = "/health";
/// The size of packets that the game answers. It ignores all others.
pub(super) const ECHO: usize = 64;
/// Maximum number of peers of a server.
const PLACES: usize = 256;
/// The polling interval of the game.
const FRAME: Duration = Duration::from_millis(4);

/// The behaviour of a server.
#[derive(Args)]
pub(crate) struct ServerOptions {
    /// The protocol
    family: Family,
}

/// A packet that asks the game not to poll for some time: to load a level, so to speak.
pub(super) fn stall(time: Duration) -> Vec<u8> {
    let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    [b"stall".as_slice(), &millis.to_be_bytes()].concat()
}

/// Returns the answer to a packet.
fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    if let Some(&millis) = packet.strip_prefix(b"stall").and_then(<[u8]>::first_chunk) {
        std::thread::sleep(Duration::from_millis(u32::from_be_bytes(millis).into()));
    }
    (packet.len() == ECHO).then(|| packet.to_vec())
}

/// Serves for ever.
pub(crate) fn serve(options: &ServerOptions) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let local = Bind::Address(Ipv4Addr::LOCALHOST.into());
    let config =
        WebSocketConfig { health_path: Some(HEALTH_PATH.into()), ..WebSocketConfig::default() };
    let mut health = Server::listen(local, 0, config)?;
    println!("{HEALTH}{}", health.local_port());
    let mut game = Game::listen(options.family, local)?;
    println!("listening on port {}", game.port());
    loop {
        health.poll();
        while health.next_event().is_some() {}
        game.poll();
        std::thread::sleep(FRAME);
    }
}

/// A server, as a game has it.
enum Game {
    Enet(Box<Host>),
    Dtls(Box<DtlsServer>, Vec<Peer>),
    WebSocket(Box<Server>),
}

impl Game {
    fn listen(family: Family, local: Bind) -> Result<Self> {
        let (key, certificate) = Kind::P256.pem();
        Ok(match family {
            Family::Enet | Family::EnetCompressed => {
                let host = HostConfig { peers: PLACES, ..HostConfig::default() };
                let config = Config { host, ..Config::default() };
                let connection = Host::bind(local, 0, &config)?;
                if family == Family::EnetCompressed {
                    connection.set_compression(Compression::RangeCoder);
                }
                Self::Enet(Box::new(connection))
            }
            Family::Dtls => {
                let setup = ServerConfig::new(key, certificate, "", None)
                    .map_err(|error| anyhow!("{error:?}"))?;
                let server = DtlsServer::listen(local, 0, &setup, DtlsLimits::default())?;
                Self::Dtls(Box::new(server), Vec::new())
            }
            Family::Websocket | Family::Wss => {
                let tls = ServerTls::from_pem(key, certificate, "")
                    .map_err(|error| anyhow!("{error:?}"))?;
                let deflate = Some(DeflateOptions::default());
                let config = WebSocketConfig {
                    settings: Settings { deflate, ..Settings::default() },
                    tls: (family == Family::Wss).then_some(tls),
                    max_clients: PLACES,
                    ..WebSocketConfig::default()
                };
                Self::WebSocket(Box::new(Server::listen(local, 0, config)?))
            }
        })
    }

    fn port(&self) -> u16 {
        match self {
            Self::Enet(connection) => connection.local_addr().port(),
            Self::Dtls(server, _) => server.local_addr().port(),
            Self::WebSocket(server) => server.local_port(),
        }
    }

    fn poll(&mut self) {
        match self {
            Self::Enet(connection) => {
                while let Some(event) = connection.service(Duration::ZERO) {
                    let Event::Receive { peer, .. } = event else { continue };
                    while let Some(packet) = peer.receive() {
                        if let Some(echo) = answer(&packet.data) {
                            let _ = peer.send(0, Delivery::Reliable, echo.as_slice().into());
                        }
                    }
                }
            }
            Self::Dtls(server, peers) => {
                peers.extend(std::iter::from_fn(|| server.take()));
                for peer in peers.iter_mut() {
                    peer.poll();
                    while let Some(echo) = peer.receive().map(answer) {
                        let _ = echo.map(|echo| peer.send(&echo));
                    }
                }
                peers.retain(|peer| {
                    matches!(peer.status(), Status::Handshaking | Status::Connected)
                });
            }
            Self::WebSocket(server) => {
                server.poll();
                while let Some(event) = server.next_event() {
                    let ServerEvent::Data(id) = event else { continue };
                    let Some(peer) = server.peer(id).map(Rc::clone) else { continue };
                    while let Some(message) = peer.receive() {
                        if let Some(echo) = answer(&message.payload)
                            && let Ok(echo) = OutgoingMessage::new(message.kind, echo)
                        {
                            let _ = peer.send(echo);
                        }
                    }
                }
            }
        }
    }
}

//! The server that is attacked: an ENet host, and beside it, in the same process, a WebSocket server that tells its health.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use lodewire_enet::HostConfig;
use lodewire_net::Bind;
use lodewire_net::enet::{Config, Connection};
use lodewire_net::websocket::{Config as WebSocketConfig, Server};

/// How the line begins that tells the port of the health.
pub(super) const HEALTH: &str = "health on port ";
/// Where it is told.
pub(super) const HEALTH_PATH: &str = "/health";

/// Serves for ever, with echoes on the I/O thread.
pub(crate) fn serve() -> Result<()> {
    let local = Bind::Address(Ipv4Addr::LOCALHOST.into());
    let host = HostConfig { peers: 256, ..HostConfig::default() };
    let enet = Connection::bind(local, 0, &Config { host, echo: true, ..Config::default() })?;
    let config =
        WebSocketConfig { health_path: Some(HEALTH_PATH.into()), ..WebSocketConfig::default() };
    let mut websocket = Server::listen(local, 0, config)?;
    println!("{HEALTH}{}", websocket.local_port());
    println!("listening on port {}", enet.local_addr().port());
    let mut enet = enet;
    loop {
        while enet.service(Duration::ZERO).is_some() {}
        websocket.poll();
        while websocket.next_event().is_some() {}
        std::thread::sleep(Duration::from_millis(4));
    }
}

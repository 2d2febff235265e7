//! ENet's clients: the connections of one host.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use lodewire_enet::{Delivery, HostConfig};
use lodewire_net::Bind;
use lodewire_net::enet::{Config, Event, Host, Peer};

use super::message::Ledger;

const TIMEOUT: Duration = Duration::from_secs(30);
/// The number of concurrent connection attempts.
const BURST: usize = 100;

pub(super) struct Clients {
    host: Host,
    all: Vec<Rc<Peer>>,
    /// Which client a peer is.
    indices: HashMap<u32, usize>,
    connected: usize,
    pub(super) ledger: Ledger,
}

impl Clients {
    pub(super) fn join(server: SocketAddr, count: usize) -> Result<Self> {
        let config = Config {
            host: HostConfig { peers: count, ..HostConfig::default() },
            ..Config::default()
        };
        let host = Host::bind(Bind::Any, 0, &config)?;
        let mut clients = Self {
            host,
            all: Vec::new(),
            indices: HashMap::new(),
            connected: 0,
            ledger: Ledger::new(count),
        };
        while clients.all.len() < count {
            for _ in 0..BURST.min(count - clients.all.len()) {
                let peer = clients.host.connect(server, 1, 0);
                let peer = peer.map_err(|error| anyhow!("no connection: {error:?}"))?;
                clients.indices.insert(peer.id(), clients.all.len());
                clients.all.push(peer);
            }
            let until = Instant::now() + TIMEOUT;
            while clients.connected < clients.all.len() {
                clients.serve();
                ensure!(Instant::now() < until, "{} ENet peers have joined", clients.connected);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(clients)
    }

    /// The next client sends a message.
    pub(super) fn send(&mut self) {
        let index = self.ledger.next_client();
        if self.all[index].is_active() {
            let message = self.ledger.message(index);
            // One that is full, or gone, is missed at the end.
            let _ = self.all[index].send(0, Delivery::Reliable, message.as_slice().into());
        }
    }

    /// Reads what has come.
    pub(super) fn serve(&mut self) {
        while let Some(event) = self.host.service(Duration::ZERO) {
            match event {
                Event::Connect { .. } => self.connected += 1,
                Event::Disconnect { .. } => self.ledger.lost_connections += 1,
                Event::Receive { peer, .. } => {
                    let Some(&index) = self.indices.get(&peer.id()) else { continue };
                    while let Some(packet) = peer.receive() {
                        self.ledger.echo(index, &packet.data);
                    }
                }
            }
        }
    }
}

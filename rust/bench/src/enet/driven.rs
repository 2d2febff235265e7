//! Ours on sockets: the I/O thread with its batches, and the queues to the thread of the game.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lodewire_net::Bind;
use lodewire_net::enet::{self, Config, HostConfig, Peer};

use super::host::{CHANNELS, Delivery, Echo, Event, Host, OverUdp};
use super::lodewire::Lodewire;

/// A host of it.
pub(crate) struct DrivenHost {
    connection: enet::Host,
    peers: HashMap<u32, Rc<Peer>>,
}

fn bind(peers: usize, echo: bool) -> Result<(enet::Host, u16)> {
    let host = HostConfig { peers, channel_limit: CHANNELS, ..HostConfig::default() };
    let config = Config { host, echo, ..Config::default() };
    let connection = enet::Host::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, &config)?;
    let port = connection.local_addr().port();
    Ok((connection, port))
}

impl OverUdp for Lodewire {
    type Host = DrivenHost;

    fn host(&self, peers: usize) -> Result<(DrivenHost, u16)> {
        let (connection, port) = bind(peers, false)?;
        Ok((DrivenHost { connection, peers: HashMap::new() }, port))
    }

    fn echo(&self, peers: usize) -> Result<Option<Echo>> {
        let (mut connection, port) = bind(peers, true)?;
        connection.start_reading();
        // Those that come and go are told also where nobody is interested.
        let serve = move || while connection.service(Duration::from_secs(1)).is_some() {};
        Ok(Some((Box::new(serve), port)))
    }
}

impl Host for DrivenHost {
    type Peer = u32;

    fn connect(&mut self, to: SocketAddr) -> Result<u32> {
        match self.connection.connect(to, CHANNELS, 0) {
            Ok(peer) => {
                let id = peer.id();
                self.peers.insert(id, peer);
                Ok(id)
            }
            Err(error) => bail!("Lodewire connects no more: {error:?}"),
        }
    }

    fn send(&mut self, peer: u32, delivery: Delivery, data: &[u8]) -> Result<()> {
        let delivery = match delivery {
            Delivery::Reliable => enet::Delivery::Reliable,
            Delivery::Unreliable => enet::Delivery::Unreliable,
            Delivery::Unsequenced => enet::Delivery::Unsequenced,
        };
        let peer = self.peers.get(&peer).context("there is no such peer")?;
        match peer.send(0, delivery, data.into()) {
            Ok(()) => Ok(()),
            Err(error) => bail!("Lodewire does not send: {error:?}"),
        }
    }

    fn service(
        &mut self,
        wait: Duration,
        mut take: impl FnMut(&mut Self, Event<'_, u32>) -> Result<()>,
    ) -> Result<()> {
        let mut next = self.connection.service(wait);
        while let Some(event) = next {
            match event {
                enet::Event::Connect { peer, .. } => {
                    self.peers.insert(peer.id(), peer);
                    take(self, Event::Connected)?;
                }
                enet::Event::Disconnect { peer, .. } => {
                    self.peers.remove(&peer.id());
                    take(self, Event::Disconnected)?;
                }
                enet::Event::Receive { peer, .. } => {
                    if let Some(received) = peer.receive() {
                        take(self, Event::Received(peer.id(), &received.data))?;
                    }
                }
            }
            next = self.connection.next_event();
        }
        Ok(())
    }
}

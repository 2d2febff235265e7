//! `rusty_enet`, the translation of C ENet into Rust.

use std::convert::Infallible;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, anyhow};
use rusty_enet::{
    Compressor, EventNoRef, HostSettings, MTU_MAX, Packet, PacketReceived, PeerID, RangeCoder,
    Socket,
};

use super::host::{CHANNELS, Coder, Delivery, Event, Host, InMemory, OverUdp};
use super::socket::{self, Wait};
use super::wire::Endpoint;

/// `rusty_enet`.
pub(crate) struct RustyEnet;

/// A host of it.
pub(crate) struct RustyHost<S: Socket> {
    host: rusty_enet::Host<S>,
}

/// The range coder with its buffers.
struct RustyCoder(RangeCoder);

impl Socket for Endpoint {
    type Address = SocketAddr;
    type Error = Infallible;

    fn send(&mut self, address: SocketAddr, buffer: &[u8]) -> Result<usize, Infallible> {
        Self::send(self, address, buffer);
        Ok(buffer.len())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8; MTU_MAX],
    ) -> Result<Option<(SocketAddr, PacketReceived)>, Infallible> {
        let received = Self::receive(self, buffer);
        Ok(received.map(|(from, len)| (from, PacketReceived::Complete(len))))
    }
}

impl InMemory for RustyEnet {
    type Host = RustyHost<Endpoint>;

    fn host(&self, endpoint: Endpoint, peers: usize) -> Result<Self::Host> {
        let wire = endpoint.wire().clone();
        let settings = HostSettings {
            time: Box::new(move || wire.now()),
            seed: Some(u32::from(endpoint.index())),
            ..settings(peers)
        };
        RustyHost::new(endpoint, settings)
    }

    fn coder(&self) -> Result<impl Coder> {
        Ok(RustyCoder(RangeCoder::new()))
    }
}

impl OverUdp for RustyEnet {
    type Host = RustyHost<UdpSocket>;

    fn host(&self, peers: usize) -> Result<(Self::Host, u16)> {
        let (socket, port) = socket::bind()?;
        Ok((RustyHost::new(socket, settings(peers))?, port))
    }
}

fn settings(peers: usize) -> HostSettings {
    HostSettings { peer_limit: peers, channel_limit: CHANNELS, ..HostSettings::default() }
}

impl<S: Socket> RustyHost<S> {
    fn new(socket: S, settings: HostSettings) -> Result<Self> {
        let host = rusty_enet::Host::new(socket, settings);
        Ok(Self { host: host.map_err(|_| anyhow!("rusty_enet makes no host"))? })
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> &S {
        self.host.socket()
    }
}

impl<S: Socket<Address = SocketAddr> + Wait> Host for RustyHost<S>
where
    S::Error: Send + Sync + 'static,
{
    type Peer = PeerID;

    fn connect(&mut self, to: SocketAddr) -> Result<PeerID> {
        let peer = self.host.connect(to, CHANNELS, 0);
        Ok(peer.map_err(|_| anyhow!("rusty_enet connects no more"))?.id())
    }

    fn send(&mut self, peer: PeerID, delivery: Delivery, data: &[u8]) -> Result<()> {
        let packet = match delivery {
            Delivery::Reliable => Packet::reliable(data),
            Delivery::Unreliable => Packet::unreliable(data),
            Delivery::Unsequenced => Packet::unreliable_unsequenced(data),
        };
        let sent = self.host.peer_mut(peer).send(0, &packet);
        sent.map_err(|error| anyhow!("rusty_enet does not send: {error:?}"))
    }

    fn service(
        &mut self,
        wait: Duration,
        mut take: impl FnMut(&mut Self, Event<'_, PeerID>) -> Result<()>,
    ) -> Result<()> {
        let mut idle = true;
        loop {
            let Some(event) = self.host.service()? else {
                if !idle || wait.is_zero() {
                    return Ok(());
                }
                // As C ENet does by itself: what came meanwhile is taken at once.
                idle = false;
                self.host.socket().wait(wait)?;
                continue;
            };
            idle = false;
            match event.no_ref() {
                EventNoRef::Connect { .. } => take(self, Event::Connected)?,
                EventNoRef::Disconnect { .. } => take(self, Event::Disconnected)?,
                EventNoRef::Receive { peer, packet, .. } => {
                    take(self, Event::Received(peer, packet.data()))?;
                }
            }
        }
    }
}

impl Coder for RustyCoder {
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        self.0.compress(&[input], input.len(), output)
    }

    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize {
        self.0.decompress(input, output)
    }
}

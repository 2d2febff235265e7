//! The interface of every implementation, so that the same code measures all of them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;

use super::wire::Endpoint;

/// Every host has so many channels.
pub(crate) const CHANNELS: usize = 2;

/// The delivery mode of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Delivery {
    Reliable,
    Unreliable,
    Unsequenced,
}

impl Delivery {
    /// Returns the name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reliable => "reliable",
            Self::Unreliable => "unreliable",
            Self::Unsequenced => "unsequenced",
        }
    }
}

/// An event of a host.
pub(crate) enum Event<'a, Peer> {
    /// A connection is there.
    Connected,
    /// One has ended.
    Disconnected,
    /// A packet has come.
    Received(Peer, &'a [u8]),
}

/// One end of connections.
pub(crate) trait Host: Sized {
    /// A connection of it.
    type Peer: Copy;

    /// Begins to connect.
    fn connect(&mut self, to: SocketAddr) -> Result<Self::Peer>;

    /// Queues a packet on channel 0.
    fn send(&mut self, peer: Self::Peer, delivery: Delivery, data: &[u8]) -> Result<()>;

    /// What a program does over and over: takes what has come, hands out all events, and sends all that is queued, also
    /// by `take`. If nothing is to be done, waits for `wait`, which hosts in memory do not.
    fn service(
        &mut self,
        wait: Duration,
        take: impl FnMut(&mut Self, Event<'_, Self::Peer>) -> Result<()>,
    ) -> Result<()>;
}

/// A subject whose hosts can do without sockets.
pub(crate) trait InMemory {
    /// Its hosts.
    type Host: Host;

    /// A host on a wire.
    fn host(&self, endpoint: Endpoint, peers: usize) -> Result<Self::Host>;

    /// Its range coder.
    fn coder(&self) -> Result<impl Coder>;
}

/// The loop of a host that echoes, and its port.
pub(crate) type Echo = (Box<dyn FnMut()>, u16);

/// A subject on UDP sockets.
pub(crate) trait OverUdp {
    /// Its hosts.
    type Host: Host;

    /// A host on a free port of this machine, and the port.
    fn host(&self, peers: usize) -> Result<(Self::Host, u16)>;

    /// A host that sends back what comes by itself, if there is one.
    fn echo(&self, peers: usize) -> Result<Option<Echo>> {
        let _ = peers;
        Ok(None)
    }
}

/// ENet's range coder.
pub(crate) trait Coder {
    /// Fills `output`, and says with how many bytes; 0 if it is too small.
    fn compress(&mut self, input: &[u8], output: &mut [u8]) -> usize;

    /// The other way.
    fn decompress(&mut self, input: &[u8], output: &mut [u8]) -> usize;
}

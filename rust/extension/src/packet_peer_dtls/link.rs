//! What a peer's datagrams go through.

use godot::classes::PacketPeerUdp;
use godot::prelude::*;
use lodewire_net::dtls::{Moved, Peer, SendError, Status};
use std::net::SocketAddr;
use std::time::Instant;

/// What the datagrams go through.
pub(super) enum Link {
    /// Nothing yet.
    None,
    /// A socket of the engine's, as long as there is something to move.
    Moved(Box<Moved>, Option<Gd<PacketPeerUdp>>),
    /// A socket of our own, or of the server's.
    Own(Box<Peer>),
}

impl Link {
    /// Moves datagrams, and sees what has happened.
    pub(super) fn exchange(&mut self) {
        let (peer, udp) = match self {
            Self::None => return,
            Self::Own(peer) => return peer.poll(),
            Self::Moved(peer, udp) => (peer, udp),
        };
        let Some(socket) = udp else { return };
        let now = Instant::now();
        // The engine reads from the system when it is asked how many there are, and not before it is asked again.
        for _ in 0..socket.get_available_packet_count() {
            peer.handle(now, socket.get_packet().as_mut_slice());
        }
        peer.poll(now);
        transmit(peer, socket);
        if peer.status().is_over() {
            // The engine's UDPServer offers an address anew only when nobody holds its peer.
            *udp = None;
        }
    }

    /// Ends it, and tells the other side.
    pub(super) fn end(&mut self) {
        match self {
            Self::None => {}
            Self::Own(peer) => peer.disconnect(),
            Self::Moved(peer, udp) => {
                if let Some(mut socket) = udp.take() {
                    peer.disconnect();
                    transmit(peer, &mut socket);
                }
            }
        }
    }

    /// The addresses of the server that it is to connect to, or why there are none.
    pub(super) fn resolved(&self, addresses: Result<Vec<SocketAddr>, String>) {
        if let Self::Own(peer) = self {
            peer.resolved(addresses);
        }
    }

    /// How far the connection has come, if there is one.
    pub(super) fn status(&self) -> Option<&Status> {
        match self {
            Self::None => None,
            Self::Moved(peer, _) => Some(peer.status()),
            Self::Own(peer) => Some(peer.status()),
        }
    }

    /// Sends a packet.
    pub(super) fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        match self {
            Self::None | Self::Moved(_, None) => Err(SendError::NotConnected),
            Self::Moved(peer, Some(socket)) => {
                let sent = peer.send(packet);
                transmit(peer, socket);
                sent
            }
            Self::Own(peer) => peer.send(packet),
        }
    }

    /// The next packet that has come, until something else is done with the link.
    pub(super) fn receive(&mut self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Moved(peer, _) => peer.receive(),
            Self::Own(peer) => peer.receive(),
        }
    }

    /// How many packets wait.
    pub(super) fn available(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Moved(peer, _) => peer.available(),
            Self::Own(peer) => peer.available(),
        }
    }

    /// How many packets were lost since too many waited.
    pub(super) fn dropped(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Moved(peer, _) => peer.dropped(),
            Self::Own(peer) => peer.dropped(),
        }
    }

    /// What the other side has shown, its own certificate first, as DER.
    pub(super) fn certificates(&self) -> Vec<Vec<u8>> {
        let chain = match self {
            Self::None => return Vec::new(),
            Self::Moved(peer, _) => peer.certificates().to_vec(),
            Self::Own(peer) => peer.certificates(),
        };
        chain.iter().map(|certificate| certificate.to_vec()).collect()
    }

    /// Where the other side is; with a socket of the engine's, that knows it.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Own(peer) => Some(peer.remote()),
            Self::None | Self::Moved(..) => None,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sends what a peer has to send. What the socket does not take is lost, as on the network.
fn transmit(peer: &mut Moved, socket: &mut Gd<PacketPeerUdp>) {
    peer.transmit(|datagram| {
        socket.put_packet(&PackedByteArray::from(datagram));
    });
}

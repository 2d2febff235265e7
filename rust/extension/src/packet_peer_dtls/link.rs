//! The transport of a peer's datagrams.

use godot::classes::PacketPeerUdp;
use godot::prelude::*;
use lodewire_net::dtls::{ManualPeer, Peer, SendError, Status};
use std::net::SocketAddr;
use std::time::Instant;

/// The transport of the datagrams.
pub(super) enum Link {
    /// There is no transport yet.
    None,
    /// A socket of the engine, while there are datagrams to move.
    Manual(Box<ManualPeer>, Option<Gd<PacketPeerUdp>>),
    /// A socket of our own, or of the server.
    Own(Box<Peer>),
}

impl Link {
    /// Moves datagrams, and updates the state.
    pub(super) fn exchange(&mut self) {
        let (peer, udp) = match self {
            Self::None => return,
            Self::Own(peer) => return peer.poll(),
            Self::Manual(peer, udp) => (peer, udp),
        };
        let Some(socket) = udp else { return };
        let now = Instant::now();
        // The engine reads from the system only when it is asked for the number of packets.
        for _ in 0..socket.get_available_packet_count() {
            peer.handle_datagram(now, socket.get_packet().as_mut_slice());
        }
        peer.poll(now);
        transmit(peer, socket);
        if peer.status().is_closed() {
            // The engine's UDPServer returns an address again only when its previous peer has been released.
            *udp = None;
        }
    }

    /// Closes the connection, and informs the other side.
    pub(super) fn end(&mut self) {
        match self {
            Self::None => {}
            Self::Own(peer) => peer.disconnect(),
            Self::Manual(peer, udp) => {
                if let Some(mut socket) = udp.take() {
                    peer.disconnect();
                    transmit(peer, &mut socket);
                }
            }
        }
    }

    /// Sets the addresses of the server to connect to, or the reason why there are none.
    pub(super) fn resolved(&self, addresses: Result<Vec<SocketAddr>, String>) {
        if let Self::Own(peer) = self {
            peer.resolved(addresses);
        }
    }

    /// Returns the connection status, if there is a connection.
    pub(super) fn status(&self) -> Option<&Status> {
        match self {
            Self::None => None,
            Self::Manual(peer, _) => Some(peer.status()),
            Self::Own(peer) => Some(peer.status()),
        }
    }

    /// Sends a packet.
    pub(super) fn send(&mut self, packet: &[u8]) -> Result<(), SendError> {
        match self {
            Self::None | Self::Manual(_, None) => Err(SendError::NotConnected),
            Self::Manual(peer, Some(socket)) => {
                let sent = peer.send(packet);
                transmit(peer, socket);
                sent
            }
            Self::Own(peer) => peer.send(packet),
        }
    }

    /// Returns the next received packet, which is valid until the next call.
    pub(super) fn receive(&mut self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Manual(peer, _) => peer.receive(),
            Self::Own(peer) => peer.receive(),
        }
    }

    /// Returns the number of available packets.
    pub(super) fn available(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Manual(peer, _) => peer.available(),
            Self::Own(peer) => peer.available(),
        }
    }

    /// Returns the number of packets that were dropped because the buffer was full.
    pub(super) fn dropped(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Manual(peer, _) => peer.dropped(),
            Self::Own(peer) => peer.dropped(),
        }
    }

    /// Returns the certificate chain of the other side as DER, with its own certificate first.
    pub(super) fn certificates(&self) -> Vec<Vec<u8>> {
        let chain = match self {
            Self::None => return Vec::new(),
            Self::Manual(peer, _) => peer.certificates().to_vec(),
            Self::Own(peer) => peer.certificates(),
        };
        chain.iter().map(|certificate| certificate.to_vec()).collect()
    }

    /// Returns the address of the other side. With a socket of the engine, the socket has it.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Own(peer) => Some(peer.remote()),
            Self::None | Self::Manual(..) => None,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sends the outgoing datagrams. Datagrams that the socket does not take are lost, as on the network.
fn transmit(peer: &mut ManualPeer, socket: &mut Gd<PacketPeerUdp>) {
    peer.transmit(|datagram| {
        socket.put_packet(&PackedByteArray::from(datagram));
    });
}

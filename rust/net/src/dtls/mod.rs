//! DTLS over UDP, for Godot's `DTLSServer` and `PacketPeerDTLS`.
//!
//! The protocol is implemented by `lodewire-dtls`. A `ConnectionTable` holds the connections by the addresses of the peers,
//! with the cookies and limits of a server. The jobs of handshakes run on the [workers](crate::workers).
//!
//! - A [`Server`] and a [`Peer`] have their own sockets, which the I/O thread serves.
//! - A [`ManualPeer`] has none: the game passes its datagrams, as it must with a socket of the engine.

mod admission;
mod config;
mod connection_table;
mod driver;
mod endpoint;
mod manual_peer;
mod packet_queue;
mod peer;
mod server;
mod status;
mod test_server;
mod verify;

pub use config::{ClientConfig, Limits, ServerConfig};
pub(crate) use connection_table::{CloseReason, ConnectionTable, Event, Key};
pub use lodewire_dtls::CertificateError;
pub use manual_peer::{AcceptResult, Acceptor, ManualPeer};
pub use peer::Peer;
pub use server::Server;
pub use status::Status;
#[doc(hidden)]
pub use test_server::{EventCounts, TestServer};

/// Maximum size of a packet, in bytes (RFC 5246 section 6.2.1).
pub const MAX_PACKET_SIZE: usize = 1 << 14;

/// The reason why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is not established.
    NotConnected,
    /// The packet is longer than [`MAX_PACKET_SIZE`], or than the client allows (RFC 6066 section 4).
    TooLong,
    /// The send buffer is full.
    Full,
}

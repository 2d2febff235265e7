//! DTLS over UDP: what Godot's `DTLSServer` and `PacketPeerDTLS` are made of.
//!
//! The protocol is `lodewire-dtls`. Its connections stand in one table, by the address of the other side, with the
//! cookies and limits of a server; what takes long in a handshake is done by the [workers](crate::workers).
//!
//! - A [`Server`] and a [`Peer`] have sockets of their own: they are served by the I/O thread.
//! - A [`Moved`] peer has none: the game moves its datagrams, as it must with a socket of the engine's.

mod admission;
mod associations;
mod config;
mod driver;
mod endpoint;
mod inbox;
mod moved;
mod peer;
mod server;
mod table;
mod verify;

pub(crate) use associations::{Associations, End, Event, Key};
pub use config::{ClientSetup, Limits, ServerSetup};
pub use inbox::Status;
pub use lodewire_dtls::CertificateError;
pub use moved::{Acceptor, Moved, Taken};
pub use peer::Peer;
pub use server::Server;
#[doc(hidden)]
pub use table::{Table, Told};

/// The longest packet, in bytes (RFC 5246 section 6.2.1).
pub const LONGEST_PACKET: usize = 1 << 14;

/// Why a packet is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is not there, or not any more.
    NotConnected,
    /// The packet is longer than [`LONGEST_PACKET`], or than the client takes (RFC 6066 section 4).
    TooLong,
    /// Too much waits for the network.
    Full,
}

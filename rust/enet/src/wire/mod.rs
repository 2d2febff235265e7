//! The wire format: ENet's `protocol.h`. All numbers are big-endian.
//!
//! ```text
//! datagram  = header [ checksum ] commands          commands may be compressed, together
//! header    = u16: compressed (bit 14), sent time follows (bit 15), session (bits 12, 13), peer id (bits 0 to 11)
//!             [ u16: sent time, in milliseconds ]
//! command   = u8: acknowledge (bit 7), unsequenced (bit 6), kind (bits 0 to 3)
//!             u8: channel, 255 for the connection itself
//!             u16: reliable sequence number
//!             what the kind has: see [`Body`]
//! ```

mod command;
mod connect;
mod header;
mod reader;

pub use command::{Body, Command, CommandKind, Commands, Fragment};
pub use connect::{Connect, ConnectParams};
pub use header::Header;

/// Maximum number of commands that a host writes into a datagram.
pub const MAX_COMMANDS: usize = 32;
/// The smallest MTU that may be negotiated.
pub const MIN_MTU: usize = 576;
/// The largest MTU that may be negotiated.
pub const MAX_MTU: usize = 4096;
/// The default MTU.
pub const DEFAULT_MTU: usize = 1392;
/// Minimum window size, in bytes of reliable data in flight (`ENET_PROTOCOL_MINIMUM_WINDOW_SIZE`).
pub const MIN_WINDOW_SIZE: u32 = 4096;
/// Maximum window size (`ENET_PROTOCOL_MAXIMUM_WINDOW_SIZE`).
pub const MAX_WINDOW_SIZE: u32 = 65_536;
/// Maximum number of channels (`ENET_PROTOCOL_MAXIMUM_CHANNEL_COUNT`).
pub const MAX_CHANNEL_COUNT: usize = 255;
/// Maximum number of peers: ids have 12 bits and 0xFFF is reserved.
pub const MAX_PEERS: usize = 0xFFF;
/// The peer id of a host that has none for this connection yet.
pub const NO_PEER: u16 = 0xFFF;
/// The channel of commands that concern the connection.
pub const CONTROL_CHANNEL: u8 = 0xFF;
/// Maximum number of fragments of a received packet (`ENET_PROTOCOL_MAXIMUM_FRAGMENT_COUNT`).
pub const MAX_FRAGMENT_COUNT: u32 = 1 << 20;
/// Maximum packet length, in bytes (`ENET_HOST_DEFAULT_MAXIMUM_PACKET_SIZE`).
pub const MAX_PACKET_SIZE: usize = 32 << 20;

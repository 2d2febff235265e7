//! The bytes of a datagram: ENet's `protocol.h`. All numbers are big-endian.
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

/// The most commands that a host puts into a datagram.
pub const MAX_COMMANDS: usize = 32;
/// The shortest longest datagram.
pub const MIN_MTU: usize = 576;
/// The longest datagram.
pub const MAX_MTU: usize = 4096;
/// The longest datagram of a host that was not told otherwise.
pub const DEFAULT_MTU: usize = 1392;
/// The least bytes of reliable packets under way at once that a host may ask for.
pub const MIN_WINDOW_SIZE: u32 = 4096;
/// The most.
pub const MAX_WINDOW_SIZE: u32 = 65_536;
/// The most channels of a connection.
pub const MAX_CHANNEL_COUNT: usize = 255;
/// The most connections of a host: peer ids have 12 bits, and one of them means nobody.
pub const MAX_PEERS: usize = 0xFFF;
/// The peer id of a host that has none for this connection yet.
pub const NO_PEER: u16 = 0xFFF;
/// The channel of the commands of the connection itself.
pub const CONTROL_CHANNEL: u8 = 0xFF;
/// The most pieces of a packet.
pub const MAX_FRAGMENT_COUNT: u32 = 1 << 20;
/// The longest packet, in bytes.
pub const MAX_PACKET_SIZE: usize = 32 << 20;

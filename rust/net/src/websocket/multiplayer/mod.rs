//! The engine's high-level multiplayer over WebSocket, in both of its packet formats.
//!
//! - **Godot 4**: the server's first message is the client's id, four bytes, little-endian. Every later message is a packet
//!   without a header. The engine itself relays between clients, inside the packets.
//! - **Godot 3**: every message starts with a header of nine bytes with its sender and its target. The server relays, and
//!   announces each client to the others.

mod client;
mod godot3_format;
mod server;

use super::{Failure, PendingRequest};
use std::rc::Rc;

pub use client::ClientMultiplayer;
pub use server::ServerMultiplayer;

/// The format of multiplayer packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketFormat {
    /// The format of Godot 3's `WebSocketServer` and `WebSocketClient`.
    Godot3,
    /// The format of Godot 4's `WebSocketMultiplayerPeer`.
    Godot4,
}

/// An event of the multiplayer mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiplayerEvent {
    /// This client has its id, and is connected to the server. Only on clients.
    Joined(i32),
    /// A client requests to connect. Only on servers.
    Request(Rc<PendingRequest>),
    /// A peer has connected.
    Connected(i32),
    /// A peer has disconnected. Its packets were read, or the game had one poll to read them.
    Disconnected(i32),
    /// A packet from this peer can be read.
    Packet(i32),
    /// A peer has started the closing handshake.
    CloseRequest {
        /// The id of the peer.
        id: i32,
        /// The code and reason of its Close frame.
        close: lodewire_websocket::CloseFrame,
    },
    /// The connection to the server could not be opened. Only on clients.
    Failed(Failure),
    /// The connection to the server is closed. Only on clients.
    Closed,
}

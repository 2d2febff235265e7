//! The engine's high-level multiplayer over WebSocket, in both its forms on the wire.
//!
//! - **Godot 4**: the server's first message is the client's id, four bytes, little-endian. After it every message is a
//!   packet, with nothing added. The engine relays between clients by itself, inside the packets.
//! - **Godot 3**: every message begins with a header of nine bytes that says from whom and to whom it
//!   is. The server relays, and tells each client of the others.

mod client;
mod server;
mod wire3;

use super::{Failure, PendingRequest};
use std::rc::Rc;

pub use client::ClientMultiplayer;
pub use server::ServerMultiplayer;

/// How multiplayer packets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// As Godot 3's `WebSocketServer` and `WebSocketClient`.
    Godot3,
    /// As Godot 4's `WebSocketMultiplayerPeer`.
    Godot4,
}

/// What the game is told in the multiplayer mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiplayerEvent {
    /// A client has its id, and is connected to the server. Told on the client alone.
    Joined(i32),
    /// A client asks to connect. Told on the server alone.
    Request(Rc<PendingRequest>),
    /// A peer can be reached.
    Connected(i32),
    /// A peer has gone. Its packets were read, or the game had a poll's time to read them.
    Disconnected(i32),
    /// A packet from this peer can be read.
    Packet(i32),
    /// A client asks to close.
    CloseRequest {
        /// Its id.
        id: i32,
        /// Its code and reason.
        close: lodewire_websocket::CloseFrame,
    },
    /// The connection to the server could not be opened, and why. Told on the client alone.
    Failed(Failure),
    /// The connection to the server is gone. Told on the client alone.
    Closed,
}

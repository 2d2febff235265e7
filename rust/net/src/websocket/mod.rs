//! WebSocket servers: the game's end, and what serves it on the I/O thread.
//!
//! [`Server`] and [`Peer`] belong to the game's thread. A driver on the I/O thread accepts connections, runs their
//! handshakes and codecs, answers pings and closes, and leaves what arrived in an inbox per peer. [`Server::poll`] takes
//! the inboxes of those peers that have something new, so its cost does not grow with the number of idle ones, and
//! [`Server::next_event`] hands out their content step by step: what a script sees of a peer changes with the event that
//! tells of it, not before.
//!
//! # Limits
//! What waits for the game is limited per peer by [`Limits`]. When an inbox is full its peer is not read until the game
//! has taken something: nothing is lost, TCP makes the sender wait. What waits for the network is limited likewise:
//! beyond it [`Peer::send`] refuses.

mod connection;
mod driver;
mod peer;
mod peers;
mod server;
mod shared;

pub use lodewire_websocket::{CloseCode, CloseFrame, MAX_CLOSE_REASON, MessageKind, is_token};
pub use peer::{Message, Peer, PeerState, SendError};
pub use server::{Server, ServerEvent};
pub use shared::{Config, Limits};

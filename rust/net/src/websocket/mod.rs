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

mod admission;
mod client;
mod client_driver;
mod connection;
mod endpoint;
pub mod multiplayer;
mod origins;
mod peer;
mod peer_shared;
mod proxies;
mod request;
mod server;
mod server_driver;
mod target;

pub use client::{Client, ClientConfig, ClientEvent, ConnectError, Failure};
pub use endpoint::{Limits, Settings};
pub use lodewire_websocket::{
    CloseCode, CloseFrame, DeflateOptions, HandshakeRejection, MAX_CLOSE_REASON, MessageKind,
    Request, StatusCode, is_handshake_header, is_health_path, is_token, is_valid_header,
};
pub use origins::Origins;
pub use peer::{Message, Peer, PeerState, SendError};
pub use proxies::{Proxies, ProxyHeader, parse_header as parse_proxy_header};
pub use request::PendingRequest;
pub use server::{Config, Server, ServerEvent};
pub use target::{Target, TargetError};

//! WebSocket servers and clients: the game's handles, and the drivers on the I/O thread.
//!
//! [`Server`] and [`Peer`] belong to the game thread. A driver on the I/O thread accepts connections, runs handshakes and
//! codecs, answers pings and Close frames, and puts arrivals into an inbox per peer. [`Server::poll`] takes the inboxes that
//! have changed, so its cost does not depend on the number of idle peers. [`Server::next_event`] returns their content event
//! by event: the visible state of a peer changes with the event that reports it, not before.
//!
//! # Limits
//! [`Limits`] bounds the inbox of each peer. While it is full the socket is not read: nothing is lost, and TCP flow control
//! makes the sender wait. The data queued for the network is bounded as well: over the limit [`Peer::send`] fails.

mod admission;
mod client;
mod client_driver;
mod connection;
mod endpoint;
pub mod multiplayer;
mod origins;
mod outgoing_message;
mod peer;
mod peer_shared;
mod proxies;
mod request;
mod server;
mod server_driver;
mod url;

pub use client::{Client, ClientConfig, ClientEvent, ConnectError, Failure};
pub use endpoint::{Limits, Settings};
pub use lodewire_websocket::{
    CloseCode, CloseFrame, DeflateOptions, HandshakeRejection, MAX_CLOSE_REASON, MessageKind,
    Request, StatusCode, is_handshake_header, is_health_path, is_token, is_valid_header,
};
pub use origins::Origins;
pub use outgoing_message::OutgoingMessage;
pub use peer::{Message, Peer, PeerState, SendError};
pub use proxies::{Proxies, ProxyHeader, parse_header as parse_proxy_header};
pub use request::PendingRequest;
pub use server::{Config, Server, ServerEvent};
pub use url::{UrlError, WebSocketUrl};

//! ENet over UDP: the implementation of Godot's `ENetConnection` and `ENetPacketPeer`.
//!
//! The protocol, [`lodewire_enet::Host`], runs on the I/O thread: acknowledgements, pings and retransmissions continue
//! while the game is busy. The game holds a [`Host`] and its [`Peer`]s. Each call of the game is queued as a command;
//! events return in a queue as well, and become visible to the game one at a time ([`Host::service`]).

mod backpressure;
mod commands;
mod config;
mod dial;
mod driver;
mod dtls_layer;
mod endpoint;
mod event;
mod host;
mod id_map;
mod inbox;
mod peer;
mod peer_shared;
mod peer_table;
mod simulator;
#[cfg(test)]
mod turn_tests;

pub use config::Config;
pub use event::Event;
pub use host::{ConnectError, Host, HostStatistic};
pub use id_map::IdMap;
pub use lodewire_enet::wire::MAX_PEERS;
pub use lodewire_enet::{Compression, Delivery, HostConfig, PeerState};
pub use peer::{Peer, PeerStatistic, Received, SendError};
pub use simulator::Simulation;

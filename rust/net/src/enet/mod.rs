//! ENet over UDP: what Godot's `ENetConnection` and `ENetPacketPeer` are made of.
//!
//! The protocol, [`lodewire_enet::Host`], runs on the I/O thread: acknowledgements, pings and repetitions go on while the
//! game is busy. What the game holds is a [`Host`] and its [`Peer`]s. Every call of the game travels in one ordered
//! queue; what comes back does as well, and is seen by the game event by event ([`Host::service`]).

mod commands;
mod dial;
mod driver;
mod dtls_layer;
mod endpoint;
mod host;
mod id_map;
mod inbox;
mod peer;
mod peer_shared;
mod simulator;
#[cfg(test)]
mod turn_tests;
mod waiting;

pub use host::{Config, ConnectError, Event, Host, HostStatistic};
pub use id_map::IdMap;
pub use lodewire_enet::wire::MAX_PEERS;
pub use lodewire_enet::{Compression, Delivery, HostConfig, PeerState};
pub use peer::{Peer, PeerStatistic, Received, SendError};
pub use simulator::Simulation;

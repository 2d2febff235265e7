//! ENet over UDP: what Godot's `ENetConnection` and `ENetPacketPeer` are made of.
//!
//! The protocol, [`lodewire_enet::Host`], runs on the I/O thread: acknowledgements, pings and repetitions go on while the
//! game is busy. What the game holds is a [`Connection`] and its [`Peer`]s. Every call of the game travels in one ordered
//! queue; what comes back does as well, and is seen by the game event by event ([`Connection::service`]).

mod commands;
mod connection;
mod dial;
mod driver;
mod endpoint;
mod id_map;
mod inbox;
mod peer;
mod peer_shared;
mod secure;
mod simulator;
#[cfg(test)]
mod turns;
mod waiting;

pub use connection::{Config, ConnectError, Connection, Event, HostStatistic};
pub use id_map::IdMap;
pub use lodewire_enet::wire::MAX_PEERS;
pub use lodewire_enet::{Compression, Delivery, HostConfig, PeerState};
pub use peer::{Peer, PeerStatistic, Received, SendError};
pub use simulator::Simulation;

//! The ENet protocol, version 1.3, without sockets, clock or randomness of its own.
//!
//! A [`Host`] is one end of many connections over one UDP socket. The caller hands it the datagrams that came
//! ([`Host::handle_datagram`]), the time ([`Host::handle_timeout`]) and what is to be sent ([`Host::send`]), and takes from it the
//! datagrams to send ([`Host::poll_transmit`]), what happened ([`Host::poll_events`]) and when it needs to be called next
//! ([`Host::poll_timeout`]). So every rule of the protocol can be tested on a virtual clock, with a seed.
//!
//! The wire is that of ENet's own `include/enet/protocol.h`, as Godot 3 and 4 speak it: see [`wire`]. What a host does is
//! what ENet does, but for where that harms: no walk over all peers for each datagram, no memory for a connection whose
//! address is not proven, no packet in pieces that is never given up.
//!
//! # Cost
//! A call costs what there is to do: peers that wait for nothing are not looked at, however many there are. Timers are a
//! heap, acknowledgements find their command by its sequence number. A packet is written once, as it goes into datagrams; one
//! that goes in pieces is shared by all who are sent it. What a datagram costs grows with its bytes: nothing walks over what a
//! peer has made this host keep before.
//!
//! # Limits
//! Peers' bytes are hostile. What a peer may make a host keep is limited by [`HostConfig::max_waiting_data`], for all peers
//! together by [`HostConfig::max_total_waiting_data`]; connections that are not proven yet by [`HostConfig::max_half_open`].
#![forbid(unsafe_code)]

mod compression;
mod config;
mod event;
mod host;
mod inflation;
mod packet;
mod peer;
mod time;
pub mod wire;

pub use compression::{Compression, Compressor};
pub use config::HostConfig;
pub use event::{Event, Events, PeerKey};
pub use host::{ConnectError, DISCONNECT_FULL, Host, HostStatistics, SendError, address_prefix};
pub use packet::{Delivery, Payload};
pub use peer::{PeerState, PeerStatistics};
pub use time::Time;

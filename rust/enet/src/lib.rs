#![doc = include_str!("../README.md")]
//!
//! # How it differs from ENet
//!
//! The wire format is that of ENet's `include/enet/protocol.h`, as Godot 3 and 4 use it: see [`wire`]. A host behaves
//! like ENet, except where ENet's behaviour is harmful: it does not visit all peers for each datagram, does not
//! allocate a peer before the remote address is validated, and always gives up incomplete packets.
//!
//! # Cost
//!
//! The cost of a call depends on the pending work: idle peers are never visited. Timers are kept in a heap, and an
//! acknowledgement finds its command by sequence number. A packet is encoded once, when it is queued; the fragments of
//! a packet that is sent to many peers with [`Host::send_shared`] share its bytes. The cost of a datagram depends on
//! its length only, not on what the peer has sent before.
//!
//! # Limits
//!
//! All input is treated as hostile. [`HostConfig::max_waiting_data`] limits the memory that one peer can use,
//! [`HostConfig::max_total_waiting_data`] that of all peers together, and [`HostConfig::max_half_open`] the number of
//! connections whose address is not validated.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod compression;
mod config;
mod decompression;
mod error;
mod event;
mod host;
mod packet;
mod peer;
mod time;
pub mod wire;

pub use compression::{Compression, Compressor};
pub use config::HostConfig;
pub use error::{ConnectError, SendError};
pub use event::{Event, Events, PeerKey};
pub use host::{DISCONNECT_FULL, Host, HostStatistics, address_prefix};
pub use packet::{Delivery, Payload};
pub use peer::{PeerState, PeerStatistics};
pub use time::Time;

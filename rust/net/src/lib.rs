//! Drivers for the protocol crates: sockets and timers on one I/O thread, and bounded queues to the game thread.
//!
//! All network I/O runs on a single thread per process ([`reactor`]), which starts with the first object that needs it and
//! ends with the last. A [`reactor::Driver`] serves a protocol on that thread; the game holds the other end, such as
//! [`websocket::Server`]. The two communicate through bounded queues: the game never waits for the network, and the
//! network never waits for the game.
//!
//! Long computations, such as the asymmetric cryptography of a handshake, run on the [`workers`].
//!
//! # Threads
//! No thread is detached: dropping the last user joins them. [`shutdown`] joins them even if they are still in use, before
//! the library is unloaded.
#![forbid(unsafe_code)]

pub mod certificates;
mod deadlines;
pub mod dtls;
pub mod enet;
mod happy_eyeballs;
mod jobs;
mod rate_limiter;
pub mod reactor;
mod stats;
mod tcp;
pub mod tls;
mod transport;
mod udp;
pub mod websocket;
pub mod workers;

pub use stats::Stats;
pub use tcp::{Bind, BindError};

/// Stops the I/O thread and the workers and joins them, for use before the library is unloaded. The connections of
/// objects that still use them are closed.
pub fn shutdown() {
    reactor::shutdown();
    workers::shutdown();
}

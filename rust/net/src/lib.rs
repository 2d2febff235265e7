//! The driver: sockets and timers on one I/O thread, and the bounded queues between it and the game's thread.
//!
//! Everything that talks to the network runs on a single I/O thread per process ([`reactor`]), which begins with the
//! first object that needs it and ends with the last. A protocol is served by a [`reactor::Driver`] there; what the game
//! holds is the other end, such as [`websocket::Server`]. The two meet in queues, each with a limit: the game never
//! waits for the network, and the network never waits for the game.
//!
//! Work that takes long, such as the asymmetric cryptography of a handshake, goes to the [`workers`].
//!
//! # Threads
//! No thread is detached and none has to be waited for by hand: dropping the last user joins them, and [`shutdown`] does
//! so whatever is still in use, before the library is unloaded.
#![forbid(unsafe_code)]

mod attempts;
pub mod certificates;
mod deadlines;
pub mod dtls;
pub mod enet;
mod figures;
mod jobs;
mod rate;
pub mod reactor;
mod tcp;
pub mod tls;
mod transport;
mod udp;
pub mod websocket;
pub mod workers;

pub use figures::Figures;
pub use tcp::{Bind, BindError};

/// Ends the I/O thread and the workers, and waits until they have ended: for the moment before the library is unloaded.
/// What still uses them finds its connections gone.
pub fn shutdown() {
    reactor::shutdown();
    workers::shutdown();
}

//! The metrics of a WebSocket server.

use crate::figures::{self, Summary};
use crate::websocket::subject::Subject;

/// All that was measured.
pub(crate) type Figures = figures::Figures<Figure, Subject>;

/// A metric of an implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Processor time per echoed message, in microseconds, under a load of [`crate::websocket::measure::LOADS`].
    EchoCpu(usize),
    /// The part of it in the program itself.
    EchoUser(usize),
    /// KiB per idle connection.
    Memory,
    /// Milliseconds until a burst is served.
    Burst,
    /// The number of clients of the burst that were served in time.
    BurstServed,
    /// Microseconds of the game's thread, for one of something.
    GameThread(Work),
    /// Microseconds of all threads for it.
    Process(Work),
}

impl Summary for Figure {
    fn is_sampled(self) -> bool {
        matches!(self, Self::EchoUser(_))
    }
}

/// The work of the game thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// An opening handshake.
    Handshake,
    /// One over TLS.
    TlsHandshake,
    /// An echo, one message per peer and frame.
    Echo,
    /// An echo, many messages per peer and frame.
    EchoMany,
    /// The same with the call that returns all of them.
    EchoBatch,
    /// A frame without anything new, with so many peers.
    IdleFrame(usize),
}

impl Work {
    /// Returns the name in the table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Handshake => "a ws:// handshake".to_owned(),
            Self::TlsHandshake => "a wss:// handshake".to_owned(),
            Self::Echo => "an echo, 100 peers × 1 message".to_owned(),
            Self::EchoMany => "an echo, 20 peers × 16 messages".to_owned(),
            Self::EchoBatch => "an echo by get_packets(), 20 × 16".to_owned(),
            Self::IdleFrame(peers) => format!("a frame with {peers} idle peers"),
        }
    }
}

//! The metrics of a DTLS implementation.

use super::game_thread::{JOINING, LOADS};
use super::in_memory::RECORD;
use super::keys::{KINDS, Kind};
use super::subject::Subject;
use crate::figures::{self, Summary};

/// All that was measured.
pub(crate) type Figures = figures::Figures<Figure, Subject>;

/// A metric of an implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Handshakes per second, both ends in one thread.
    Handshakes(Kind),
    /// Millions of records per second, sealed and opened.
    Records,
    /// Bytes of a connection's end that is idle.
    Memory,
    /// The memory of a server with its socket and the game's objects.
    ServerMemory,
    /// Milliseconds of the game's thread in the worst frame while clients join.
    WorstFrame,
    /// Microseconds of the game's thread for a handshake.
    GameHandshake,
    /// Microseconds of the whole process for it.
    ProcessHandshake,
    /// Microseconds of the game's thread for a packet that comes.
    GamePacket(Load),
    /// Microseconds of the whole process for it.
    ProcessPacket(Load),
}

/// The numbers of packets and clients per frame, and the way in which they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    pub(crate) peers: usize,
    pub(crate) packets: usize,
    pub(crate) batch: bool,
}

impl Load {
    fn name(self) -> String {
        let how = if self.batch { " of a batch" } else { "" };
        format!("a packet of {RECORD} B{how}, {} × {}", self.peers, self.packets)
    }
}

impl Summary for Figure {}

impl Figure {
    /// All of the protocol, in the order of the table.
    pub(crate) fn of_the_protocol() -> Vec<Self> {
        let handshakes = KINDS.map(Self::Handshakes).into_iter();
        handshakes.chain([Self::Records, Self::Memory, Self::ServerMemory]).collect()
    }

    /// All in the engine, with what the whole process took for each.
    pub(crate) fn in_the_engine() -> Vec<(Self, Option<Self>)> {
        let mut all =
            vec![(Self::WorstFrame, None), (Self::GameHandshake, Some(Self::ProcessHandshake))];
        all.extend(LOADS.map(|load| (Self::GamePacket(load), Some(Self::ProcessPacket(load)))));
        all
    }

    /// Returns the name.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Handshakes(kind) => format!("handshakes on one core, {}", kind.name()),
            Self::Records => format!("records of {RECORD} B on one core, sealed and opened"),
            Self::Memory => "memory of an idle server's end".to_owned(),
            Self::ServerMemory => "– of our server with its socket, in all".to_owned(),
            Self::WorstFrame => format!("game's thread: worst frame while {JOINING} join"),
            Self::GameHandshake => format!("game's thread: a handshake of {JOINING} at once"),
            Self::ProcessHandshake => format!("in all: a handshake of {JOINING} at once"),
            Self::GamePacket(load) => format!("game's thread: {}", load.name()),
            Self::ProcessPacket(load) => format!("in all: {}", load.name()),
        }
    }

    /// In what it is measured.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Handshakes(_) => "1/s",
            Self::Records => "M/s",
            Self::Memory | Self::ServerMemory => "B",
            Self::WorstFrame => "ms",
            Self::GameHandshake
            | Self::ProcessHandshake
            | Self::GamePacket(_)
            | Self::ProcessPacket(_) => "µs",
        }
    }
}

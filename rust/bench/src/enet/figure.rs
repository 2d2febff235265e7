//! The metrics of an ENet implementation.

use super::host::Delivery;
use super::measure::{
    BULK_PACKET, ECHO_CLIENTS, ECHO_DELIVERIES, FLOW_DELIVERIES, FLOW_PEERS, GAME_LOADS,
    IDLE_PEERS, MESSAGE, SLOTS,
};
use super::subject::Subject;
use crate::figures::{self, Summary};

/// All that was measured.
pub(crate) type Figures = figures::Figures<Figure, Subject>;

/// A metric of an implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Millions of packets per second in memory, from so many clients, by the time of both ends.
    Flow(Delivery, usize),
    /// The CPU time of the server only.
    FlowServer(Delivery, usize),
    /// Microseconds for a wake-up without anything to do.
    Idle(Slots),
    /// The server's microseconds of processor time per echo.
    Echo(Delivery),
    /// Megabytes per second.
    Bulk,
    /// Microseconds to compress a kibibyte.
    Compress,
    /// Microseconds to have it back.
    Decompress,
    /// Microseconds of the game's thread, for one of something.
    GameThread(Work),
    /// Microseconds of all threads for it.
    Process(Work),
}

/// The packets of a frame: their number, and the number of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    pub(crate) peers: usize,
    pub(crate) packets: usize,
}

impl Load {
    fn name(self) -> String {
        let Self { peers, packets } = self;
        format!("{peers} × {packets}")
    }
}

/// The work of the game thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// A packet that comes, by the documented calls.
    Receive(Load),
    /// The same with the calls that return many at once.
    Batch(Load),
    /// A packet that comes and goes back.
    Echo(Load),
    /// A frame without anything new, with so many peers.
    IdleFrame(usize),
}

impl Work {
    /// All, in the order of the table.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let packets = |load| [Self::Receive(load), Self::Batch(load), Self::Echo(load)].into_iter();
        GAME_LOADS.into_iter().flat_map(packets).chain(IDLE_PEERS.map(Self::IdleFrame))
    }

    /// Returns the name.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Receive(load) => format!("a packet, {}", load.name()),
            Self::Batch(load) => format!("a packet of a batch, {}", load.name()),
            Self::Echo(load) => format!("an echo, {}", load.name()),
            Self::IdleFrame(peers) => format!("a frame with {peers} idle peers"),
        }
    }
}

/// Places for peers, of which some are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slots {
    pub(crate) all: usize,
    pub(crate) connected: usize,
}

impl Summary for Figure {}

impl Figure {
    /// All of the protocol, in the order of the table.
    pub(crate) fn of_the_protocol() -> Vec<Self> {
        let flows = FLOW_PEERS.iter().flat_map(|peers| FLOW_DELIVERIES.map(|kind| (kind, *peers)));
        let flows = flows.flat_map(|(delivery, peers)| {
            [Self::Flow(delivery, peers), Self::FlowServer(delivery, peers)]
        });
        flows
            .chain(SLOTS.map(Self::Idle))
            .chain(ECHO_DELIVERIES.map(Self::Echo))
            .chain([Self::Bulk, Self::Compress, Self::Decompress])
            .collect()
    }

    /// Returns the name.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Flow(delivery, peers) => {
                format!("in memory: {}, {peers} peers", delivery.name())
            }
            Self::FlowServer(..) => "– by the server's time alone".to_owned(),
            Self::Idle(Slots { all, connected }) => {
                format!("an idle wake-up: {all} slots, {connected} connected")
            }
            Self::Echo(delivery) => format!(
                "server's processor time per echo: {}, {ECHO_CLIENTS} × {MESSAGE} B",
                delivery.name()
            ),
            Self::Bulk => format!("bulk: packets of {} MB, reliable", BULK_PACKET / 1_000_000),
            Self::Compress => "range coder: compress 1 KiB".to_owned(),
            Self::Decompress => "range coder: decompress to 1 KiB".to_owned(),
            Self::GameThread(work) => format!("game's thread: {}", work.name()),
            Self::Process(work) => format!("in all: {}", work.name()),
        }
    }

    /// In what it is measured.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Flow(..) | Self::FlowServer(..) => "M packets/s",
            Self::Idle(_)
            | Self::Echo(_)
            | Self::Compress
            | Self::Decompress
            | Self::GameThread(_)
            | Self::Process(_) => "µs",
            Self::Bulk => "MB/s",
        }
    }
}

//! What happened at a host.

use crate::packet::Delivery;
use bytes::Bytes;

/// A connection of a host: its place, and a number that no later connection in the same place has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl PeerKey {
    /// Its place, below 4095: for tables of the caller's own. A later connection may have the same.
    pub fn slot(self) -> usize {
        self.slot.into()
    }
}

/// What happened, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection is there: one that was [asked for](crate::Host::connect), or one that a remote host asked for.
    Connect {
        /// The new peer, or the one that `connect` returned.
        peer: PeerKey,
        /// The remote host's number of `connect`; 0 for the host that asked.
        data: u32,
    },
    /// A connection has ended: the remote host said so, or has confirmed that this one did, or does not answer. Its key
    /// is of no use any more.
    Disconnect {
        /// The peer that was.
        peer: PeerKey,
        /// The remote host's number of its disconnect, else 0.
        data: u32,
        /// Whether the remote host did not answer any more.
        timed_out: bool,
    },
    /// A packet has come.
    Receive {
        /// From whom.
        peer: PeerKey,
        /// On which channel.
        channel: u8,
        /// How it was sent.
        delivery: Delivery,
        /// The packet. It counts as waiting until [`Host::consumed`](crate::Host::consumed) is told its length.
        data: Bytes,
    },
}

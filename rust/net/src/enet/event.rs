//! Events for the game.

use super::peer::Peer;
use std::rc::Rc;

/// An event for the game.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection was established.
    Connect {
        /// The new peer, or the one that `connect` returned.
        peer: Rc<Peer>,
        /// The data value of the connecting host; 0 at that host.
        data: u32,
    },
    /// A connection has ended or failed.
    Disconnect {
        /// The disconnected peer.
        peer: Rc<Peer>,
        /// The data value of the disconnecting host; 0 at that host.
        data: u32,
        /// The cause in words, unless one of the two sides disconnected.
        reason: Option<String>,
    },
    /// A packet can be read from a peer.
    Receive {
        /// The peer.
        peer: Rc<Peer>,
        /// The channel of the packet.
        channel: u8,
    },
}

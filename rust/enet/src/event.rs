//! What happened at a host.

use crate::packet::{Delivery, Payload};
use std::collections::VecDeque;

/// A connection of a host: its place, and a number that no later connection in the same place has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl PeerKey {
    /// Its place, below 4095: for tables of the caller's own. A later connection may have the same.
    pub fn slot(self) -> u32 {
        self.slot.into()
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
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
        /// The packet. It counts as waiting until [`Host::release_capacity`](crate::Host::release_capacity) is told its length.
        data: Payload<'a>,
    },
}

impl Event<'_> {
    /// The same, to keep.
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Connect { peer, data } => Event::Connect { peer, data },
            Self::Disconnect { peer, data, timed_out } => {
                Event::Disconnect { peer, data, timed_out }
            }
            Self::Receive { peer, channel, delivery, data } => {
                let data = Payload::Owned(data.into_boxed());
                Event::Receive { peer, channel, delivery, data }
            }
        }
    }
}

/// What has happened at a host, in its order: [`Host::poll_events`](crate::Host::poll_events) fills it. Used again, it
/// allocates nothing, since the packets stand behind each other in one piece of memory.
#[derive(Debug, Default)]
pub struct Events {
    list: Vec<Recorded>,
    /// How many of them were told.
    told: usize,
    /// Packets that came in one piece.
    bytes: Vec<u8>,
    /// The others that were not told.
    wholes: VecDeque<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug)]
enum Recorded {
    Connect {
        peer: PeerKey,
        data: u32,
    },
    Disconnect {
        peer: PeerKey,
        data: u32,
        timed_out: bool,
    },
    Part {
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
        len: u16,
        start: usize,
    },
    /// The next of [`Events::wholes`].
    Whole {
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
    },
}

impl Events {
    /// The next one, if there is one more.
    #[inline]
    pub fn pop(&mut self) -> Option<Event<'_>> {
        let event = *self.list.get(self.told)?;
        self.told += 1;
        Some(match event {
            Recorded::Connect { peer, data } => Event::Connect { peer, data },
            Recorded::Disconnect { peer, data, timed_out } => {
                Event::Disconnect { peer, data, timed_out }
            }
            Recorded::Part { peer, channel, delivery, len, start } => {
                let data = Payload::Borrowed(&self.bytes[start..][..usize::from(len)]);
                Event::Receive { peer, channel, delivery, data }
            }
            Recorded::Whole { peer, channel, delivery } => {
                let data = Payload::Owned(self.wholes.pop_front().unwrap_or_default());
                Event::Receive { peer, channel, delivery, data }
            }
        })
    }

    /// Adds one, whose packet is no longer than a datagram unless it is whole.
    #[inline]
    pub(crate) fn push(&mut self, event: Event<'_>) {
        self.list.push(match event {
            Event::Connect { peer, data } => Recorded::Connect { peer, data },
            Event::Disconnect { peer, data, timed_out } => {
                Recorded::Disconnect { peer, data, timed_out }
            }
            Event::Receive { peer, channel, delivery, data } => match data {
                Payload::Borrowed(part) if let Ok(len) = u16::try_from(part.len()) => {
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(part);
                    Recorded::Part { peer, channel, delivery, len, start }
                }
                other => {
                    self.wholes.push_back(other.into_boxed());
                    Recorded::Whole { peer, channel, delivery }
                }
            },
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.told = 0;
        self.bytes.clear();
        self.wholes.clear();
    }
}

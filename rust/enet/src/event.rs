//! Events of a host.

use crate::packet::{Delivery, Payload};
use std::collections::VecDeque;

/// Identifies a connection of a host: a slot, and a generation that no later connection in the same slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerKey {
    pub(crate) slot: u16,
    pub(crate) generation: u32,
}

impl PeerKey {
    /// Returns the slot, below 4095, as an index for the caller's own tables. A later connection may use the same slot.
    pub fn slot(self) -> u32 {
        self.slot.into()
    }
}

/// An event of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection was established: one that was [requested here](crate::Host::connect), or one that a remote host
    /// requested.
    Connect {
        /// The new peer, or the one that `connect` returned.
        peer: PeerKey,
        /// The data value of the remote host's `connect`; 0 at the host that connected.
        data: u32,
    },
    /// A connection has ended: the remote host disconnected, confirmed a disconnect, or timed out. The key is no longer
    /// valid.
    Disconnect {
        /// The disconnected peer.
        peer: PeerKey,
        /// The data value of the remote host's disconnect, or 0.
        data: u32,
        /// True if the remote host timed out.
        timed_out: bool,
    },
    /// A packet was received.
    Receive {
        /// The sender.
        peer: PeerKey,
        /// The channel.
        channel: u8,
        /// The delivery mode.
        delivery: Delivery,
        /// The packet. It counts as waiting data until its length is passed to
        /// [`Host::release_capacity`](crate::Host::release_capacity).
        data: Payload<'a>,
    },
}

impl Event<'_> {
    /// Converts to an event that owns its packet.
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

/// Events of a host in order, filled by [`Host::poll_events`](crate::Host::poll_events). Reusing it avoids allocation,
/// since short packets are stored back to back in one buffer.
#[derive(Debug, Default)]
pub struct Events {
    records: Vec<EventRecord>,
    /// The index of the next event to return.
    next: usize,
    /// The bytes of packets that arrived in a single command.
    bytes: Vec<u8>,
    /// The other packets, in order.
    owned: VecDeque<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug)]
enum EventRecord {
    Connect {
        peer: PeerKey,
        data: u32,
    },
    Disconnect {
        peer: PeerKey,
        data: u32,
        timed_out: bool,
    },
    Borrowed {
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
        len: u16,
        start: usize,
    },
    /// The next packet of [`Events::owned`].
    Owned {
        peer: PeerKey,
        channel: u8,
        delivery: Delivery,
    },
}

impl Events {
    /// Returns the next event, if any.
    #[inline]
    pub fn pop(&mut self) -> Option<Event<'_>> {
        let event = *self.records.get(self.next)?;
        self.next += 1;
        Some(match event {
            EventRecord::Connect { peer, data } => Event::Connect { peer, data },
            EventRecord::Disconnect { peer, data, timed_out } => {
                Event::Disconnect { peer, data, timed_out }
            }
            EventRecord::Borrowed { peer, channel, delivery, len, start } => {
                let data = Payload::Borrowed(&self.bytes[start..][..usize::from(len)]);
                Event::Receive { peer, channel, delivery, data }
            }
            EventRecord::Owned { peer, channel, delivery } => {
                let data = Payload::Owned(self.owned.pop_front().unwrap_or_default());
                Event::Receive { peer, channel, delivery, data }
            }
        })
    }

    /// Appends an event. A borrowed packet is no longer than a datagram.
    #[inline]
    pub(crate) fn push(&mut self, event: Event<'_>) {
        self.records.push(match event {
            Event::Connect { peer, data } => EventRecord::Connect { peer, data },
            Event::Disconnect { peer, data, timed_out } => {
                EventRecord::Disconnect { peer, data, timed_out }
            }
            Event::Receive { peer, channel, delivery, data } => {
                match (u16::try_from(data.len()), data) {
                    (Ok(len), Payload::Borrowed(part)) => {
                        let start = self.bytes.len();
                        self.bytes.extend_from_slice(part);
                        EventRecord::Borrowed { peer, channel, delivery, len, start }
                    }
                    (_, other) => {
                        self.owned.push_back(other.into_boxed());
                        EventRecord::Owned { peer, channel, delivery }
                    }
                }
            }
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.next = 0;
        self.bytes.clear();
        self.owned.clear();
    }
}

//! What is to be sent on a channel, and what was sent and is not acknowledged.

use super::PACKET_OVERHEAD;
use crate::time::Time;
use crate::wire::{Body, Command, Connect, Fragment, Kind};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;

/// A command that is repeated until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Reliable {
    pub(crate) body: ReliableBody,
    /// When it was sent last.
    pub(crate) sent_at: Time,
    /// How many microseconds it may be under way before it counts as lost; set when it is sent first.
    pub(crate) timeout: u32,
    pub(crate) attempts: u8,
    /// It is under way, and does not wait for its turn.
    pub(crate) in_flight: bool,
}

impl Reliable {
    /// When it counts as lost.
    pub(crate) fn due(&self) -> Time {
        self.sent_at + Duration::from_micros(self.timeout.into())
    }
}

/// What such a command says.
#[derive(Debug)]
pub(crate) enum ReliableBody {
    Connect(Box<Connect>),
    Disconnect { data: u32 },
    Ping,
    BandwidthLimit { incoming: u32, outgoing: u32 },
    ThrottleConfigure { interval: u32, acceleration: u32, deceleration: u32 },
    Packet(Bytes),
    Piece(Piece),
}

/// A piece of a packet, on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The whole packet.
    pub(crate) packet: Bytes,
    /// Which piece it is.
    pub(crate) number: u32,
    /// The length of each piece but the last.
    pub(crate) len: u32,
}

impl Piece {
    /// As it is sent, for a packet with this sequence number.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    pub(crate) fn fragment(&self, start_sequence: u16) -> Fragment<'_> {
        let offset = self.number * self.len;
        Fragment {
            start_sequence,
            count: (self.packet.len() as u32).div_ceil(self.len),
            number: self.number,
            total_length: self.packet.len() as u32,
            offset,
            data: &self.packet[offset as usize..][..self.payload_len()],
        }
    }

    fn payload_len(&self) -> usize {
        (self.packet.len() - self.number as usize * self.len as usize).min(self.len as usize)
    }
}

impl ReliableBody {
    fn kind(&self) -> Kind {
        match self {
            Self::Connect(_) => Kind::Connect,
            Self::Disconnect { .. } => Kind::Disconnect,
            Self::Ping => Kind::Ping,
            Self::BandwidthLimit { .. } => Kind::BandwidthLimit,
            Self::ThrottleConfigure { .. } => Kind::ThrottleConfigure,
            Self::Packet(_) => Kind::SendReliable,
            Self::Piece(_) => Kind::SendFragment,
        }
    }

    /// The bytes of the packet, or piece, that it carries.
    #[inline]
    pub(crate) fn payload_len(&self) -> usize {
        match self {
            Self::Packet(data) => data.len(),
            Self::Piece(piece) => piece.payload_len(),
            _ => 0,
        }
    }

    /// How many bytes it counts for while it waits, if it carries a packet, or piece.
    pub(crate) fn cost(&self) -> usize {
        if self.has_payload() { self.payload_len() + PACKET_OVERHEAD } else { 0 }
    }

    /// Whether it carries a packet, or piece, so that the window holds it up.
    pub(crate) fn has_payload(&self) -> bool {
        matches!(self, Self::Packet(_) | Self::Piece(_))
    }

    /// How many bytes it takes in a datagram.
    pub(crate) fn encoded_len(&self) -> usize {
        self.kind().size() + self.payload_len()
    }

    #[inline]
    pub(crate) fn encode(&self, channel: u8, sequence: u16, out: &mut Vec<u8>) {
        let body = match self {
            Self::Connect(connect) => Body::Connect(**connect),
            Self::Disconnect { data } => Body::Disconnect { data: *data },
            Self::Ping => Body::Ping,
            &Self::BandwidthLimit { incoming, outgoing } => {
                Body::BandwidthLimit { incoming, outgoing }
            }
            &Self::ThrottleConfigure { interval, acceleration, deceleration } => {
                Body::ThrottleConfigure { interval, acceleration, deceleration }
            }
            Self::Packet(data) => Body::SendReliable { data },
            Self::Piece(piece) => {
                // The pieces of a packet follow each other.
                Body::SendFragment(piece.fragment(sequence.wrapping_sub(on_wire(piece.number))))
            }
        };
        Command { acknowledge: true, unsequenced: false, channel, sequence, body }.encode(out);
    }
}

/// The commands of a channel that are not acknowledged, by their sequence numbers: a ring, so that an acknowledgement
/// finds its command at once.
///
/// Within a host the numbers have 32 bits, so that more may wait than the wire's 16 bits tell apart; what was sent is never
/// more than those do.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged {
    /// The sequence number of the first.
    first: u32,
    commands: VecDeque<Option<Reliable>>,
}

impl Unacknowledged {
    /// A ring whose first command has the sequence number `first`.
    pub(crate) fn starting_at(first: u32) -> Self {
        Self { first, commands: VecDeque::new() }
    }

    /// Adds a command, and tells its sequence number.
    #[inline]
    pub(crate) fn push(&mut self, body: ReliableBody) -> u32 {
        let sequence = self.next_sequence();
        self.commands.push_back(Some(Reliable {
            body,
            sent_at: Time::default(),
            timeout: 0,
            attempts: 0,
            in_flight: false,
        }));
        sequence
    }

    /// The sequence number of the next command.
    #[expect(clippy::cast_possible_truncation, reason = "numbers wrap")]
    #[inline]
    pub(crate) fn next_sequence(&self) -> u32 {
        self.first.wrapping_add(self.commands.len() as u32)
    }

    /// How far `sequence` is from the oldest that is not acknowledged.
    #[inline]
    pub(crate) fn span(&self, sequence: u32) -> u32 {
        sequence.wrapping_sub(self.first)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, sequence: u32) -> Option<&mut Reliable> {
        let index = usize::try_from(self.span(sequence)).ok()?;
        self.commands.get_mut(index)?.as_mut()
    }

    /// Forgets a command that was sent, since the number on the wire was acknowledged, and tells of it.
    #[inline]
    pub(crate) fn acknowledge(&mut self, sequence: u16) -> Option<Acknowledged> {
        let index = usize::from(sequence.wrapping_sub(on_wire(self.first)));
        let slot = self.commands.get_mut(index)?;
        let command = slot.as_ref()?;
        if command.attempts == 0 {
            return None;
        }
        let acknowledged = Acknowledged {
            payload: command.body.payload_len(),
            cost: command.body.cost(),
            sent_at: command.sent_at,
            attempts: command.attempts,
            in_flight: command.in_flight,
            is_disconnect: matches!(command.body, ReliableBody::Disconnect { .. }),
        };
        *slot = None;
        while let Some(None) = self.commands.front() {
            self.commands.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        Some(acknowledged)
    }
}

/// A command that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) payload: usize,
    pub(crate) cost: usize,
    pub(crate) sent_at: Time,
    pub(crate) attempts: u8,
    pub(crate) in_flight: bool,
    pub(crate) is_disconnect: bool,
}

/// A sequence number as it is sent.
#[expect(clippy::cast_possible_truncation, reason = "the wire has the low 16 bits")]
pub(crate) fn on_wire(sequence: u32) -> u16 {
    sequence as u16
}

/// A packet that is sent once.
#[derive(Debug)]
pub(crate) struct Unreliable {
    pub(crate) channel: u8,
    pub(crate) kind: UnreliableKind,
    pub(crate) data: Bytes,
    /// The place among all that is to be sent.
    pub(crate) order: u32,
}

/// How it is sent.
#[derive(Debug)]
pub(crate) enum UnreliableKind {
    Whole {
        /// The reliable command before it.
        sequence: u16,
        unreliable_sequence: u16,
    },
    Pieces {
        sequence: u16,
        unreliable_sequence: u16,
        /// The length of each piece but the last.
        piece: u32,
        /// How many are sent already.
        sent: u32,
    },
    Unsequenced {
        group: u16,
    },
}

impl Unreliable {
    /// How many bytes its next command takes in a datagram.
    pub(crate) fn next_len(&self) -> usize {
        match self.kind {
            UnreliableKind::Whole { .. } | UnreliableKind::Unsequenced { .. } => {
                Kind::SendUnreliable.size() + self.data.len()
            }
            UnreliableKind::Pieces { piece, sent, .. } => {
                let rest = self.data.len() - sent as usize * piece as usize;
                Kind::SendUnreliableFragment.size() + rest.min(piece as usize)
            }
        }
    }

    /// How many bytes it counts for while it waits.
    pub(crate) fn cost(&self) -> usize {
        self.data.len() + PACKET_OVERHEAD
    }

    /// Whether nothing of it was sent yet.
    pub(crate) fn is_first(&self) -> bool {
        !matches!(self.kind, UnreliableKind::Pieces { sent: 1.., .. })
    }

    /// Writes its next command. Says whether that was the last.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    #[inline]
    pub(crate) fn encode_next(&mut self, out: &mut Vec<u8>) -> bool {
        let (sequence, body, last) = match &mut self.kind {
            UnreliableKind::Whole { sequence, unreliable_sequence } => {
                let unreliable_sequence = *unreliable_sequence;
                (*sequence, Body::SendUnreliable { unreliable_sequence, data: &self.data }, true)
            }
            UnreliableKind::Unsequenced { group } => {
                (0, Body::SendUnsequenced { group: *group, data: &self.data }, true)
            }
            UnreliableKind::Pieces { sequence, unreliable_sequence, piece, sent } => {
                let total = self.data.len();
                let begin = *sent as usize * *piece as usize;
                let end = total.min(begin + *piece as usize);
                let fragment = Fragment {
                    start_sequence: *unreliable_sequence,
                    count: (total as u32).div_ceil(*piece),
                    number: *sent,
                    total_length: total as u32,
                    offset: begin as u32,
                    data: &self.data[begin..end],
                };
                *sent += 1;
                (*sequence, Body::SendUnreliableFragment(fragment), end == total)
            }
        };
        let unsequenced = matches!(body, Body::SendUnsequenced { .. });
        let channel = self.channel;
        Command { acknowledge: false, unsequenced, channel, sequence, body }.encode(out);
        last
    }
}

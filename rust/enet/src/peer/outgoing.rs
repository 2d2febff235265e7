//! What is to be sent on a channel, and what was sent and is not acknowledged.

use super::written::{Place, Written};
use crate::time::Time;
use crate::wire::{Body, Command, CommandKind, Fragment};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a packet, or piece, that waits to be sent counts for beside its bytes.
pub(super) const PACKET_OVERHEAD: usize = 64;

/// A command that is repeated until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Reliable {
    pub(crate) kind: CommandKind,
    /// Where it is written, unless it is a piece.
    place: Place,
    piece: Option<Box<Piece>>,
    /// When it was sent last.
    pub(crate) sent_at: Time,
    pub(crate) attempts: u8,
    /// It is under way, and does not wait for its turn.
    pub(crate) in_flight: bool,
}

impl Reliable {
    /// Whether it is, since that time.
    pub(crate) fn is_under_way(&self, sent_at: Time) -> bool {
        self.in_flight && self.sent_at == sent_at
    }

    /// The bytes of the packet, or piece, that it carries.
    #[inline]
    pub(crate) fn payload_len(&self) -> usize {
        self.encoded_len() - self.kind.size()
    }

    /// How many bytes it counts for while it waits, if it carries a packet, or piece.
    fn cost(&self) -> usize {
        if self.has_payload() { self.payload_len() + PACKET_OVERHEAD } else { 0 }
    }

    /// Whether it carries a packet, or piece, so that the window holds it up.
    #[inline]
    pub(crate) fn has_payload(&self) -> bool {
        matches!(self.kind, CommandKind::SendReliable | CommandKind::SendFragment)
    }

    /// How many bytes it takes in a datagram.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        match &self.piece {
            Some(piece) => CommandKind::SendFragment.size() + piece.payload_len(),
            None => self.place.len.into(),
        }
    }
}

/// A piece of a packet, on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The whole packet.
    pub(crate) packet: Arc<[u8]>,
    /// Which piece it is.
    pub(crate) number: u32,
    /// The length of each piece but the last.
    pub(crate) len: u32,
}

impl Piece {
    /// As it is sent, for a packet with this sequence number.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    fn fragment(&self, start_sequence: u16) -> Fragment<'_> {
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
    written: Written,
}

impl Unacknowledged {
    /// A ring whose first command has the sequence number `first`.
    pub(crate) fn starting_at(first: u32) -> Self {
        Self { first, ..Self::default() }
    }

    /// Adds a command of a channel, and tells its sequence number.
    #[expect(clippy::inline_always, reason = "as for `Command::encode`, which it calls")]
    #[inline(always)]
    pub(crate) fn push(&mut self, channel: u8, body: Body<'_>) -> u32 {
        let (kind, sequence) = (body.kind(), on_wire(self.next_sequence()));
        let command = Command { acknowledge: true, unsequenced: false, channel, sequence, body };
        let place = self.written.push(&command);
        self.push_new(kind, place, None)
    }

    /// Adds a piece of a packet, and tells its sequence number.
    pub(crate) fn push_piece(&mut self, piece: Piece) -> u32 {
        self.push_new(CommandKind::SendFragment, self.written.nothing(), Some(Box::new(piece)))
    }

    #[inline]
    fn push_new(&mut self, kind: CommandKind, place: Place, piece: Option<Box<Piece>>) -> u32 {
        let sequence = self.next_sequence();
        self.commands.push_back(Some(Reliable {
            kind,
            place,
            piece,
            sent_at: Time::default(),
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

    /// Writes a command of a channel onto the end of `out`.
    #[inline]
    pub(crate) fn encode(&self, channel: u8, sequence: u32, out: &mut Vec<u8>) {
        let index = usize::try_from(self.span(sequence)).ok();
        let Some(Some(command)) = index.and_then(|index| self.commands.get(index)) else { return };
        match &command.piece {
            None => out.extend_from_slice(self.written.get(command.place)),
            Some(piece) => {
                // The pieces of a packet follow each other.
                let sequence = on_wire(sequence);
                let fragment = piece.fragment(sequence.wrapping_sub(on_wire(piece.number)));
                let body = Body::SendFragment(fragment);
                Command { acknowledge: true, unsequenced: false, channel, sequence, body }
                    .encode(out);
            }
        }
    }

    /// Forgets a command that was sent, since the number on the wire was acknowledged, and tells of it.
    #[inline]
    pub(crate) fn acknowledge(&mut self, sequence: u16) -> Option<Acknowledged> {
        let index = usize::from(sequence.wrapping_sub(on_wire(self.first)));
        let slot = self.commands.get_mut(index)?;
        if slot.as_ref().is_none_or(|command| command.attempts == 0) {
            return None;
        }
        let command = if index == 0 { self.pop_front() } else { slot.take() }?;
        let acknowledged = Acknowledged {
            payload: command.payload_len(),
            cost: command.cost(),
            sent_at: command.sent_at,
            attempts: command.attempts,
            in_flight: command.in_flight,
            is_disconnect: command.kind == CommandKind::Disconnect,
        };
        Some(acknowledged)
    }

    /// Takes out the first, and those after it that are acknowledged.
    #[inline]
    fn pop_front(&mut self) -> Option<Reliable> {
        let first = self.commands.pop_front()?;
        self.first = self.first.wrapping_add(1);
        while let Some(None) = self.commands.front() {
            self.commands.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        let rest = self.commands.front().and_then(Option::as_ref);
        self.written.release(rest.map(|command| command.place));
        first
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
    /// The place among all that is to be sent.
    pub(crate) order: u32,
    /// Where it is written, unless it goes in pieces.
    pub(crate) place: Place,
    pub(crate) pieces: Option<Box<Pieces>>,
}

/// A packet that is sent once, in pieces.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) channel: u8,
    /// The reliable command before it.
    pub(crate) sequence: u16,
    pub(crate) unreliable_sequence: u16,
    /// The length of each piece but the last.
    pub(crate) piece: u32,
    /// How many are sent already.
    pub(crate) sent: u32,
    pub(crate) packet: Arc<[u8]>,
}

impl Unreliable {
    /// How many bytes its next command takes in a datagram.
    #[inline]
    pub(crate) fn next_len(&self) -> usize {
        match &self.pieces {
            None => self.place.len.into(),
            Some(pieces) => {
                let rest = pieces.packet.len() - pieces.sent as usize * pieces.piece as usize;
                CommandKind::SendUnreliableFragment.size() + rest.min(pieces.piece as usize)
            }
        }
    }

    /// How many bytes it counts for while it waits.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        let len = match &self.pieces {
            // An unsequenced one has as many beside its own.
            None => usize::from(self.place.len) - CommandKind::SendUnreliable.size(),
            Some(pieces) => pieces.packet.len(),
        };
        len + PACKET_OVERHEAD
    }

    /// Whether nothing of it was sent yet.
    #[inline]
    pub(crate) fn is_first(&self) -> bool {
        self.pieces.as_ref().is_none_or(|pieces| pieces.sent == 0)
    }
}

impl Pieces {
    /// Writes the next one. Says whether that was the last.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    pub(crate) fn encode_next(&mut self, out: &mut Vec<u8>) -> bool {
        let total = self.packet.len();
        let begin = self.sent as usize * self.piece as usize;
        let end = total.min(begin + self.piece as usize);
        let body = Body::SendUnreliableFragment(Fragment {
            start_sequence: self.unreliable_sequence,
            count: (total as u32).div_ceil(self.piece),
            number: self.sent,
            total_length: total as u32,
            offset: begin as u32,
            data: &self.packet[begin..end],
        });
        let (channel, sequence) = (self.channel, self.sequence);
        Command { acknowledge: false, unsequenced: false, channel, sequence, body }.encode(out);
        self.sent += 1;
        end == total
    }
}

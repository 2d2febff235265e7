//! Queued and unacknowledged packets of a channel.

use super::command_buffer::{CommandBuffer, Span};
use crate::time::Time;
use crate::wire::{Body, Command, CommandKind, Fragment};
use std::collections::VecDeque;
use std::sync::Arc;

/// Overhead charged for a queued packet or fragment.
pub(super) const PACKET_OVERHEAD: usize = 64;

/// A command that is retransmitted until it is acknowledged.
#[derive(Debug)]
pub(crate) struct ReliableCommand {
    pub(crate) kind: CommandKind,
    /// Its encoded bytes, unless it is a fragment.
    span: Span,
    fragment: Option<Box<OutgoingFragment>>,
    /// When it was last sent.
    pub(crate) sent_at: Time,
    pub(crate) attempts: u8,
    /// True while it is in flight; false while it is queued.
    pub(crate) in_flight: bool,
}

impl ReliableCommand {
    /// Returns true if it is in flight since `sent_at`.
    pub(crate) fn is_in_flight_since(&self, sent_at: Time) -> bool {
        self.in_flight && self.sent_at == sent_at
    }

    /// Returns the length of the packet or fragment that it carries.
    #[inline]
    pub(crate) fn payload_len(&self) -> usize {
        self.encoded_len() - self.kind.size()
    }

    /// Returns the bytes charged while it is queued, if it carries a packet or fragment.
    fn cost(&self) -> usize {
        if self.has_payload() { self.payload_len() + PACKET_OVERHEAD } else { 0 }
    }

    /// Returns true if it carries a packet or fragment, so that the window applies.
    #[inline]
    pub(crate) fn has_payload(&self) -> bool {
        matches!(self.kind, CommandKind::SendReliable | CommandKind::SendFragment)
    }

    /// Returns its encoded length.
    #[inline]
    pub(crate) fn encoded_len(&self) -> usize {
        match &self.fragment {
            Some(fragment) => CommandKind::SendFragment.size() + fragment.payload_len(),
            None => self.span.len.into(),
        }
    }
}

/// A fragment of a packet to send.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingFragment {
    /// The whole packet.
    pub(crate) packet: Arc<[u8]>,
    /// The fragment number.
    pub(crate) number: u32,
    /// The length of each fragment but the last.
    pub(crate) len: u32,
}

impl OutgoingFragment {
    /// Returns the wire form, for a packet with this sequence number.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    fn to_wire(&self, start_sequence: u16) -> Fragment<'_> {
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

/// The queued and unacknowledged commands of a channel, by sequence number, in a ring buffer: an acknowledgement finds
/// its command without a search.
///
/// Sequence numbers have 32 bits here, so more commands can be queued than the wire's 16 bits distinguish. The number
/// of commands in flight always stays below that.
#[derive(Debug, Default)]
pub(crate) struct ReliableCommands {
    /// The sequence number of the first.
    first: u32,
    commands: VecDeque<Option<ReliableCommand>>,
    buffer: CommandBuffer,
}

impl ReliableCommands {
    /// Creates a buffer whose first command has the sequence number `first`.
    pub(crate) fn starting_at(first: u32) -> Self {
        Self { first, ..Self::default() }
    }

    /// Appends a command, and returns its sequence number.
    #[expect(clippy::inline_always, reason = "as for `Command::encode`, which it calls")]
    #[inline(always)]
    pub(crate) fn push(&mut self, channel: u8, body: Body<'_>) -> u32 {
        let (kind, sequence) = (body.kind(), wire_sequence(self.next_sequence()));
        let command = Command { acknowledge: true, unsequenced: false, channel, sequence, body };
        let span = self.buffer.push(&command);
        self.push_new(kind, span, None)
    }

    /// Appends a fragment, and returns its sequence number.
    pub(crate) fn push_fragment(&mut self, fragment: OutgoingFragment) -> u32 {
        self.push_new(CommandKind::SendFragment, self.buffer.empty_span(), Some(Box::new(fragment)))
    }

    #[inline]
    fn push_new(
        &mut self,
        kind: CommandKind,
        span: Span,
        fragment: Option<Box<OutgoingFragment>>,
    ) -> u32 {
        let sequence = self.next_sequence();
        self.commands.push_back(Some(ReliableCommand {
            kind,
            span,
            fragment,
            sent_at: Time::default(),
            attempts: 0,
            in_flight: false,
        }));
        sequence
    }

    /// Returns the sequence number of the next command.
    #[expect(clippy::cast_possible_truncation, reason = "numbers wrap")]
    #[inline]
    pub(crate) fn next_sequence(&self) -> u32 {
        self.first.wrapping_add(self.commands.len() as u32)
    }

    /// Returns the distance of `sequence` from the oldest unacknowledged command.
    #[inline]
    pub(crate) fn distance(&self, sequence: u32) -> u32 {
        sequence.wrapping_sub(self.first)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, sequence: u32) -> Option<&mut ReliableCommand> {
        let index = usize::try_from(self.distance(sequence)).ok()?;
        self.commands.get_mut(index)?.as_mut()
    }

    /// Appends an encoded command to `out`.
    #[inline]
    pub(crate) fn encode(&self, channel: u8, sequence: u32, out: &mut Vec<u8>) {
        let index = usize::try_from(self.distance(sequence)).ok();
        let Some(Some(command)) = index.and_then(|index| self.commands.get(index)) else { return };
        match &command.fragment {
            None => out.extend_from_slice(self.buffer.get(command.span)),
            Some(fragment) => {
                // The fragments of a packet have consecutive numbers.
                let sequence = wire_sequence(sequence);
                let fragment =
                    fragment.to_wire(sequence.wrapping_sub(wire_sequence(fragment.number)));
                let body = Body::SendFragment(fragment);
                Command { acknowledge: true, unsequenced: false, channel, sequence, body }
                    .encode(out);
            }
        }
    }

    /// Removes the sent command with this number on the wire, and returns its data.
    #[inline]
    pub(crate) fn acknowledge(&mut self, sequence: u16) -> Option<AcknowledgedCommand> {
        let index = usize::from(sequence.wrapping_sub(wire_sequence(self.first)));
        let slot = self.commands.get_mut(index)?;
        if slot.as_ref().is_none_or(|command| command.attempts == 0) {
            return None;
        }
        let command = if index == 0 { self.pop_front() } else { slot.take() }?;
        let acknowledged = AcknowledgedCommand {
            payload: command.payload_len(),
            cost: command.cost(),
            sent_at: command.sent_at,
            attempts: command.attempts,
            in_flight: command.in_flight,
            is_disconnect: command.kind == CommandKind::Disconnect,
        };
        Some(acknowledged)
    }

    /// Removes the first command, and acknowledged ones after it.
    #[inline]
    fn pop_front(&mut self) -> Option<ReliableCommand> {
        let first = self.commands.pop_front()?;
        self.first = self.first.wrapping_add(1);
        while let Some(None) = self.commands.front() {
            self.commands.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        let rest = self.commands.front().and_then(Option::as_ref);
        self.buffer.release_before(rest.map(|command| command.span));
        first
    }
}

/// An acknowledged command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcknowledgedCommand {
    pub(crate) payload: usize,
    pub(crate) cost: usize,
    pub(crate) sent_at: Time,
    pub(crate) attempts: u8,
    pub(crate) in_flight: bool,
    pub(crate) is_disconnect: bool,
}

/// Returns the sequence number on the wire.
#[expect(clippy::cast_possible_truncation, reason = "the wire has the low 16 bits")]
pub(crate) fn wire_sequence(sequence: u32) -> u16 {
    sequence as u16
}

/// A packet that is sent once.
#[derive(Debug)]
pub(crate) struct UnreliablePacket {
    /// The place in the send order.
    pub(crate) send_order: u32,
    /// Its encoded bytes, unless it is sent in fragments.
    pub(crate) span: Span,
    pub(crate) fragments: Option<Box<UnreliableFragments>>,
}

/// A packet that is sent once, in fragments.
#[derive(Debug)]
pub(crate) struct UnreliableFragments {
    pub(crate) channel: u8,
    /// The sequence number of the reliable command before it.
    pub(crate) sequence: u16,
    pub(crate) unreliable_sequence: u16,
    /// The length of each fragment but the last.
    pub(crate) fragment_len: u32,
    /// The number of fragments sent.
    pub(crate) sent: u32,
    pub(crate) packet: Arc<[u8]>,
}

impl UnreliablePacket {
    /// Returns the encoded length of its next command.
    #[inline]
    pub(crate) fn next_len(&self) -> usize {
        match &self.fragments {
            None => self.span.len.into(),
            Some(fragments) => {
                let rest = fragments.packet.len()
                    - fragments.sent as usize * fragments.fragment_len as usize;
                CommandKind::SendUnreliableFragment.size()
                    + rest.min(fragments.fragment_len as usize)
            }
        }
    }

    /// Returns the bytes charged while it is queued.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        let len = match &self.fragments {
            // Unsequenced commands have the same overhead.
            None => usize::from(self.span.len) - CommandKind::SendUnreliable.size(),
            Some(fragments) => fragments.packet.len(),
        };
        len + PACKET_OVERHEAD
    }

    /// Returns true if no fragment was sent yet.
    #[inline]
    pub(crate) fn is_first(&self) -> bool {
        self.fragments.as_ref().is_none_or(|fragments| fragments.sent == 0)
    }
}

impl UnreliableFragments {
    /// Appends the next fragment to `out`. Returns true if it was the last.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    pub(crate) fn encode_next(&mut self, out: &mut Vec<u8>) -> bool {
        let total = self.packet.len();
        let begin = self.sent as usize * self.fragment_len as usize;
        let end = total.min(begin + self.fragment_len as usize);
        let body = Body::SendUnreliableFragment(Fragment {
            start_sequence: self.unreliable_sequence,
            count: (total as u32).div_ceil(self.fragment_len),
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

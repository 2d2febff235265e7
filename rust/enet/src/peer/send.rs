//! Queueing packets (`enet_peer_send`), and filling datagrams (`enet_protocol_check_outgoing_commands`).

use super::command_buffer::Span;
use super::outgoing::{
    OutgoingFragment, PACKET_OVERHEAD, UnreliableFragments, UnreliablePacket, wire_sequence,
};
use super::sequence_range::{self, SequenceRange};
use super::throttle::SCALE;
use super::{Peer, PeerState, QueuedRange, SentRange};
use crate::packet::Delivery;
use crate::time::Time;
use crate::wire::{Body, CONTROL_CHANNEL, Command, CommandKind, MAX_COMMANDS};
use std::collections::VecDeque;
use std::sync::Arc;

/// The last sequence number of unreliable packets between two reliable ones; the next packet is sent reliably.
const MAX_UNRELIABLE_SEQUENCE: u16 = 0xFFFF;
/// Maximum distance of a command sent first from the oldest unacknowledged one of its channel: two windows of
/// `ENET_PEER_RELIABLE_WINDOW_SIZE`, well within what the remote host accepts.
const MAX_SEQUENCE_DISTANCE: u32 = 2 * 4096;

/// The contents of a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DatagramContents {
    pub(crate) commands: usize,
    /// A command must be acknowledged, so the datagram needs its sent time.
    pub(crate) needs_sent_time: bool,
}

/// A datagram being built.
struct DatagramBuilder<'a> {
    contents: DatagramContents,
    out: &'a mut Vec<u8>,
    /// The maximum length of `out`.
    end: usize,
}

impl DatagramBuilder<'_> {
    fn fits(&self, len: usize) -> bool {
        self.contents.commands < MAX_COMMANDS && self.out.len() + len <= self.end
    }
}

/// The result of sending a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendResult {
    /// Written, or no longer needed.
    Written,
    /// The window is full.
    WindowBlocked,
    /// The datagram is full.
    DatagramFull,
}

impl Peer {
    /// Queues a command of the control channel.
    pub(crate) fn queue_control(&mut self, body: &Body<'_>) {
        self.outgoing_total += body.kind().size() as u64;
        let sequence = self.control.push(CONTROL_CHANNEL, *body);
        sequence_range::push(&mut self.queued_control, CONTROL_CHANNEL, sequence);
    }

    /// Queues a packet, in fragments of `fragment_len` bytes if it is longer than that. The fragments share `shared`,
    /// if given.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    #[inline]
    pub(crate) fn queue_packet(
        &mut self,
        number: u8,
        delivery: Delivery,
        data: &[u8],
        shared: Option<&Arc<[u8]>>,
        fragment_len: usize,
    ) {
        self.send_order = self.send_order.wrapping_add(1);
        self.outgoing_total += (data.len() + CommandKind::SendReliable.size()) as u64;
        let whole = data.len() <= fragment_len;
        let packet = || shared.map_or_else(|| data.into(), Arc::clone);
        if whole && matches!(delivery, Delivery::Unsequenced | Delivery::UnsequencedFragment) {
            self.outgoing_group = self.outgoing_group.wrapping_add(1);
            let body = Body::SendUnsequenced { group: self.outgoing_group, data };
            self.queue_unreliable(number, 0, body);
            return;
        }
        let channel = self.channel(number);
        if delivery != Delivery::Reliable
            && channel.outgoing_unreliable < MAX_UNRELIABLE_SEQUENCE
            && (whole || delivery.fragments_unreliably())
        {
            channel.outgoing_unreliable += 1;
            let unreliable_sequence = channel.outgoing_unreliable;
            let sequence = wire_sequence(channel.reliable.next_sequence().wrapping_sub(1));
            if whole {
                let body = Body::SendUnreliable { unreliable_sequence, data };
                self.queue_unreliable(number, sequence, body);
            } else {
                let fragments = UnreliableFragments {
                    channel: number,
                    sequence,
                    unreliable_sequence,
                    fragment_len: fragment_len as u32,
                    sent: 0,
                    packet: packet(),
                };
                let span = self.unreliable_buffer.empty_span();
                self.push_unreliable(span, Some(Box::new(fragments)));
            }
        } else if whole {
            let sequence = channel.reliable.push(number, Body::SendReliable { data });
            self.queue_reliable(number, sequence, data.len());
        } else {
            let packet = packet();
            for index in 0..data.len().div_ceil(fragment_len) as u32 {
                let len = fragment_len.min(data.len() - index as usize * fragment_len);
                let fragment = OutgoingFragment {
                    packet: Arc::clone(&packet),
                    number: index,
                    len: fragment_len as u32,
                };
                let sequence = self.channel(number).reliable.push_fragment(fragment);
                self.queue_reliable(number, sequence, len);
            }
        }
    }

    #[inline]
    fn queue_unreliable(&mut self, channel: u8, sequence: u16, body: Body<'_>) {
        let unsequenced = matches!(body, Body::SendUnsequenced { .. });
        let command = Command { acknowledge: false, unsequenced, channel, sequence, body };
        let span = self.unreliable_buffer.push(&command);
        self.push_unreliable(span, None);
    }

    #[inline]
    fn push_unreliable(&mut self, span: Span, fragments: Option<Box<UnreliableFragments>>) {
        let unreliable = UnreliablePacket { send_order: self.send_order, span, fragments };
        self.outgoing_bytes += unreliable.cost();
        self.queued_unreliable.push_back(unreliable);
    }

    #[inline]
    fn queue_reliable(&mut self, number: u8, sequence: u32, len: usize) {
        self.channel(number).outgoing_unreliable = 0;
        self.outgoing_bytes += len + PACKET_OVERHEAD;
        let order = self.send_order;
        if let Some(last) = self.queued_reliable.back_mut()
            && order.wrapping_sub(last.last_send_order) <= 1
            && last.range.try_extend(number, sequence)
        {
            last.last_send_order = order;
        } else {
            let range = SequenceRange::single(number, sequence);
            self.queued_reliable.push_back(QueuedRange {
                range,
                send_order: order,
                last_send_order: order,
            });
        }
    }

    /// Returns true if anything is queued or unacknowledged.
    pub(crate) fn has_outgoing(&self) -> bool {
        self.unacknowledged > 0
            || !self.queued_control.is_empty()
            || !self.lost.is_empty()
            || !self.queued_reliable.is_empty()
            || !self.queued_unreliable.is_empty()
    }

    /// Returns true if nothing is queued.
    pub(crate) fn is_drained(&self) -> bool {
        self.acknowledgements.is_empty()
            && self.queued_control.is_empty()
            && self.lost.is_empty()
            && self.queued_reliable.is_empty()
            && self.queued_unreliable.is_empty()
    }

    /// Appends commands to `out`, up to a length of `end` bytes.
    pub(crate) fn build_datagram(
        &mut self,
        now: Time,
        out: &mut Vec<u8>,
        end: usize,
    ) -> DatagramContents {
        let mut builder = DatagramBuilder { contents: DatagramContents::default(), out, end };
        self.write_acknowledgements(&mut builder);
        self.write_commands(now, &mut builder);
        if builder.contents.commands > 0 {
            self.loss.update(now);
        }
        builder.contents
    }

    fn write_commands(&mut self, now: Time, builder: &mut DatagramBuilder<'_>) {
        if self.send_ranges(|peer| &mut peer.queued_control, now, builder) != SendResult::Written {
            return;
        }
        let mut reliable_may_go = match self.send_ranges(|peer| &mut peer.lost, now, builder) {
            SendResult::DatagramFull => return,
            SendResult::Written => true,
            SendResult::WindowBlocked => false,
        };
        // In send order; a full window does not block unreliable packets.
        loop {
            let reliable = self.queued_reliable.front().copied().filter(|_| reliable_may_go);
            let unreliable = self.queued_unreliable.front().map(|unreliable| unreliable.send_order);
            let sent = match (reliable, unreliable) {
                (None, None) => return,
                (Some(mut queued), order)
                    if order.is_none_or(|order| {
                        queued.send_order.wrapping_sub(order) > u32::MAX / 2
                    }) =>
                {
                    let sent = self.send_range(&mut queued.range, now, builder);
                    if sent == SendResult::Written {
                        self.queued_reliable.pop_front();
                    } else if let Some(front) = self.queued_reliable.front_mut() {
                        *front = queued;
                        reliable_may_go = false;
                    }
                    sent
                }
                _ => self.send_unreliable(builder),
            };
            if sent == SendResult::DatagramFull {
                return;
            }
        }
    }

    /// Sends the commands of a queue.
    fn send_ranges(
        &mut self,
        queue: impl Fn(&mut Self) -> &mut VecDeque<SequenceRange>,
        now: Time,
        builder: &mut DatagramBuilder<'_>,
    ) -> SendResult {
        while let Some(&(mut range)) = queue(self).front() {
            let sent = self.send_range(&mut range, now, builder);
            if sent == SendResult::Written {
                queue(self).pop_front();
            } else {
                if let Some(front) = queue(self).front_mut() {
                    *front = range;
                }
                return sent;
            }
        }
        SendResult::Written
    }

    fn write_acknowledgements(&mut self, builder: &mut DatagramBuilder<'_>) {
        while !self.acknowledgements.is_empty() && builder.fits(CommandKind::Acknowledge.size()) {
            let Some(acknowledgement) = self.acknowledgements.pop_front() else { return };
            let super::Acknowledgement { channel, sequence, sent_time, is_last } = acknowledgement;
            let body = Body::Acknowledge { sequence, sent_time };
            let command =
                Command { acknowledge: false, unsequenced: false, channel, sequence, body };
            command.encode(builder.out);
            builder.contents.commands += 1;
            self.outgoing_total += CommandKind::Acknowledge.size() as u64;
            if is_last {
                self.state = PeerState::Zombie;
            }
        }
    }

    /// Returns the window: the maximum of reliable bytes in flight, scaled by the throttle
    /// (`enet_protocol_check_outgoing_commands`).
    fn window(&self) -> usize {
        let window = self.throttle.value.saturating_mul(self.window_size) / SCALE;
        usize::try_from(window).unwrap_or(usize::MAX).max(self.mtu)
    }

    /// Writes the commands of `range` as far as the window and the datagram have room; the rest stays in `range`.
    /// Commands acknowledged meanwhile are skipped.
    fn send_range(
        &mut self,
        range: &mut SequenceRange,
        now: Time,
        builder: &mut DatagramBuilder<'_>,
    ) -> SendResult {
        let window = self.window();
        let channel = range.channel;
        let commands = if channel == CONTROL_CHANNEL {
            &mut self.control
        } else if let Some(Some(channel)) = self.channels.get_mut(usize::from(channel)) {
            &mut channel.reliable
        } else {
            return SendResult::Written;
        };
        while range.count > 0 {
            let sequence = range.first;
            let distance = commands.distance(sequence);
            let Some(command) = commands.get_mut(sequence) else {
                range.pop_first();
                continue;
            };
            let payload = command.payload_len();
            if command.has_payload()
                && (self.in_transit + payload > window || distance >= MAX_SEQUENCE_DISTANCE)
            {
                return SendResult::WindowBlocked;
            }
            if !builder.fits(command.encoded_len()) {
                return SendResult::DatagramFull;
            }
            command.attempts = command.attempts.saturating_add(1);
            command.sent_at = now;
            command.in_flight = true;
            commands.encode(channel, sequence, builder.out);
            self.in_transit += payload;
            self.unacknowledged += 1;
            self.loss.sent += 1;
            builder.contents.commands += 1;
            builder.contents.needs_sent_time = true;
            if !self
                .in_flight
                .back_mut()
                .is_some_and(|last| last.sent_at == now && last.range.try_extend(channel, sequence))
            {
                let range = SequenceRange::single(channel, sequence);
                self.in_flight.push_back(SentRange { sent_at: now, range });
            }
            range.pop_first();
        }
        SendResult::Written
    }

    /// Writes the next command of the first unreliable packet, if it fits.
    #[inline]
    fn send_unreliable(&mut self, builder: &mut DatagramBuilder<'_>) -> SendResult {
        let Some(packet) = self.queued_unreliable.front_mut() else { return SendResult::Written };
        if !builder.fits(packet.next_len()) {
            return SendResult::DatagramFull;
        }
        let mut last = packet.is_first() && self.throttle.should_drop();
        if !last {
            last = if let Some(fragments) = &mut packet.fragments {
                fragments.encode_next(builder.out)
            } else {
                builder.out.extend_from_slice(self.unreliable_buffer.get(packet.span));
                true
            };
            builder.contents.commands += 1;
            self.loss.sent += 1;
        }
        if last {
            self.outgoing_bytes -= packet.cost();
            self.queued_unreliable.pop_front();
            let rest = self.queued_unreliable.front().map(|packet| packet.span);
            self.unreliable_buffer.release_before(rest);
        }
        SendResult::Written
    }
}

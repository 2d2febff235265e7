//! What goes into the next datagram.

use super::outgoing::{Piece, ReliableBody, Unreliable, UnreliableKind, on_wire};
use super::throttle::SCALE;
use super::{InFlight, Peer, PeerState, Queued};
use crate::packet::{Delivery, Packet};
use crate::time::Time;
use crate::wire::{Body, CONTROL_CHANNEL, Command, Kind, MAXIMUM_COMMANDS};
use bytes::Bytes;

/// The number of the last unreliable packet between two reliable ones; the next is sent reliably.
const LAST_UNRELIABLE: u16 = 0xFFFF;
/// How far a command that is sent first may be from the oldest of its channel that is not acknowledged: two of ENet's
/// windows, well within what the remote host takes.
const MAXIMUM_SPAN: u32 = 2 * 4096;

/// What was put into a datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) commands: usize,
    /// A command is to be acknowledged, so that the datagram needs its sent time.
    pub(crate) sent_time: bool,
}

impl Peer {
    /// Adds a command of the connection itself.
    pub(crate) fn queue_control(&mut self, body: ReliableBody) {
        self.outgoing_total += body.encoded_len() as u64;
        let sequence = self.control.push(body);
        self.queued_control.push_back(sequence);
    }

    /// Adds a packet, in pieces of `piece` bytes if it is longer than that.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    pub(crate) fn queue_packet(&mut self, number: u8, packet: Packet, piece: usize) {
        let Packet { delivery, data } = packet;
        self.order = self.order.wrapping_add(1);
        self.outgoing_total += (data.len() + Kind::SendReliable.len()) as u64;
        let order = self.order;
        let channel = self.channel(number);
        let numbers_left = channel.outgoing_unreliable < LAST_UNRELIABLE;
        let whole = data.len() <= piece;
        if whole && matches!(delivery, Delivery::Unsequenced | Delivery::UnsequencedFragment) {
            self.outgoing_group = self.outgoing_group.wrapping_add(1);
            let kind = UnreliableKind::Unsequenced { group: self.outgoing_group };
            self.queue_unreliable(Unreliable { channel: number, kind, data, order });
        } else if delivery != Delivery::Reliable
            && numbers_left
            && (whole || delivery.fragments_unreliably())
        {
            channel.outgoing_unreliable += 1;
            let unreliable_sequence = channel.outgoing_unreliable;
            let sequence = on_wire(channel.unacknowledged.next_sequence().wrapping_sub(1));
            let kind = if whole {
                UnreliableKind::Whole { sequence, unreliable_sequence }
            } else {
                let piece = piece as u32;
                UnreliableKind::Pieces { sequence, unreliable_sequence, piece, sent: 0 }
            };
            self.queue_unreliable(Unreliable { channel: number, kind, data, order });
        } else if whole {
            self.queue_reliable(number, ReliableBody::Packet(data), order);
        } else {
            self.queue_pieces(number, &data, piece, order);
        }
    }

    fn queue_unreliable(&mut self, packet: Unreliable) {
        self.outgoing_bytes += packet.cost();
        self.queued_unreliable.push_back(packet);
    }

    fn queue_reliable(&mut self, number: u8, body: ReliableBody, order: u32) {
        let channel = self.channel(number);
        channel.outgoing_unreliable = 0;
        let cost = body.cost();
        let sequence = channel.unacknowledged.push(body);
        self.outgoing_bytes += cost;
        self.queued_reliable.push_back(Queued { sequence, order, channel: number });
    }

    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    fn queue_pieces(&mut self, number: u8, data: &Bytes, piece: usize, order: u32) {
        let start_sequence = on_wire(self.channel(number).unacknowledged.next_sequence());
        let count = data.len().div_ceil(piece) as u32;
        for index in 0..count {
            let offset = index as usize * piece;
            let end = data.len().min(offset + piece);
            let piece = Piece {
                start_sequence,
                count,
                number: index,
                total_length: data.len() as u32,
                offset: offset as u32,
                data: data.slice(offset..end),
            };
            self.queue_reliable(number, ReliableBody::Piece(piece), order);
        }
    }

    /// Whether anything waits to be sent, or to be acknowledged.
    pub(crate) fn has_outgoing(&self) -> bool {
        self.unacknowledged > 0
            || !self.queued_control.is_empty()
            || !self.lost.is_empty()
            || !self.queued_reliable.is_empty()
            || !self.queued_unreliable.is_empty()
    }

    /// Writes commands onto the end of `out`, which is to be no longer than `end` bytes.
    pub(crate) fn fill(&mut self, now: Time, out: &mut Vec<u8>, end: usize) -> Filled {
        let mut filled = Filled::default();
        self.fill_acknowledgements(&mut filled, out, end);
        while let Some(&sequence) = self.queued_control.front() {
            if !self.send_reliable(CONTROL_CHANNEL, sequence, now, &mut filled, out, end) {
                return self.counted(now, filled);
            }
            self.queued_control.pop_front();
        }
        let mut reliable_may_go = true;
        while let Some(&(channel, sequence)) = self.lost.front() {
            if !self.window_takes(channel, sequence) {
                reliable_may_go = false;
                break;
            }
            if !self.send_reliable(channel, sequence, now, &mut filled, out, end) {
                return self.counted(now, filled);
            }
            self.lost.pop_front();
        }
        // In the order in which they were queued; what the window holds up does not hold up what it does not concern.
        loop {
            let reliable = self.queued_reliable.front().copied().filter(|_| reliable_may_go);
            let unreliable = self.queued_unreliable.front().map(|unreliable| unreliable.order);
            let room = match (reliable, unreliable) {
                (None, None) => break,
                (Some(queued), order)
                    if order
                        .is_none_or(|order| queued.order.wrapping_sub(order) > u32::MAX / 2) =>
                {
                    if !self.window_takes(queued.channel, queued.sequence) {
                        reliable_may_go = false;
                        continue;
                    }
                    let Queued { channel, sequence, .. } = queued;
                    let room = self.send_reliable(channel, sequence, now, &mut filled, out, end);
                    if room {
                        self.queued_reliable.pop_front();
                    }
                    room
                }
                _ => self.send_unreliable(&mut filled, out, end),
            };
            if !room {
                break;
            }
        }
        self.counted(now, filled)
    }

    fn counted(&mut self, now: Time, filled: Filled) -> Filled {
        if filled.commands > 0 {
            self.loss.update(now);
        }
        filled
    }

    fn fill_acknowledgements(&mut self, filled: &mut Filled, out: &mut Vec<u8>, end: usize) {
        while filled.commands < MAXIMUM_COMMANDS && out.len() + Kind::Acknowledge.len() <= end {
            let Some(acknowledgement) = self.acknowledgements.pop_front() else { return };
            let super::Acknowledgement { channel, sequence, sent_time, is_last } = acknowledgement;
            let body = Body::Acknowledge { sequence, sent_time };
            Command { acknowledge: false, unsequenced: false, channel, sequence, body }.encode(out);
            filled.commands += 1;
            self.outgoing_total += Kind::Acknowledge.len() as u64;
            if is_last {
                self.state = PeerState::Zombie;
            }
        }
    }

    /// Whether the window lets a command go.
    fn window_takes(&mut self, channel: u8, sequence: u32) -> bool {
        let window = self.throttle.value.saturating_mul(self.window_size) / SCALE;
        let window = usize::try_from(window).unwrap_or(usize::MAX).max(self.mtu);
        let in_transit = self.in_transit;
        let Some(commands) = self.unacknowledged_of(channel) else { return true };
        if commands.span(sequence) >= MAXIMUM_SPAN {
            return false;
        }
        commands.get_mut(sequence).is_none_or(|command| {
            !command.body.has_payload() || in_transit + command.body.payload_len() <= window
        })
    }

    /// Writes a command, if there is room for it. One that was acknowledged meanwhile needs none.
    fn send_reliable(
        &mut self,
        channel: u8,
        sequence: u32,
        now: Time,
        filled: &mut Filled,
        out: &mut Vec<u8>,
        end: usize,
    ) -> bool {
        let first_timeout = self.round_trip.timeout();
        let commands = self.unacknowledged_of(channel);
        let Some(command) = commands.and_then(|commands| commands.get_mut(sequence)) else {
            return true;
        };
        if filled.commands >= MAXIMUM_COMMANDS || out.len() + command.body.encoded_len() > end {
            return false;
        }
        command.attempts += 1;
        if command.attempts == 1 {
            command.timeout = first_timeout;
        }
        command.sent_at = now;
        command.in_flight = true;
        command.body.encode(channel, on_wire(sequence), out);
        let (payload, due) = (command.body.payload_len(), now + command.timeout);
        self.in_transit += payload;
        self.unacknowledged += 1;
        self.in_flight.push_back(InFlight { sent_at: now, sequence, channel });
        self.next_timeout = Some(self.next_timeout.map_or(due, |next| next.min(due)));
        self.loss.sent += 1;
        filled.commands += 1;
        filled.sent_time = true;
        true
    }

    /// Writes the next command of the first unreliable packet, if there is room for it.
    fn send_unreliable(&mut self, filled: &mut Filled, out: &mut Vec<u8>, end: usize) -> bool {
        let Some(packet) = self.queued_unreliable.front_mut() else { return true };
        if filled.commands >= MAXIMUM_COMMANDS || out.len() + packet.next_len() > end {
            return false;
        }
        let mut last = packet.is_first() && self.throttle.drops();
        if !last {
            last = packet.encode_next(out);
            filled.commands += 1;
            self.loss.sent += 1;
        }
        if last {
            self.outgoing_bytes -= packet.cost();
            self.queued_unreliable.pop_front();
        }
        true
    }
}

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

/// A datagram that is being filled.
struct Filling<'a> {
    filled: Filled,
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
}

impl Filling<'_> {
    fn has_room(&self, len: usize) -> bool {
        self.filled.commands < MAXIMUM_COMMANDS && self.out.len() + len <= self.end
    }
}

/// What became of a command that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// It is in the datagram, or is not needed any more.
    Done,
    /// The window does not let it go.
    Held,
    /// The datagram is full.
    NoRoom,
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
    #[inline]
    pub(crate) fn queue_packet(&mut self, number: u8, packet: Packet, piece: usize) {
        let Packet { delivery, data } = packet;
        self.order = self.order.wrapping_add(1);
        self.outgoing_total += (data.len() + Kind::SendReliable.size()) as u64;
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

    #[inline]
    fn queue_unreliable(&mut self, packet: Unreliable) {
        self.outgoing_bytes += packet.cost();
        self.queued_unreliable.push_back(packet);
    }

    #[inline]
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
        for index in 0..data.len().div_ceil(piece) as u32 {
            let piece = Piece { packet: data.clone(), number: index, len: piece as u32 };
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

    /// Whether nothing waits to be sent.
    pub(crate) fn is_drained(&self) -> bool {
        self.acknowledgements.is_empty()
            && self.queued_control.is_empty()
            && self.lost.is_empty()
            && self.queued_reliable.is_empty()
            && self.queued_unreliable.is_empty()
    }

    /// Writes commands onto the end of `out`, which is to be no longer than `end` bytes.
    pub(crate) fn fill(&mut self, now: Time, out: &mut Vec<u8>, end: usize) -> Filled {
        let mut filling = Filling { filled: Filled::default(), out, end };
        self.fill_acknowledgements(&mut filling);
        self.fill_commands(now, &mut filling);
        if filling.filled.commands > 0 {
            self.loss.update(now);
        }
        filling.filled
    }

    fn fill_commands(&mut self, now: Time, filling: &mut Filling<'_>) {
        while let Some(&sequence) = self.queued_control.front() {
            if self.send_reliable(CONTROL_CHANNEL, sequence, now, filling) != Sent::Done {
                return;
            }
            self.queued_control.pop_front();
        }
        let mut reliable_may_go = true;
        while let Some(&(channel, sequence)) = self.lost.front() {
            match self.send_reliable(channel, sequence, now, filling) {
                Sent::Done => self.lost.pop_front(),
                Sent::NoRoom => return,
                Sent::Held => {
                    reliable_may_go = false;
                    break;
                }
            };
        }
        // In the order in which they were queued; what the window holds up does not hold up what it does not concern.
        loop {
            let reliable = self.queued_reliable.front().copied().filter(|_| reliable_may_go);
            let unreliable = self.queued_unreliable.front().map(|unreliable| unreliable.order);
            let sent = match (reliable, unreliable) {
                (None, None) => return,
                (Some(queued), order)
                    if order
                        .is_none_or(|order| queued.order.wrapping_sub(order) > u32::MAX / 2) =>
                {
                    let sent = self.send_reliable(queued.channel, queued.sequence, now, filling);
                    match sent {
                        Sent::Done => drop(self.queued_reliable.pop_front()),
                        Sent::Held => reliable_may_go = false,
                        Sent::NoRoom => {}
                    }
                    sent
                }
                _ => self.send_unreliable(filling),
            };
            if sent == Sent::NoRoom {
                return;
            }
        }
    }

    fn fill_acknowledgements(&mut self, filling: &mut Filling<'_>) {
        while !self.acknowledgements.is_empty() && filling.has_room(Kind::Acknowledge.size()) {
            let Some(acknowledgement) = self.acknowledgements.pop_front() else { return };
            let super::Acknowledgement { channel, sequence, sent_time, is_last } = acknowledgement;
            let body = Body::Acknowledge { sequence, sent_time };
            let command =
                Command { acknowledge: false, unsequenced: false, channel, sequence, body };
            command.encode(filling.out);
            filling.filled.commands += 1;
            self.outgoing_total += Kind::Acknowledge.size() as u64;
            if is_last {
                self.state = PeerState::Zombie;
            }
        }
    }

    /// How many bytes of reliable packets may be under way.
    fn window(&self) -> usize {
        let window = self.throttle.value.saturating_mul(self.window_size) / SCALE;
        usize::try_from(window).unwrap_or(usize::MAX).max(self.mtu)
    }

    /// Writes a command, if the window lets it go and there is room for it. One that was acknowledged meanwhile needs
    /// neither.
    #[inline]
    fn send_reliable(
        &mut self,
        channel: u8,
        sequence: u32,
        now: Time,
        filling: &mut Filling<'_>,
    ) -> Sent {
        let (first_timeout, in_transit, window) =
            (self.round_trip.timeout(), self.in_transit, self.window());
        let Some(commands) = self.unacknowledged_of(channel) else { return Sent::Done };
        let span = commands.span(sequence);
        let Some(command) = commands.get_mut(sequence) else { return Sent::Done };
        let payload = command.body.payload_len();
        if command.body.has_payload() && (in_transit + payload > window || span >= MAXIMUM_SPAN) {
            return Sent::Held;
        }
        if !filling.has_room(command.body.encoded_len()) {
            return Sent::NoRoom;
        }
        if command.attempts == 0 {
            command.timeout = first_timeout;
        }
        command.attempts = command.attempts.saturating_add(1);
        command.sent_at = now;
        command.in_flight = true;
        command.body.encode(channel, on_wire(sequence), filling.out);
        let due = command.due();
        self.in_transit += payload;
        self.unacknowledged += 1;
        self.in_flight.push_back(InFlight { sent_at: now, sequence, channel });
        self.next_timeout = Some(self.next_timeout.map_or(due, |next| next.min(due)));
        self.loss.sent += 1;
        filling.filled.commands += 1;
        filling.filled.sent_time = true;
        Sent::Done
    }

    /// Writes the next command of the first unreliable packet, if there is room for it.
    #[inline]
    fn send_unreliable(&mut self, filling: &mut Filling<'_>) -> Sent {
        let Some(packet) = self.queued_unreliable.front_mut() else { return Sent::Done };
        if !filling.has_room(packet.next_len()) {
            return Sent::NoRoom;
        }
        let mut last = packet.is_first() && self.throttle.drops();
        if !last {
            last = packet.encode_next(filling.out);
            filling.filled.commands += 1;
            self.loss.sent += 1;
        }
        if last {
            self.outgoing_bytes -= packet.cost();
            self.queued_unreliable.pop_front();
        }
        Sent::Done
    }
}

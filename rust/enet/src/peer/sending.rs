//! What goes into the next datagram.

use super::outgoing::{PACKET_OVERHEAD, Piece, Pieces, Unreliable, on_wire};
use super::run::{self, Run};
use super::throttle::SCALE;
use super::written::Place;
use super::{InFlight, Peer, PeerState, Queued};
use crate::packet::Delivery;
use crate::time::Time;
use crate::wire::{Body, CONTROL_CHANNEL, Command, CommandKind, MAX_COMMANDS};
use std::collections::VecDeque;
use std::sync::Arc;

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
        self.filled.commands < MAX_COMMANDS && self.out.len() + len <= self.end
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
    pub(crate) fn queue_control(&mut self, body: &Body<'_>) {
        self.outgoing_total += body.kind().size() as u64;
        let sequence = self.control.push(CONTROL_CHANNEL, *body);
        run::push(&mut self.queued_control, CONTROL_CHANNEL, sequence);
    }

    /// Adds a packet, in pieces of `piece` bytes if it is longer than that; these share `shared`, if that is there.
    #[expect(clippy::cast_possible_truncation, reason = "a packet is shorter than 4 GiB")]
    #[inline]
    pub(crate) fn queue_packet(
        &mut self,
        number: u8,
        delivery: Delivery,
        data: &[u8],
        shared: Option<&Arc<[u8]>>,
        piece: usize,
    ) {
        self.order = self.order.wrapping_add(1);
        self.outgoing_total += (data.len() + CommandKind::SendReliable.size()) as u64;
        let whole = data.len() <= piece;
        let packet = || shared.map_or_else(|| data.into(), Arc::clone);
        if whole && matches!(delivery, Delivery::Unsequenced | Delivery::UnsequencedFragment) {
            self.outgoing_group = self.outgoing_group.wrapping_add(1);
            let body = Body::SendUnsequenced { group: self.outgoing_group, data };
            self.queue_unreliable(number, 0, body);
            return;
        }
        let channel = self.channel(number);
        if delivery != Delivery::Reliable
            && channel.outgoing_unreliable < LAST_UNRELIABLE
            && (whole || delivery.fragments_unreliably())
        {
            channel.outgoing_unreliable += 1;
            let unreliable_sequence = channel.outgoing_unreliable;
            let sequence = on_wire(channel.unacknowledged.next_sequence().wrapping_sub(1));
            if whole {
                let body = Body::SendUnreliable { unreliable_sequence, data };
                self.queue_unreliable(number, sequence, body);
            } else {
                let pieces = Pieces {
                    channel: number,
                    sequence,
                    unreliable_sequence,
                    piece: piece as u32,
                    sent: 0,
                    packet: packet(),
                };
                let place = self.written_unreliable.nothing();
                self.push_unreliable(place, Some(Box::new(pieces)));
            }
        } else if whole {
            let sequence = channel.unacknowledged.push(number, Body::SendReliable { data });
            self.queue_reliable(number, sequence, data.len());
        } else {
            let packet = packet();
            for index in 0..data.len().div_ceil(piece) as u32 {
                let len = piece.min(data.len() - index as usize * piece);
                let piece = Piece { packet: Arc::clone(&packet), number: index, len: piece as u32 };
                let sequence = self.channel(number).unacknowledged.push_piece(piece);
                self.queue_reliable(number, sequence, len);
            }
        }
    }

    #[inline]
    fn queue_unreliable(&mut self, channel: u8, sequence: u16, body: Body<'_>) {
        let unsequenced = matches!(body, Body::SendUnsequenced { .. });
        let command = Command { acknowledge: false, unsequenced, channel, sequence, body };
        let place = self.written_unreliable.push(&command);
        self.push_unreliable(place, None);
    }

    #[inline]
    fn push_unreliable(&mut self, place: Place, pieces: Option<Box<Pieces>>) {
        let unreliable = Unreliable { order: self.order, place, pieces };
        self.outgoing_bytes += unreliable.cost();
        self.queued_unreliable.push_back(unreliable);
    }

    #[inline]
    fn queue_reliable(&mut self, number: u8, sequence: u32, len: usize) {
        self.channel(number).outgoing_unreliable = 0;
        self.outgoing_bytes += len + PACKET_OVERHEAD;
        let order = self.order;
        if let Some(last) = self.queued_reliable.back_mut()
            && order.wrapping_sub(last.last_order) <= 1
            && last.run.take_in(number, sequence)
        {
            last.last_order = order;
        } else {
            let run = Run::of_one(number, sequence);
            self.queued_reliable.push_back(Queued { run, order, last_order: order });
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
        if self.send_runs(|peer| &mut peer.queued_control, now, filling) != Sent::Done {
            return;
        }
        let mut reliable_may_go = match self.send_runs(|peer| &mut peer.lost, now, filling) {
            Sent::NoRoom => return,
            Sent::Done => true,
            Sent::Held => false,
        };
        // In the order in which they were queued; what the window holds up does not hold up what it does not concern.
        loop {
            let reliable = self.queued_reliable.front().copied().filter(|_| reliable_may_go);
            let unreliable = self.queued_unreliable.front().map(|unreliable| unreliable.order);
            let sent = match (reliable, unreliable) {
                (None, None) => return,
                (Some(mut queued), order)
                    if order
                        .is_none_or(|order| queued.order.wrapping_sub(order) > u32::MAX / 2) =>
                {
                    let sent = self.send_run(&mut queued.run, now, filling);
                    if sent == Sent::Done {
                        self.queued_reliable.pop_front();
                    } else if let Some(front) = self.queued_reliable.front_mut() {
                        *front = queued;
                        reliable_may_go = false;
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

    /// Sends what stands in one of the queues.
    fn send_runs(
        &mut self,
        queue: impl Fn(&mut Self) -> &mut VecDeque<Run>,
        now: Time,
        filling: &mut Filling<'_>,
    ) -> Sent {
        while let Some(&(mut run)) = queue(self).front() {
            let sent = self.send_run(&mut run, now, filling);
            if sent == Sent::Done {
                queue(self).pop_front();
            } else {
                if let Some(front) = queue(self).front_mut() {
                    *front = run;
                }
                return sent;
            }
        }
        Sent::Done
    }

    fn fill_acknowledgements(&mut self, filling: &mut Filling<'_>) {
        while !self.acknowledgements.is_empty() && filling.has_room(CommandKind::Acknowledge.size())
        {
            let Some(acknowledgement) = self.acknowledgements.pop_front() else { return };
            let super::Acknowledgement { channel, sequence, sent_time, is_last } = acknowledgement;
            let body = Body::Acknowledge { sequence, sent_time };
            let command =
                Command { acknowledge: false, unsequenced: false, channel, sequence, body };
            command.encode(filling.out);
            filling.filled.commands += 1;
            self.outgoing_total += CommandKind::Acknowledge.size() as u64;
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

    /// Writes the commands of `run`, as far as the window lets them go and there is room for them; what is left stands in
    /// `run` then. One that was acknowledged meanwhile needs neither.
    fn send_run(&mut self, run: &mut Run, now: Time, filling: &mut Filling<'_>) -> Sent {
        let window = self.window();
        let channel = run.channel;
        let commands = if channel == CONTROL_CHANNEL {
            &mut self.control
        } else if let Some(Some(channel)) = self.channels.get_mut(usize::from(channel)) {
            &mut channel.unacknowledged
        } else {
            return Sent::Done;
        };
        while run.count > 0 {
            let sequence = run.first;
            let span = commands.span(sequence);
            let Some(command) = commands.get_mut(sequence) else {
                run.skip();
                continue;
            };
            let payload = command.payload_len();
            if command.has_payload() && (self.in_transit + payload > window || span >= MAXIMUM_SPAN)
            {
                return Sent::Held;
            }
            if !filling.has_room(command.encoded_len()) {
                return Sent::NoRoom;
            }
            command.attempts = command.attempts.saturating_add(1);
            command.sent_at = now;
            command.in_flight = true;
            commands.encode(channel, sequence, filling.out);
            self.in_transit += payload;
            self.unacknowledged += 1;
            self.loss.sent += 1;
            filling.filled.commands += 1;
            filling.filled.sent_time = true;
            if !self
                .in_flight
                .back_mut()
                .is_some_and(|last| last.sent_at == now && last.run.take_in(channel, sequence))
            {
                let run = Run::of_one(channel, sequence);
                self.in_flight.push_back(InFlight { sent_at: now, run });
            }
            run.skip();
        }
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
            last = if let Some(pieces) = &mut packet.pieces {
                pieces.encode_next(filling.out)
            } else {
                filling.out.extend_from_slice(self.written_unreliable.get(packet.place));
                true
            };
            filling.filled.commands += 1;
            self.loss.sent += 1;
        }
        if last {
            self.outgoing_bytes -= packet.cost();
            self.queued_unreliable.pop_front();
            let rest = self.queued_unreliable.front().map(|packet| packet.place);
            self.written_unreliable.release(rest);
        }
        Sent::Done
    }
}

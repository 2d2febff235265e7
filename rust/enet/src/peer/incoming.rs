//! Packets received on a channel that wait for an earlier one (`enet_peer_queue_incoming_command`).
//!
//! Packets in order are delivered at once and never buffered. The others are kept in ordered maps rather than in ring
//! buffers: memory is proportional to the data received, not to the sequence-number gap that a peer claims.

use super::reassembly::{REASSEMBLY_OVERHEAD, Reassembly};
use crate::packet::{Delivery, Payload};
use crate::wire::Fragment;
use std::collections::BTreeMap;

/// How far ahead a reliable packet may be: `ENET_PEER_FREE_RELIABLE_WINDOWS` windows of `ENET_PEER_RELIABLE_WINDOW_SIZE`,
/// including the one of the last delivered packet (`enet_peer_queue_incoming_command`).
const RELIABLE_WINDOW: u16 = 7 * 4096;
/// Beyond the window and up to here, a packet is neither accepted nor acknowledged, so that it is repeated later
/// (`enet_peer_queue_acknowledgement`). Farther ones count as duplicates.
const UNACKNOWLEDGED_WINDOW: u16 = 9 * 4096;
/// Approximate memory overhead of a packet.
pub(crate) const PACKET_OVERHEAD: usize = 128;

/// Bytes buffered by the channels of a peer, by what they wait for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BufferedBytes {
    /// The receiving state of channels.
    pub(crate) channels: usize,
    /// Reliable packets that wait for an earlier one.
    pub(crate) out_of_order: usize,
    /// Reliable packets that are next in order and incomplete.
    pub(crate) incomplete: usize,
    /// Unreliable packets.
    pub(crate) unreliable: usize,
}

impl BufferedBytes {
    pub(crate) fn total(self) -> usize {
        self.channels + self.out_of_order + self.incomplete + self.unreliable
    }
}

/// The number of bytes that a peer may still buffer. `charged` is what is already charged for the packet that a
/// fragment belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveBudget {
    /// Bytes delivered to the caller and not released.
    pub(crate) waiting_data: usize,
    /// The limit of the peer.
    pub(crate) max_waiting_data: usize,
    /// The peer's share of the host's budget, for packets in order and for out-of-order ones.
    pub(crate) share: usize,
    pub(crate) out_of_order_share: usize,
}

impl ReceiveBudget {
    /// Returns true if a packet fits that waits for nothing and is not repeated. It may use the whole share.
    pub(crate) fn fits_now(self, buffered: BufferedBytes, cost: usize) -> bool {
        self.waiting_data + buffered.total() + cost <= self.share
    }

    /// Returns true if the state of another channel fits. Channels take at most half of the share: their state stays
    /// allocated, and packets need memory as well.
    pub(crate) fn fits_channel(self, buffered: BufferedBytes, cost: usize) -> bool {
        buffered.channels + cost <= self.share / 2 && self.fits_now(buffered, cost)
    }

    /// Returns true if the next packet in order fits. It may use the whole limit, or be the only one, so that
    /// acknowledged packets can always be delivered in the end.
    fn fits_in_order(self, buffered: BufferedBytes, charged: usize, cost: usize) -> bool {
        let in_order = self.waiting_data + buffered.incomplete;
        (in_order == charged || in_order + cost <= self.max_waiting_data)
            && self.fits_now(buffered, cost)
    }

    /// Returns true if an out-of-order packet fits: up to half of the limit.
    fn fits_out_of_order(self, buffered: BufferedBytes, cost: usize) -> bool {
        self.waiting_data + buffered.out_of_order + cost <= self.max_waiting_data / 2
            && self.waiting_data + buffered.total() + cost <= self.out_of_order_share
    }

    /// Returns true if an unreliable packet that waits fits: up to a quarter of the limit, or a single one.
    fn fits_unreliable(self, buffered: BufferedBytes, charged: usize, cost: usize) -> bool {
        (buffered.unreliable == charged || buffered.unreliable + cost <= self.max_waiting_data / 4)
            && self.waiting_data + buffered.total() + cost <= self.out_of_order_share
    }
}

/// The outcome of a reliable packet or fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveOutcome {
    /// Accepted now or before: acknowledge it.
    Accepted,
    /// Too far ahead: it must be repeated.
    OutOfWindow,
    /// Beyond the budget: it must be repeated.
    BufferFull,
    /// Contradicts earlier fragments.
    Malformed,
}

#[derive(Debug)]
enum BufferedPacket {
    Whole(Box<[u8]>),
    Reassembling(Box<Reassembly>),
}

impl BufferedPacket {
    fn cost(&self) -> usize {
        PACKET_OVERHEAD
            + match self {
                Self::Whole(data) => data.len(),
                Self::Reassembling(reassembly) => reassembly.buffered_bytes(),
            }
    }

    /// Creates a packet without fragments.
    fn reassembling(fragment: &Fragment<'_>) -> Self {
        Self::Reassembling(Box::new(Reassembly::new(fragment)))
    }

    /// Adds a fragment, and returns true if the packet is complete.
    fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        if let Self::Reassembling(reassembly) = self {
            reassembly.add(fragment);
        }
        self.is_complete()
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Reassembling(reassembly) => reassembly.is_complete(),
        }
    }

    fn finish(self) -> Box<[u8]> {
        match self {
            Self::Whole(data) => data,
            Self::Reassembling(reassembly) => reassembly.finish(),
        }
    }
}

#[derive(Debug)]
struct BufferedReliable {
    packet: BufferedPacket,
    /// True if the packet was next in order when its last fragment arrived, so it is charged as incomplete.
    in_order: bool,
}

/// The receiving half of a channel.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The sequence number of the last reliable packet delivered, or of its last fragment. Its low 16 bits are those of
    /// the wire.
    last_delivered: u64,
    /// The sequence number of the last unreliable packet delivered after it.
    last_delivered_unreliable: u16,
    /// True if its state is charged to [`BufferedBytes::channels`].
    pub(crate) is_counted: bool,
    reliable: BTreeMap<u64, BufferedReliable>,
    unreliable: BTreeMap<(u64, u16), BufferedPacket>,
}

/// Returns the memory of a map that has, or had, an entry: a node has 11 entries.
const fn btree_node_size<K, V>() -> usize {
    11 * (size_of::<K>() + size_of::<V>()) + 16
}

impl Incoming {
    /// The memory of its maps without their packets.
    pub(crate) const MAPS_SIZE: usize = btree_node_size::<u64, BufferedReliable>()
        + btree_node_size::<(u64, u16), BufferedPacket>();
}

/// The position of a sequence number relative to the window.
enum SequencePosition {
    Behind,
    Ahead(u64),
    TooFar,
}

/// A receiver of packets in order.
pub(crate) trait Deliver {
    fn deliver(&mut self, delivery: Delivery, data: Payload<'_>);
}

impl Incoming {
    #[expect(clippy::cast_possible_truncation, reason = "the wire has the low 16 bits")]
    #[inline]
    fn ahead(&self, sequence: u16) -> u16 {
        sequence.wrapping_sub(self.last_delivered as u16)
    }

    #[inline]
    fn position(&self, sequence: u16) -> SequencePosition {
        match self.ahead(sequence) {
            0 => SequencePosition::Behind,
            ahead @ 1..=RELIABLE_WINDOW => {
                SequencePosition::Ahead(self.last_delivered + u64::from(ahead))
            }
            ahead if ahead <= UNACKNOWLEDGED_WINDOW => SequencePosition::TooFar,
            _ => SequencePosition::Behind,
        }
    }

    /// Handles a reliable packet.
    #[inline]
    pub(crate) fn handle_send_reliable(
        &mut self,
        sequence: u16,
        data: &[u8],
        buffered: &mut BufferedBytes,
        budget: ReceiveBudget,
        out: &mut impl Deliver,
    ) -> ReceiveOutcome {
        let number = match self.position(sequence) {
            SequencePosition::Behind => return ReceiveOutcome::Accepted,
            SequencePosition::TooFar => return ReceiveOutcome::OutOfWindow,
            SequencePosition::Ahead(number) => number,
        };
        let cost = data.len() + PACKET_OVERHEAD;
        if number == self.last_delivered + 1 {
            if !budget.fits_in_order(*buffered, 0, cost) {
                return ReceiveOutcome::BufferFull;
            }
            // Fragments with the number of a whole packet contradict it; the first complete one counts.
            if let Some(other) = self.reliable.remove(&number) {
                refund(&other, buffered);
            }
            out.deliver(Delivery::Reliable, Payload::Borrowed(data));
            self.deliver_in_order(number, buffered, out);
            return ReceiveOutcome::Accepted;
        }
        if self.reliable.contains_key(&number) {
            return ReceiveOutcome::Accepted;
        }
        if !budget.fits_out_of_order(*buffered, cost) {
            return ReceiveOutcome::BufferFull;
        }
        buffered.out_of_order += cost;
        let packet = BufferedPacket::Whole(data.into());
        self.reliable.insert(number, BufferedReliable { packet, in_order: false });
        ReceiveOutcome::Accepted
    }

    /// Handles a fragment of a reliable packet that [`is_valid`](super::reassembly::is_valid).
    pub(crate) fn handle_send_fragment(
        &mut self,
        fragment: &Fragment<'_>,
        buffered: &mut BufferedBytes,
        budget: ReceiveBudget,
        out: &mut impl Deliver,
    ) -> ReceiveOutcome {
        let number = match self.position(fragment.start_sequence) {
            SequencePosition::Behind => return ReceiveOutcome::Accepted,
            SequencePosition::TooFar => return ReceiveOutcome::OutOfWindow,
            SequencePosition::Ahead(number) => number,
        };
        let in_order = number == self.last_delivered + 1;
        let mut charged = 0;
        if let Some(known) = self.reliable.get_mut(&number) {
            charged = known.packet.cost();
            let BufferedPacket::Reassembling(reassembly) = &known.packet else {
                return ReceiveOutcome::Malformed;
            };
            if !reassembly.matches(fragment) {
                return ReceiveOutcome::Malformed;
            }
            if reassembly.has(fragment) {
                return ReceiveOutcome::Accepted;
            }
            // It was out of order before, and is next now.
            if in_order && !std::mem::replace(&mut known.in_order, true) {
                buffered.out_of_order -= charged;
                buffered.incomplete += charged;
            }
        }
        let cost = fragment_cost(charged, fragment);
        if !(if in_order {
            budget.fits_in_order(*buffered, charged, cost)
        } else {
            budget.fits_out_of_order(*buffered, cost)
        }) {
            return ReceiveOutcome::BufferFull;
        }
        *(if in_order { &mut buffered.incomplete } else { &mut buffered.out_of_order }) += cost;
        let new = || BufferedReliable { packet: BufferedPacket::reassembling(fragment), in_order };
        let known = self.reliable.entry(number).or_insert_with(new);
        if known.packet.add(fragment) && in_order {
            self.deliver_in_order(number - 1, buffered, out);
        }
        ReceiveOutcome::Accepted
    }

    /// Delivers the packets that follow `number`, the last reliable packet delivered.
    #[inline]
    fn deliver_in_order(
        &mut self,
        number: u64,
        buffered: &mut BufferedBytes,
        out: &mut impl Deliver,
    ) {
        if number != self.last_delivered {
            self.advance_to(number, buffered, out);
        }
        while let Some(first) = self.reliable.first_entry() {
            if *first.key() > self.last_delivered + 1 {
                break;
            }
            let in_order = *first.key() == self.last_delivered + 1;
            if in_order && !first.get().packet.is_complete() {
                break;
            }
            let entry = first.remove();
            refund(&entry, buffered);
            // Packets that a longer one has overtaken contradict it, and are dropped.
            if in_order {
                let fragments = match &entry.packet {
                    BufferedPacket::Whole(_) => 1,
                    BufferedPacket::Reassembling(reassembly) => reassembly.count(),
                };
                out.deliver(Delivery::Reliable, Payload::Owned(entry.packet.finish()));
                self.advance_to(self.last_delivered + u64::from(fragments), buffered, out);
            }
        }
    }

    /// Advances to the reliable packet `number`, and delivers the unreliable ones sent after it and before the next.
    #[inline]
    fn advance_to(&mut self, number: u64, buffered: &mut BufferedBytes, out: &mut impl Deliver) {
        self.last_delivered = number;
        self.last_delivered_unreliable = 0;
        if !self.unreliable.is_empty() {
            self.deliver_complete_unreliable(buffered, out);
        }
    }

    /// Handles an unreliable packet.
    #[inline]
    pub(crate) fn handle_send_unreliable(
        &mut self,
        sequence: u16,
        unreliable_sequence: u16,
        data: &[u8],
        buffered: &mut BufferedBytes,
        budget: ReceiveBudget,
        out: &mut impl Deliver,
    ) {
        let Some(after) = self.unreliable_position(sequence, unreliable_sequence) else { return };
        let cost = data.len() + PACKET_OVERHEAD;
        if after == self.last_delivered {
            if !budget.fits_now(*buffered, cost) {
                return;
            }
            out.deliver(Delivery::Unreliable, Payload::Borrowed(data));
            self.last_delivered_unreliable = unreliable_sequence;
            if !self.unreliable.is_empty() {
                self.drop_outdated(buffered);
            }
            return;
        }
        let key = (after, unreliable_sequence);
        if self.unreliable.contains_key(&key) || !self.make_room(key, 0, cost, buffered, budget) {
            return;
        }
        buffered.unreliable += cost;
        self.unreliable.insert(key, BufferedPacket::Whole(data.into()));
    }

    /// Handles a fragment of an unreliable packet that [`is_valid`](super::reassembly::is_valid).
    pub(crate) fn handle_send_unreliable_fragment(
        &mut self,
        sequence: u16,
        fragment: &Fragment<'_>,
        buffered: &mut BufferedBytes,
        budget: ReceiveBudget,
        out: &mut impl Deliver,
    ) {
        let Some(after) = self.unreliable_position(sequence, fragment.start_sequence) else {
            return;
        };
        let key = (after, fragment.start_sequence);
        let mut charged = 0;
        if let Some(known) = self.unreliable.get(&key) {
            charged = known.cost();
            let BufferedPacket::Reassembling(reassembly) = known else { return };
            if !reassembly.matches(fragment) || reassembly.has(fragment) {
                return;
            }
        }
        let cost = fragment_cost(charged, fragment);
        if !self.make_room(key, charged, cost, buffered, budget) {
            return;
        }
        buffered.unreliable += cost;
        let known =
            self.unreliable.entry(key).or_insert_with(|| BufferedPacket::reassembling(fragment));
        if known.add(fragment) && after == self.last_delivered {
            self.deliver_unreliable(key, buffered, out);
            self.drop_outdated(buffered);
        }
    }

    /// Returns the number of the reliable packet before an unreliable one, unless that is outdated.
    fn unreliable_position(&self, sequence: u16, unreliable_sequence: u16) -> Option<u64> {
        match self.ahead(sequence) {
            0 => (unreliable_sequence > self.last_delivered_unreliable)
                .then_some(self.last_delivered),
            ahead @ 1..=RELIABLE_WINDOW => Some(self.last_delivered + u64::from(ahead)),
            _ => None,
        }
    }

    /// Delivers the complete unreliable packets of the current reliable one, in order. Incomplete ones are delivered
    /// when they complete, so that no packet is visited twice.
    fn deliver_complete_unreliable(
        &mut self,
        buffered: &mut BufferedBytes,
        out: &mut impl Deliver,
    ) {
        let current = (self.last_delivered, 0)..=(self.last_delivered, u16::MAX);
        let complete: Vec<_> = self
            .unreliable
            .range(current)
            .filter(|(_, packet)| packet.is_complete())
            .map(|(key, _)| *key)
            .collect();
        for key in complete {
            self.deliver_unreliable(key, buffered, out);
        }
        self.drop_outdated(buffered);
    }

    /// Delivers a complete unreliable packet.
    fn deliver_unreliable(
        &mut self,
        key: (u64, u16),
        buffered: &mut BufferedBytes,
        out: &mut impl Deliver,
    ) {
        let Some(packet) = self.unreliable.remove(&key) else { return };
        buffered.unreliable -= packet.cost();
        self.last_delivered_unreliable = key.1;
        let delivery = delivery_of(&packet);
        out.deliver(delivery, Payload::Owned(packet.finish()));
    }

    /// Drops the unreliable packets that a later one has overtaken.
    fn drop_outdated(&mut self, buffered: &mut BufferedBytes) {
        while let Some(first) = self.unreliable.first_entry() {
            if *first.key() > (self.last_delivered, self.last_delivered_unreliable) {
                break;
            }
            buffered.unreliable -= first.remove().cost();
        }
    }

    /// Drops the oldest unreliable packets of this channel until `cost` bytes of the packet `key` fit. Returns true if
    /// they fit without dropping that packet.
    fn make_room(
        &mut self,
        key: (u64, u16),
        charged: usize,
        cost: usize,
        buffered: &mut BufferedBytes,
        budget: ReceiveBudget,
    ) -> bool {
        while !budget.fits_unreliable(*buffered, charged, cost) {
            let Some((oldest, packet)) = self.unreliable.pop_first() else { return false };
            buffered.unreliable -= packet.cost();
            if oldest == key {
                return false;
            }
        }
        true
    }
}

/// Returns the memory cost of a fragment of a packet for which `charged` bytes are charged already.
fn fragment_cost(charged: usize, fragment: &Fragment<'_>) -> usize {
    Reassembly::cost(fragment)
        + if charged == 0 { PACKET_OVERHEAD + REASSEMBLY_OVERHEAD } else { 0 }
}

fn refund(reliable: &BufferedReliable, buffered: &mut BufferedBytes) {
    let charged =
        if reliable.in_order { &mut buffered.incomplete } else { &mut buffered.out_of_order };
    *charged -= reliable.packet.cost();
}

fn delivery_of(packet: &BufferedPacket) -> Delivery {
    match packet {
        BufferedPacket::Whole(_) => Delivery::Unreliable,
        BufferedPacket::Reassembling(_) => Delivery::UnreliableFragment,
    }
}

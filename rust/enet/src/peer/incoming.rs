//! What has come on a channel and waits for something before it.
//!
//! Packets in their order are told at once and never stand here. The others are in ordered maps rather than in rings: what
//! a peer can make us keep is then what it has sent, not how far ahead it says that it is.

use super::reassembly::{PIECES_OVERHEAD, Reassembly};
use crate::packet::{Delivery, Payload};
use crate::wire::Fragment;
use std::collections::BTreeMap;

/// `ENET_PEER_RELIABLE_WINDOW_SIZE` times the windows that a packet may be ahead.
const AHEAD: u16 = 7 * 4096;
/// What is so far ahead, yet not behind, is neither taken nor acknowledged: it must come again.
const SILENT: u16 = 9 * 4096;
/// What a packet takes beside its bytes, roughly.
pub(crate) const PACKET_OVERHEAD: usize = 128;

/// How many bytes the channels of a peer keep, by what they wait for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    /// The channels themselves, of which something has come.
    pub(crate) channels: usize,
    /// Reliable packets that wait for an earlier one.
    pub(crate) early: usize,
    /// Reliable packets whose turn it is, and of which pieces are missing.
    pub(crate) partial: usize,
    /// Unreliable packets.
    pub(crate) unreliable: usize,
}

impl Held {
    pub(crate) fn total(self) -> usize {
        self.channels + self.early + self.partial + self.unreliable
    }
}

/// How many bytes more a peer may make us keep. `own` is what is kept of the packet itself that a piece belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// What waits for the caller.
    pub(crate) waiting: usize,
    /// The limit of the peer.
    pub(crate) limit: usize,
    /// What the host has for this peer, for packets whose turn it is and for those that wait for others.
    pub(crate) share: usize,
    pub(crate) early_share: usize,
}

impl Room {
    /// A packet that waits for nothing, and is not repeated: its receiver makes room for the latest.
    pub(crate) fn takes_now(self, held: Held, cost: usize) -> bool {
        self.waiting + held.total() + cost <= self.share
    }

    /// A channel of which nothing has come before. All take at most half of the share: their state stays, and packets need
    /// room as well.
    pub(crate) fn takes_channel(self, held: Held, cost: usize) -> bool {
        held.channels + cost <= self.share / 2 && self.takes_now(held, cost)
    }

    /// A packet whose turn it is. It may use all of the limit, or be alone, so that what is acknowledged already can always
    /// be told in the end.
    fn takes_next(self, held: Held, own: usize, cost: usize) -> bool {
        let kept = self.waiting + held.partial;
        (kept == own || kept + cost <= self.limit) && self.takes_now(held, cost)
    }

    /// A packet that waits for an earlier one: half of the limit.
    fn takes_early(self, held: Held, cost: usize) -> bool {
        self.waiting + held.early + cost <= self.limit / 2
            && self.waiting + held.total() + cost <= self.early_share
    }

    /// An unreliable packet that waits: a quarter, or one.
    fn takes_unreliable(self, held: Held, own: usize, cost: usize) -> bool {
        (held.unreliable == own || held.unreliable + cost <= self.limit / 4)
            && self.waiting + held.total() + cost <= self.early_share
    }
}

/// What a reliable packet, or piece of one, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is here, or was before.
    Acknowledge,
    /// It must come again.
    Repeat,
    /// There is no room for it; it must come again.
    Full,
    /// It contradicts what came before.
    Wrong,
}

#[derive(Debug)]
enum Waiting {
    Whole(Box<[u8]>),
    Pieces(Box<Reassembly>),
}

impl Waiting {
    fn cost(&self) -> usize {
        PACKET_OVERHEAD
            + match self {
                Self::Whole(data) => data.len(),
                Self::Pieces(pieces) => pieces.kept(),
            }
    }

    /// A packet of which nothing has come.
    fn of_pieces(fragment: &Fragment<'_>) -> Self {
        Self::Pieces(Box::new(Reassembly::new(fragment)))
    }

    /// Adds a piece, and returns whether the packet is complete.
    fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        if let Self::Pieces(pieces) = self {
            pieces.add(fragment);
        }
        self.is_complete()
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Pieces(pieces) => pieces.is_complete(),
        }
    }

    fn finish(self) -> Box<[u8]> {
        match self {
            Self::Whole(data) => data,
            Self::Pieces(pieces) => pieces.finish(),
        }
    }
}

#[derive(Debug)]
struct Reliable {
    waiting: Waiting,
    /// It was its turn when it came, so it counts as partial.
    next: bool,
}

/// The receiving half of a channel.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// The last reliable packet that was told, or its last piece. Its low 16 bits are those of the wire.
    told: u64,
    /// The last unreliable packet after it that was told.
    told_unreliable: u16,
    /// Its state is among what the peer [holds](Held::channels).
    pub(crate) is_counted: bool,
    reliable: BTreeMap<u64, Reliable>,
    unreliable: BTreeMap<(u64, u16), Waiting>,
}

/// What a map takes that has, or had, something in it: a node has room for 11 entries.
const fn node_of<K, V>() -> usize {
    11 * (size_of::<K>() + size_of::<V>()) + 16
}

impl Incoming {
    /// What its maps take, beside it and beside what waits in them.
    pub(crate) const MAPS: usize = node_of::<u64, Reliable>() + node_of::<(u64, u16), Waiting>();
}

/// Where a sequence number is.
enum Place {
    Behind,
    Ahead(u64),
    TooFar,
}

/// Where packets go when it is their turn.
pub(crate) trait Deliver {
    fn deliver(&mut self, delivery: Delivery, data: Payload<'_>);
}

impl Incoming {
    #[expect(clippy::cast_possible_truncation, reason = "the wire has the low 16 bits")]
    #[inline]
    fn ahead(&self, sequence: u16) -> u16 {
        sequence.wrapping_sub(self.told as u16)
    }

    #[inline]
    fn place(&self, sequence: u16) -> Place {
        match self.ahead(sequence) {
            0 => Place::Behind,
            ahead @ 1..=AHEAD => Place::Ahead(self.told + u64::from(ahead)),
            ahead if ahead <= SILENT => Place::TooFar,
            _ => Place::Behind,
        }
    }

    /// A whole reliable packet.
    #[inline]
    pub(crate) fn reliable(
        &mut self,
        sequence: u16,
        data: &[u8],
        held: &mut Held,
        room: Room,
        out: &mut impl Deliver,
    ) -> Verdict {
        let number = match self.place(sequence) {
            Place::Behind => return Verdict::Acknowledge,
            Place::TooFar => return Verdict::Repeat,
            Place::Ahead(number) => number,
        };
        let cost = data.len() + PACKET_OVERHEAD;
        if number == self.told + 1 {
            if !room.takes_next(*held, 0, cost) {
                return Verdict::Full;
            }
            // Pieces under the number of a whole packet contradict it; the first that is whole counts.
            if let Some(other) = self.reliable.remove(&number) {
                forget(&other, held);
            }
            out.deliver(Delivery::Reliable, Payload::Borrowed(data));
            self.advance(number, held, out);
            return Verdict::Acknowledge;
        }
        if self.reliable.contains_key(&number) {
            return Verdict::Acknowledge;
        }
        if !room.takes_early(*held, cost) {
            return Verdict::Full;
        }
        held.early += cost;
        let waiting = Waiting::Whole(data.into());
        self.reliable.insert(number, Reliable { waiting, next: false });
        Verdict::Acknowledge
    }

    /// A piece of a reliable packet, of which [`is_valid`](super::reassembly::is_valid) holds.
    pub(crate) fn reliable_fragment(
        &mut self,
        fragment: &Fragment<'_>,
        held: &mut Held,
        room: Room,
        out: &mut impl Deliver,
    ) -> Verdict {
        let number = match self.place(fragment.start_sequence) {
            Place::Behind => return Verdict::Acknowledge,
            Place::TooFar => return Verdict::Repeat,
            Place::Ahead(number) => number,
        };
        let next = number == self.told + 1;
        let mut own = 0;
        if let Some(known) = self.reliable.get_mut(&number) {
            own = known.waiting.cost();
            let Waiting::Pieces(pieces) = &known.waiting else { return Verdict::Wrong };
            if !pieces.matches(fragment) {
                return Verdict::Wrong;
            }
            if pieces.has(fragment) {
                return Verdict::Acknowledge;
            }
            // It began early, and its turn has come since.
            if next && !std::mem::replace(&mut known.next, true) {
                held.early -= own;
                held.partial += own;
            }
        }
        let cost = cost_of(own, fragment);
        if !(if next { room.takes_next(*held, own, cost) } else { room.takes_early(*held, cost) }) {
            return Verdict::Full;
        }
        *(if next { &mut held.partial } else { &mut held.early }) += cost;
        let new = || Reliable { waiting: Waiting::of_pieces(fragment), next };
        let known = self.reliable.entry(number).or_insert_with(new);
        if known.waiting.add(fragment) && next {
            self.advance(number - 1, held, out);
        }
        Verdict::Acknowledge
    }

    /// Reliable packets up to `number` were told: tells what waited for that.
    #[inline]
    fn advance(&mut self, number: u64, held: &mut Held, out: &mut impl Deliver) {
        if number != self.told {
            self.step(number, held, out);
        }
        while let Some(first) = self.reliable.first_entry() {
            if *first.key() > self.told + 1 {
                break;
            }
            let next = *first.key() == self.told + 1;
            if next && !first.get().waiting.is_complete() {
                break;
            }
            let entry = first.remove();
            forget(&entry, held);
            // What a packet in pieces has overtaken contradicts it, and is dropped.
            if next {
                let pieces = match &entry.waiting {
                    Waiting::Whole(_) => 1,
                    Waiting::Pieces(pieces) => pieces.count(),
                };
                out.deliver(Delivery::Reliable, Payload::Owned(entry.waiting.finish()));
                self.step(self.told + u64::from(pieces), held, out);
            }
        }
    }

    /// The reliable packet `number` was told. Unreliable ones that were sent after it, and before the next, come now.
    #[inline]
    fn step(&mut self, number: u64, held: &mut Held, out: &mut impl Deliver) {
        self.told = number;
        self.told_unreliable = 0;
        if !self.unreliable.is_empty() {
            self.tell_complete(held, out);
        }
    }

    /// A whole unreliable packet.
    #[inline]
    pub(crate) fn unreliable(
        &mut self,
        sequence: u16,
        unreliable_sequence: u16,
        data: &[u8],
        held: &mut Held,
        room: Room,
        out: &mut impl Deliver,
    ) {
        let Some(after) = self.unreliable_place(sequence, unreliable_sequence) else { return };
        let cost = data.len() + PACKET_OVERHEAD;
        if after == self.told {
            if !room.takes_now(*held, cost) {
                return;
            }
            out.deliver(Delivery::Unreliable, Payload::Borrowed(data));
            self.told_unreliable = unreliable_sequence;
            if !self.unreliable.is_empty() {
                self.drop_overtaken(held);
            }
            return;
        }
        let key = (after, unreliable_sequence);
        if self.unreliable.contains_key(&key) || !self.make_room(key, 0, cost, held, room) {
            return;
        }
        held.unreliable += cost;
        self.unreliable.insert(key, Waiting::Whole(data.into()));
    }

    /// A piece of an unreliable packet, of which [`is_valid`](super::reassembly::is_valid) holds.
    pub(crate) fn unreliable_fragment(
        &mut self,
        sequence: u16,
        fragment: &Fragment<'_>,
        held: &mut Held,
        room: Room,
        out: &mut impl Deliver,
    ) {
        let Some(after) = self.unreliable_place(sequence, fragment.start_sequence) else { return };
        let key = (after, fragment.start_sequence);
        let mut own = 0;
        if let Some(known) = self.unreliable.get(&key) {
            own = known.cost();
            let Waiting::Pieces(pieces) = known else { return };
            if !pieces.matches(fragment) || pieces.has(fragment) {
                return;
            }
        }
        let cost = cost_of(own, fragment);
        if !self.make_room(key, own, cost, held, room) {
            return;
        }
        held.unreliable += cost;
        let known = self.unreliable.entry(key).or_insert_with(|| Waiting::of_pieces(fragment));
        if known.add(fragment) && after == self.told {
            self.tell_unreliable(key, held, out);
            self.drop_overtaken(held);
        }
    }

    /// After which reliable packet an unreliable one comes, if it may still be told.
    fn unreliable_place(&self, sequence: u16, unreliable_sequence: u16) -> Option<u64> {
        match self.ahead(sequence) {
            0 => (unreliable_sequence > self.told_unreliable).then_some(self.told),
            ahead @ 1..=AHEAD => Some(self.told + u64::from(ahead)),
            _ => None,
        }
    }

    /// Tells the unreliable packets whose turn has come and that are whole, as far as none that is told overtakes another.
    /// Later ones are told when they are whole, so that no packet is looked at twice.
    fn tell_complete(&mut self, held: &mut Held, out: &mut impl Deliver) {
        let current = (self.told, 0)..=(self.told, u16::MAX);
        let complete: Vec<_> = self
            .unreliable
            .range(current)
            .filter(|(_, waiting)| waiting.is_complete())
            .map(|(key, _)| *key)
            .collect();
        for key in complete {
            self.tell_unreliable(key, held, out);
        }
        self.drop_overtaken(held);
    }

    /// Tells an unreliable packet that is whole.
    fn tell_unreliable(&mut self, key: (u64, u16), held: &mut Held, out: &mut impl Deliver) {
        let Some(waiting) = self.unreliable.remove(&key) else { return };
        held.unreliable -= waiting.cost();
        self.told_unreliable = key.1;
        let delivery = delivery_of(&waiting);
        out.deliver(delivery, Payload::Owned(waiting.finish()));
    }

    /// Drops the unreliable packets that a later one has overtaken.
    fn drop_overtaken(&mut self, held: &mut Held) {
        while let Some(first) = self.unreliable.first_entry() {
            if *first.key() > (self.told, self.told_unreliable) {
                break;
            }
            held.unreliable -= first.remove().cost();
        }
    }

    /// Drops the oldest unreliable packets of this channel until there is room for `cost` bytes of the packet `key`. Returns
    /// whether there is, without dropping that one.
    fn make_room(
        &mut self,
        key: (u64, u16),
        own: usize,
        cost: usize,
        held: &mut Held,
        room: Room,
    ) -> bool {
        while !room.takes_unreliable(*held, own, cost) {
            let Some((oldest, waiting)) = self.unreliable.pop_first() else { return false };
            held.unreliable -= waiting.cost();
            if oldest == key {
                return false;
            }
        }
        true
    }
}

/// How many bytes of memory a piece takes, where `own` are kept of its packet already.
fn cost_of(own: usize, fragment: &Fragment<'_>) -> usize {
    Reassembly::cost(fragment) + if own == 0 { PACKET_OVERHEAD + PIECES_OVERHEAD } else { 0 }
}

fn forget(reliable: &Reliable, held: &mut Held) {
    let kept = if reliable.next { &mut held.partial } else { &mut held.early };
    *kept -= reliable.waiting.cost();
}

fn delivery_of(waiting: &Waiting) -> Delivery {
    match waiting {
        Waiting::Whole(_) => Delivery::Unreliable,
        Waiting::Pieces(_) => Delivery::UnreliableFragment,
    }
}

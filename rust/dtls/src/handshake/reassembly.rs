//! Messages are put together from their fragments, and in their order (RFC 6347 section 4.2.3).

use super::header::{Header, MessageType};
use std::collections::BTreeMap;

/// What the messages that are not complete, or whose turn it is not, may take in all.
const MOST_BYTES: usize = 32 << 10;
/// How many messages ahead one may be: no flight has more.
const AHEAD: u16 = 8;

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: MessageType,
    pub(crate) sequence: u16,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// As it goes into the hashes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        Header::encode_whole(self.kind, self.sequence, &self.body, out);
    }
}

/// The messages that come.
#[derive(Debug)]
pub(crate) struct Reassembly {
    /// The next message.
    next: u16,
    partial: BTreeMap<u16, Partial>,
    /// What they take.
    bytes: usize,
}

#[derive(Debug)]
struct Partial {
    message_type: MessageType,
    body: Vec<u8>,
    /// Which of its bytes have come, a bit for each: so that a fragment costs its length, in whatever pieces it comes.
    come: Vec<u64>,
    missing: usize,
}

impl Partial {
    fn new(header: &Header) -> Self {
        Self {
            message_type: header.message_type,
            body: vec![0; header.length],
            come: vec![0; header.length.div_ceil(64)],
            missing: header.length,
        }
    }

    fn cost(&self) -> usize {
        self.body.len() + 64
    }

    fn add(&mut self, offset: usize, fragment: &[u8]) {
        for (index, byte) in (offset..).zip(fragment) {
            let (word, bit) = (&mut self.come[index / 64], 1 << (index % 64));
            if *word & bit == 0 {
                *word |= bit;
                self.body[index] = *byte;
                self.missing -= 1;
            }
        }
    }
}

impl Reassembly {
    /// The first message has this number.
    pub(crate) fn starting_at(next: u16) -> Self {
        Self { next, partial: BTreeMap::new(), bytes: 0 }
    }

    /// Takes a fragment. Says whether it belongs to a message that was complete before: then the other side repeats itself.
    pub(crate) fn add(&mut self, header: &Header, fragment: &[u8]) -> bool {
        if header.sequence.wrapping_sub(self.next) >= AHEAD {
            return self.is_behind(header);
        }
        if let Some(partial) = self.partial.get_mut(&header.sequence) {
            if partial.message_type == header.message_type && partial.body.len() == header.length {
                partial.add(header.fragment_offset, fragment);
            }
            return false;
        }
        let mut partial = Partial::new(header);
        if self.bytes + partial.cost() <= MOST_BYTES {
            self.bytes += partial.cost();
            partial.add(header.fragment_offset, fragment);
            self.partial.insert(header.sequence, partial);
        }
        false
    }

    /// Whether a fragment belongs to a message that was complete before.
    pub(crate) fn is_behind(&self, header: &Header) -> bool {
        header.sequence.wrapping_sub(self.next) > u16::MAX / 2
    }

    /// Forgets what is not complete, or whose turn it is not.
    pub(crate) fn forget_partial(&mut self) {
        self.partial.clear();
        self.bytes = 0;
    }

    /// The next message, if it is complete.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let partial = self.partial.get(&self.next)?;
        if partial.missing > 0 {
            return None;
        }
        let partial = self.partial.remove(&self.next)?;
        self.bytes -= partial.cost();
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        Some(Message { kind: partial.message_type, sequence, body: partial.body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, length: usize, fragment_offset: usize) -> Header {
        Header { message_type: MessageType::Certificate, length, sequence, fragment_offset }
    }

    #[test]
    fn messages_come_whole_and_in_order_from_overlapping_pieces() {
        let body: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let mut reassembly = Reassembly::starting_at(1);
        reassembly.add(&header(2, 0, 0), &[]);
        for begin in (0..3000).rev().step_by(7) {
            assert_eq!(reassembly.next(), None);
            let end = 3000.min(begin + 20);
            assert!(!reassembly.add(&header(1, 3000, begin), &body[begin..end]));
        }
        reassembly.add(&header(1, 3000, 0), &body[..20]);
        assert_eq!(reassembly.next().map(|message| message.body), Some(body));
        assert_eq!(reassembly.next().map(|message| message.body), Some(Vec::new()));
        assert!(reassembly.add(&header(1, 3000, 0), b"again"));
        assert_eq!(reassembly.next(), None);
        assert_eq!(reassembly.bytes, 0);
    }

    #[test]
    fn what_it_keeps_is_limited() {
        let mut reassembly = Reassembly::starting_at(0);
        for sequence in 0..100 {
            reassembly.add(&header(sequence, 10_000, 0), b"x");
            reassembly.add(&header(sequence, (1 << 24) - 1, 0), b"x");
        }
        assert!(reassembly.bytes <= MOST_BYTES && reassembly.partial.len() == 3);
        // Contradictions to what has come are of no account.
        reassembly.add(&header(0, 5, 0), b"short");
        assert_eq!(reassembly.next(), None);
    }
}

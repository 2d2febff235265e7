//! Reassembly of messages from their fragments, in order (RFC 6347 section 4.2.3).

use super::header::{Header, MessageType};
use std::collections::BTreeMap;

/// Maximum memory of incomplete and out-of-order messages, in bytes.
const MAX_BUFFERED_BYTES: usize = 32 << 10;
/// Maximum distance of a message from the next one: no flight has more messages.
const MAX_MESSAGES_AHEAD: u16 = 8;
/// Unit of allocation: memory is charged by the bytes received, not by the length that a header claims.
const CHUNK: usize = 256;

/// A whole message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: MessageType,
    pub(crate) sequence: u16,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Encodes the message as it is hashed.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        Header::encode_whole(self.kind, self.sequence, &self.body, out);
    }
}

/// Reassembles the messages of the peer.
#[derive(Debug)]
pub(crate) struct Reassembly {
    /// Sequence number of the next message.
    next: u16,
    partial: BTreeMap<u16, PartialMessage>,
    /// Memory of `partial`.
    bytes: usize,
}

/// An incomplete or out-of-order message.
#[derive(Debug)]
struct PartialMessage {
    message_type: MessageType,
    length: usize,
    missing: usize,
    /// Chunks by their index.
    chunks: BTreeMap<usize, Box<Chunk>>,
}

/// A part of a message, with a bit for each received byte: the cost of a fragment does not depend on how it is split.
#[derive(Debug)]
struct Chunk {
    bytes: [u8; CHUNK],
    received: [u64; CHUNK / 64],
}

/// Splits a fragment at the boundaries of chunks. Yields the index of the chunk, the offset in it, and the bytes.
fn split_at_chunks(
    offset: usize,
    mut fragment: &[u8],
) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let mut at = offset;
    std::iter::from_fn(move || {
        let begin = at % CHUNK;
        let (part, rest) = fragment.split_at(fragment.len().min(CHUNK - begin));
        let chunk = at / CHUNK;
        at += part.len();
        fragment = rest;
        (!part.is_empty()).then_some((chunk, begin, part))
    })
}

impl Chunk {
    fn new() -> Box<Self> {
        Box::new(Self { bytes: [0; CHUNK], received: [0; CHUNK / 64] })
    }

    fn is_received(&self, index: usize) -> bool {
        self.received[index / 64] & 1 << (index % 64) != 0
    }
}

impl PartialMessage {
    fn new(header: &Header) -> Self {
        Self {
            message_type: header.message_type,
            length: header.length,
            missing: header.length,
            chunks: BTreeMap::new(),
        }
    }

    /// Returns true if a fragment does not contradict what was received.
    fn is_consistent(&self, header: &Header, fragment: &[u8]) -> bool {
        self.message_type == header.message_type
            && self.length == header.length
            && split_at_chunks(header.fragment_offset, fragment).all(|(chunk, begin, part)| {
                self.chunks.get(&chunk).is_none_or(|chunk| {
                    (begin..)
                        .zip(part)
                        .all(|(at, byte)| !chunk.is_received(at) || chunk.bytes[at] == *byte)
                })
            })
    }

    fn add(&mut self, offset: usize, fragment: &[u8]) {
        for (chunk, begin, part) in split_at_chunks(offset, fragment) {
            let chunk = self.chunks.entry(chunk).or_insert_with(Chunk::new);
            for (at, byte) in (begin..).zip(part) {
                if !chunk.is_received(at) {
                    chunk.received[at / 64] |= 1 << (at % 64);
                    chunk.bytes[at] = *byte;
                    self.missing -= 1;
                }
            }
        }
    }

    fn into_body(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.length);
        for chunk in self.chunks.values() {
            let rest = self.length - body.len();
            body.extend_from_slice(&chunk.bytes[..rest.min(CHUNK)]);
        }
        body
    }
}

impl Reassembly {
    /// Expects messages from this sequence number on.
    pub(crate) fn starting_at(next: u16) -> Self {
        Self { next, partial: BTreeMap::new(), bytes: 0 }
    }

    /// Returns the sequence number of the next message.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.next
    }

    /// Restarts with this message.
    pub(crate) fn restart(&mut self, next: u16) {
        *self = Self::starting_at(next);
    }

    /// Adds a fragment. Returns true if it belongs to a message that was complete before, so the peer retransmits.
    ///
    /// Anyone may have sent it. If two fragments contradict each other, or the buffer is full, the older one is discarded:
    /// the peer retransmits what is missing.
    pub(crate) fn add(&mut self, header: &Header, fragment: &[u8]) -> bool {
        if header.sequence.wrapping_sub(self.next) >= MAX_MESSAGES_AHEAD {
            return self.is_retransmission(header);
        }
        if header.length > MAX_BUFFERED_BYTES {
            return false;
        }
        if self
            .partial
            .get(&header.sequence)
            .is_some_and(|known| !known.is_consistent(header, fragment))
        {
            self.remove(header.sequence);
        }
        let known = self.partial.get(&header.sequence);
        let is_new = |chunk| known.is_none_or(|known| !known.chunks.contains_key(&chunk));
        let chunks = split_at_chunks(header.fragment_offset, fragment).map(|(chunk, ..)| chunk);
        let more = CHUNK * chunks.filter(|chunk| is_new(*chunk)).count();
        if self.bytes + more > MAX_BUFFERED_BYTES {
            self.partial.retain(|sequence, _| *sequence == header.sequence);
            self.bytes = self.partial.values().map(|kept| CHUNK * kept.chunks.len()).sum();
        }
        self.bytes += more;
        let partial =
            self.partial.entry(header.sequence).or_insert_with(|| PartialMessage::new(header));
        partial.add(header.fragment_offset, fragment);
        false
    }

    /// Returns true if a fragment belongs to a message that was complete before.
    pub(crate) fn is_retransmission(&self, header: &Header) -> bool {
        header.sequence.wrapping_sub(self.next) > u16::MAX / 2
    }

    fn remove(&mut self, sequence: u16) -> Option<PartialMessage> {
        let partial = self.partial.remove(&sequence)?;
        self.bytes -= CHUNK * partial.chunks.len();
        Some(partial)
    }

    /// Discards incomplete and out-of-order messages.
    pub(crate) fn clear(&mut self) {
        self.partial.clear();
        self.bytes = 0;
    }

    /// Takes the next message, if it is complete.
    pub(crate) fn next_message(&mut self) -> Option<Message> {
        if self.partial.get(&self.next)?.missing > 0 {
            return None;
        }
        let sequence = self.next;
        let partial = self.remove(sequence)?;
        self.next = sequence.wrapping_add(1);
        Some(Message { kind: partial.message_type, sequence, body: partial.into_body() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sequence: u16, length: usize, fragment_offset: usize) -> Header {
        Header { message_type: MessageType::Certificate, length, sequence, fragment_offset }
    }

    #[test]
    fn overlapping_fragments_are_reassembled_in_order() {
        let body: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let mut reassembly = Reassembly::starting_at(1);
        reassembly.add(&header(2, 0, 0), &[]);
        for begin in (0..3000).rev().step_by(7) {
            assert_eq!(reassembly.next_message(), None);
            let end = 3000.min(begin + 20);
            assert!(!reassembly.add(&header(1, 3000, begin), &body[begin..end]));
        }
        reassembly.add(&header(1, 3000, 0), &body[..20]);
        assert_eq!(reassembly.next_message().map(|message| message.body), Some(body));
        assert_eq!(reassembly.next_message().map(|message| message.body), Some(Vec::new()));
        assert!(reassembly.add(&header(1, 3000, 0), b"again"));
        assert_eq!(reassembly.next_message(), None);
        assert_eq!(reassembly.bytes, 0);
    }

    #[test]
    fn memory_is_charged_by_bytes_received_not_by_claimed_length() {
        let mut reassembly = Reassembly::starting_at(0);
        for sequence in 0..100 {
            reassembly.add(&header(sequence, (1 << 24) - 1, 0), b"x");
            reassembly.add(&header(sequence, 30_000, 29_999), b"x");
        }
        assert_eq!(reassembly.partial.len(), usize::from(MAX_MESSAGES_AHEAD));
        assert_eq!(reassembly.bytes, usize::from(MAX_MESSAGES_AHEAD) * CHUNK);
        assert!(reassembly.partial.values().all(|partial| partial.chunks.len() == 1));
    }

    #[test]
    fn a_full_buffer_discards_older_messages() {
        let mut reassembly = Reassembly::starting_at(0);
        for sequence in 1..8 {
            for offset in (0..30_000).step_by(CHUNK) {
                reassembly.add(&header(sequence, 30_000, offset), b"x");
                assert!(reassembly.bytes <= MAX_BUFFERED_BYTES);
            }
        }
        let body = vec![7; MAX_BUFFERED_BYTES];
        for (index, part) in body.chunks(1000).enumerate() {
            assert_eq!(reassembly.next_message(), None);
            reassembly.add(&header(0, MAX_BUFFERED_BYTES, index * 1000), part);
        }
        assert_eq!(reassembly.next_message().map(|message| message.body), Some(body));
        assert_eq!(reassembly.bytes, 0);
    }

    #[test]
    fn later_of_two_contradicting_fragments_counts() {
        let mut reassembly = Reassembly::starting_at(0);
        let add = |reassembly: &mut Reassembly, length, offset, fragment: &[u8]| {
            reassembly.add(&header(0, length, offset), fragment);
            reassembly.next_message().map(|message| message.body)
        };
        assert_eq!(add(&mut reassembly, 5, 0, b"for"), None, "another length");
        assert_eq!(add(&mut reassembly, 4, 0, b"for"), None, "another byte");
        assert_eq!(add(&mut reassembly, 4, 1, b"rue"), None);
        assert_eq!(add(&mut reassembly, 4, 0, b"tr"), Some(b"true".to_vec()));
    }
}

//! Messages are put together from their fragments, and in their order (RFC 6347 section 4.2.3).

use super::header::{Header, MessageType};
use std::collections::BTreeMap;

/// How many bytes the messages that are not complete, or whose turn it is not, may take in all.
const MOST_BYTES: usize = 32 << 10;
/// How many messages ahead one may be: no flight has more.
const AHEAD: u16 = 8;
/// Memory is taken in pieces of this length, for the bytes that have come and not for the length that is claimed.
const CHUNK: usize = 256;

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

/// A message of which not all has come, or whose turn it is not.
#[derive(Debug)]
struct Partial {
    message_type: MessageType,
    length: usize,
    missing: usize,
    /// By their place in the message.
    chunks: BTreeMap<usize, Box<Chunk>>,
}

/// A part of a message, with a bit for each byte that has come: a fragment costs its length, in whatever pieces it comes.
#[derive(Debug)]
struct Chunk {
    bytes: [u8; CHUNK],
    come: [u64; CHUNK / 64],
}

/// Cuts a fragment where chunks meet: for each piece the chunk, where it begins in the chunk, and its bytes.
fn pieces(offset: usize, mut fragment: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let mut at = offset;
    std::iter::from_fn(move || {
        let begin = at % CHUNK;
        let (piece, rest) = fragment.split_at(fragment.len().min(CHUNK - begin));
        let chunk = at / CHUNK;
        at += piece.len();
        fragment = rest;
        (!piece.is_empty()).then_some((chunk, begin, piece))
    })
}

impl Chunk {
    fn new() -> Box<Self> {
        Box::new(Self { bytes: [0; CHUNK], come: [0; CHUNK / 64] })
    }

    fn has(&self, index: usize) -> bool {
        self.come[index / 64] & 1 << (index % 64) != 0
    }
}

impl Partial {
    fn new(header: &Header) -> Self {
        Self {
            message_type: header.message_type,
            length: header.length,
            missing: header.length,
            chunks: BTreeMap::new(),
        }
    }

    /// Whether a fragment says nothing else than what has come.
    fn agrees(&self, header: &Header, fragment: &[u8]) -> bool {
        self.message_type == header.message_type
            && self.length == header.length
            && pieces(header.fragment_offset, fragment).all(|(chunk, begin, piece)| {
                self.chunks.get(&chunk).is_none_or(|chunk| {
                    (begin..)
                        .zip(piece)
                        .all(|(at, byte)| !chunk.has(at) || chunk.bytes[at] == *byte)
                })
            })
    }

    fn add(&mut self, offset: usize, fragment: &[u8]) {
        for (chunk, begin, piece) in pieces(offset, fragment) {
            let chunk = self.chunks.entry(chunk).or_insert_with(Chunk::new);
            for (at, byte) in (begin..).zip(piece) {
                if !chunk.has(at) {
                    chunk.come[at / 64] |= 1 << (at % 64);
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
    /// The first message has this number.
    pub(crate) fn starting_at(next: u16) -> Self {
        Self { next, partial: BTreeMap::new(), bytes: 0 }
    }

    /// The number of the next message.
    pub(crate) fn next_sequence(&self) -> u16 {
        self.next
    }

    /// Begins again with this message.
    pub(crate) fn restart(&mut self, next: u16) {
        *self = Self::starting_at(next);
    }

    /// Takes a fragment. Returns whether it belongs to a message that was complete before: then the other side repeats itself.
    ///
    /// Anybody may have sent it. Where two contradict each other, or there is no room, the older one is forgotten: the other
    /// side repeats what is missing.
    pub(crate) fn add(&mut self, header: &Header, fragment: &[u8]) -> bool {
        if header.sequence.wrapping_sub(self.next) >= AHEAD {
            return self.is_behind(header);
        }
        if header.length > MOST_BYTES {
            return false;
        }
        if self.partial.get(&header.sequence).is_some_and(|known| !known.agrees(header, fragment)) {
            self.forget(header.sequence);
        }
        let known = self.partial.get(&header.sequence);
        let is_new = |chunk| known.is_none_or(|known| !known.chunks.contains_key(&chunk));
        let chunks = pieces(header.fragment_offset, fragment).map(|(chunk, ..)| chunk);
        let more = CHUNK * chunks.filter(|chunk| is_new(*chunk)).count();
        if self.bytes + more > MOST_BYTES {
            self.partial.retain(|sequence, _| *sequence == header.sequence);
            self.bytes = self.partial.values().map(|kept| CHUNK * kept.chunks.len()).sum();
        }
        self.bytes += more;
        let partial = self.partial.entry(header.sequence).or_insert_with(|| Partial::new(header));
        partial.add(header.fragment_offset, fragment);
        false
    }

    /// Whether a fragment belongs to a message that was complete before.
    pub(crate) fn is_behind(&self, header: &Header) -> bool {
        header.sequence.wrapping_sub(self.next) > u16::MAX / 2
    }

    fn forget(&mut self, sequence: u16) -> Option<Partial> {
        let partial = self.partial.remove(&sequence)?;
        self.bytes -= CHUNK * partial.chunks.len();
        Some(partial)
    }

    /// Forgets what is not complete, or whose turn it is not.
    pub(crate) fn forget_partial(&mut self) {
        self.partial.clear();
        self.bytes = 0;
    }

    /// The next message, if it is complete.
    pub(crate) fn next(&mut self) -> Option<Message> {
        if self.partial.get(&self.next)?.missing > 0 {
            return None;
        }
        let sequence = self.next;
        let partial = self.forget(sequence)?;
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
    fn memory_is_taken_for_what_has_come_and_not_for_what_is_claimed() {
        let mut reassembly = Reassembly::starting_at(0);
        for sequence in 0..100 {
            reassembly.add(&header(sequence, (1 << 24) - 1, 0), b"x");
            reassembly.add(&header(sequence, 30_000, 29_999), b"x");
        }
        assert_eq!(reassembly.partial.len(), usize::from(AHEAD));
        assert_eq!(reassembly.bytes, usize::from(AHEAD) * CHUNK);
        assert!(reassembly.partial.values().all(|partial| partial.chunks.len() == 1));
    }

    #[test]
    fn when_it_is_full_what_comes_later_has_the_room() {
        let mut reassembly = Reassembly::starting_at(0);
        for sequence in 1..8 {
            for offset in (0..30_000).step_by(CHUNK) {
                reassembly.add(&header(sequence, 30_000, offset), b"x");
                assert!(reassembly.bytes <= MOST_BYTES);
            }
        }
        let body = vec![7; MOST_BYTES];
        for (index, piece) in body.chunks(1000).enumerate() {
            assert_eq!(reassembly.next(), None);
            reassembly.add(&header(0, MOST_BYTES, index * 1000), piece);
        }
        assert_eq!(reassembly.next().map(|message| message.body), Some(body));
        assert_eq!(reassembly.bytes, 0);
    }

    #[test]
    fn of_two_that_contradict_each_other_the_later_one_counts() {
        let mut reassembly = Reassembly::starting_at(0);
        let say = |reassembly: &mut Reassembly, length, offset, fragment: &[u8]| {
            reassembly.add(&header(0, length, offset), fragment);
            reassembly.next().map(|message| message.body)
        };
        assert_eq!(say(&mut reassembly, 5, 0, b"for"), None, "another length");
        assert_eq!(say(&mut reassembly, 4, 0, b"for"), None, "another byte");
        assert_eq!(say(&mut reassembly, 4, 1, b"rue"), None);
        assert_eq!(say(&mut reassembly, 4, 0, b"tr"), Some(b"true".to_vec()));
    }
}

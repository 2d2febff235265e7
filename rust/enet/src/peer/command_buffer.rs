//! A buffer of encoded commands.

use crate::wire::Command;

/// Capacity retained while the buffer is empty.
const RETAINED_CAPACITY: usize = 16 << 10;
/// Minimum number of released bytes for which the rest is moved to the front.
const COMPACT_THRESHOLD: usize = 4 << 10;

/// Encoded commands back to back, as they are copied into datagrams. Each is encoded once, when it is queued, and the
/// oldest are released first. So no packet needs an allocation of its own, and many are copied at once.
#[derive(Debug, Default)]
pub(crate) struct CommandBuffer {
    bytes: Vec<u8>,
    /// The number of bytes released before these, modulo 2^32; the buffer is always shorter than that.
    begin: u32,
}

/// The position of a command in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    at: u32,
    pub(crate) len: u16,
}

impl CommandBuffer {
    /// Appends a command, which is no longer than a datagram.
    #[expect(clippy::cast_possible_truncation, reason = "a datagram is shorter than 64 KiB")]
    #[inline]
    pub(crate) fn push(&mut self, command: &Command<'_>) -> Span {
        let begin = self.bytes.len();
        command.encode(&mut self.bytes);
        Span { at: self.begin.wrapping_add(begin as u32), len: (self.bytes.len() - begin) as u16 }
    }

    /// Returns an empty span at the end.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
    pub(crate) fn empty_span(&self) -> Span {
        Span { at: self.begin.wrapping_add(self.bytes.len() as u32), len: 0 }
    }

    #[inline]
    pub(crate) fn get(&self, span: Span) -> &[u8] {
        &self.bytes[self.index(span)..][..span.len.into()]
    }

    /// Releases the bytes before `rest`, or all bytes.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
    #[inline]
    pub(crate) fn release_before(&mut self, rest: Option<Span>) {
        let gone = rest.map_or(self.bytes.len(), |rest| self.index(rest));
        if gone == self.bytes.len() {
            self.begin = self.begin.wrapping_add(gone as u32);
            self.bytes.clear();
            if self.bytes.capacity() > RETAINED_CAPACITY {
                self.bytes = Vec::new();
            }
        } else if gone >= COMPACT_THRESHOLD && gone > self.bytes.len() / 2 {
            self.begin = self.begin.wrapping_add(gone as u32);
            self.bytes.drain(..gone);
        }
    }

    #[inline]
    fn index(&self, span: Span) -> usize {
        span.at.wrapping_sub(self.begin) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Body;

    fn command(data: &[u8]) -> Command<'_> {
        let body = Body::SendReliable { data };
        Command { acknowledge: true, unsequenced: false, channel: 0, sequence: 0, body }
    }

    #[test]
    fn spans_stay_valid_across_wraparound_and_release() {
        let mut buffer = CommandBuffer { bytes: Vec::new(), begin: u32::MAX - 10_000 };
        let mut places = std::collections::VecDeque::new();
        for number in (0..=u8::MAX).cycle().take(1000) {
            let data = vec![number; 100 + usize::from(number) % 50];
            places.push_back((data.clone(), buffer.push(&command(&data))));
            if places.len() > 60 {
                places.pop_front();
                buffer.release_before(places.front().map(|(_, span)| *span));
            }
            for (data, span) in &places {
                assert_eq!(&buffer.get(*span)[6..], &data[..]);
            }
            assert!(buffer.bytes.len() <= 3 * 60 * 156, "{}", buffer.bytes.len());
        }
        buffer.release_before(None);
        assert_eq!((buffer.bytes.len(), buffer.bytes.capacity() <= RETAINED_CAPACITY), (0, true));
    }
}

//! Commands that wait, as they are sent.

use crate::wire::Command;

/// What memory is kept while nothing waits.
const KEPT: usize = 16 << 10;
/// From how many bytes on it is worth while to move up what is left.
const WORTH_MOVING: usize = 4 << 10;

/// Commands behind each other, as they go into datagrams: each is written once, when it is queued, and the oldest go first.
/// So nothing is allocated for a packet, and many are copied as one.
#[derive(Debug, Default)]
pub(crate) struct Written {
    bytes: Vec<u8>,
    /// How many bytes there were before these, modulo 2^32: there are always fewer than that.
    begin: u32,
}

/// Where a command is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    at: u32,
    pub(crate) len: u16,
}

impl Written {
    /// Writes a command, which is no longer than a datagram.
    #[expect(clippy::cast_possible_truncation, reason = "a datagram is shorter than 64 KiB")]
    #[inline]
    pub(crate) fn push(&mut self, command: &Command<'_>) -> Place {
        let begin = self.bytes.len();
        command.encode(&mut self.bytes);
        Place { at: self.begin.wrapping_add(begin as u32), len: (self.bytes.len() - begin) as u16 }
    }

    /// Where the next is going to be.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
    pub(crate) fn nothing(&self) -> Place {
        Place { at: self.begin.wrapping_add(self.bytes.len() as u32), len: 0 }
    }

    #[inline]
    pub(crate) fn get(&self, place: Place) -> &[u8] {
        &self.bytes[self.index(place)..][..place.len.into()]
    }

    /// Lets go of what is before `rest`, or of everything.
    #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32")]
    #[inline]
    pub(crate) fn release(&mut self, rest: Option<Place>) {
        let gone = rest.map_or(self.bytes.len(), |rest| self.index(rest));
        if gone == self.bytes.len() {
            self.begin = self.begin.wrapping_add(gone as u32);
            self.bytes.clear();
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        } else if gone >= WORTH_MOVING && gone > self.bytes.len() / 2 {
            self.begin = self.begin.wrapping_add(gone as u32);
            self.bytes.drain(..gone);
        }
    }

    #[inline]
    fn index(&self, place: Place) -> usize {
        place.at.wrapping_sub(self.begin) as usize
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
    fn commands_are_where_they_were_written_though_positions_wrap_and_the_oldest_go() {
        let mut written = Written { bytes: Vec::new(), begin: u32::MAX - 10_000 };
        let mut places = std::collections::VecDeque::new();
        for number in (0..=u8::MAX).cycle().take(1000) {
            let data = vec![number; 100 + usize::from(number) % 50];
            places.push_back((data.clone(), written.push(&command(&data))));
            if places.len() > 60 {
                places.pop_front();
                written.release(places.front().map(|(_, place)| *place));
            }
            for (data, place) in &places {
                assert_eq!(&written.get(*place)[6..], &data[..]);
            }
            assert!(written.bytes.len() <= 3 * 60 * 156, "{}", written.bytes.len());
        }
        written.release(None);
        assert_eq!((written.bytes.len(), written.bytes.capacity() <= KEPT), (0, true));
    }
}

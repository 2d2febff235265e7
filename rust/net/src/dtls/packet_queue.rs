//! Received packets.

use std::collections::VecDeque;

/// Bytes that a queued packet counts for, in addition to its length.
pub(super) const PACKET_OVERHEAD: usize = 64;

/// Queued packets, in one buffer, up to a limit. Packets beyond it are dropped.
///
/// There is one on either side of a peer, and they are swapped when the game has read all packets. So the game's thread
/// neither allocates nor frees memory for a packet.
#[derive(Debug)]
pub(super) struct PacketQueue {
    bytes: Vec<u8>,
    lengths: VecDeque<usize>,
    /// Start of the next packet; the bytes before it were read.
    begin: usize,
    limit: usize,
    /// Size of the packets that the game has taken over and not read yet. They count for the limit.
    pub(super) taken_bytes: usize,
    dropped: u64,
}

impl PacketQueue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            lengths: VecDeque::new(),
            begin: 0,
            limit,
            taken_bytes: 0,
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, packet: &[u8]) {
        self.push_limited(packet, self.limit);
    }

    /// Adds a packet, if at most `limit` bytes are queued then.
    pub(super) fn push_limited(&mut self, packet: &[u8], limit: usize) {
        if self.lengths.is_empty() || self.begin > self.limit {
            self.bytes.drain(..self.begin);
            self.begin = 0;
        }
        let buffered = self.buffered_bytes() + self.taken_bytes;
        let cost = packet.len() + PACKET_OVERHEAD;
        if buffered > 0 && buffered + cost > limit.min(self.limit) {
            self.dropped += 1;
            return;
        }
        self.bytes.extend_from_slice(packet);
        self.lengths.push_back(packet.len());
    }

    /// Returns the size of the queued packets, with their overhead.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.bytes.len() - self.begin + self.lengths.len() * PACKET_OVERHEAD
    }

    /// Takes the next packet, which is valid until the next call.
    pub(super) fn pop(&mut self) -> Option<&[u8]> {
        let len = self.lengths.pop_front()?;
        let begin = self.begin;
        self.begin += len;
        Some(&self.bytes[begin..self.begin])
    }

    /// Takes over all packets of another queue.
    pub(super) fn take_all(&mut self, other: &mut Self) {
        if self.lengths.is_empty() {
            self.clear();
            std::mem::swap(&mut self.bytes, &mut other.bytes);
            std::mem::swap(&mut self.lengths, &mut other.lengths);
            std::mem::swap(&mut self.begin, &mut other.begin);
        } else {
            self.bytes.extend_from_slice(&other.bytes[other.begin..]);
            self.lengths.append(&mut other.lengths);
            other.clear();
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lengths.clear();
        self.begin = 0;
    }

    /// Frees the memory of an empty queue. Returns true if there was any.
    pub(super) fn release(&mut self) -> bool {
        let is_released = self.lengths.is_empty() && self.bytes.capacity() > 0;
        if is_released {
            *self = Self { dropped: self.dropped, ..Self::new(self.limit) };
        }
        is_released
    }

    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_beyond_the_limit_are_dropped_and_counted() {
        let mut queue = PacketQueue::new(1000);
        queue.push(&[1; 5000]);
        queue.push(&[2; 1]);
        assert_eq!((queue.len(), queue.dropped()), (1, 1), "one may be longer than the limit");
        assert_eq!(queue.pop(), Some(&[1; 5000][..]));
        for _ in 0..20 {
            queue.push(&[3; 36]);
        }
        assert_eq!((queue.len(), queue.dropped()), (10, 11));
    }

    #[test]
    fn packets_keep_their_order_when_queues_are_swapped() {
        let (mut game, mut network) = (PacketQueue::new(1 << 20), PacketQueue::new(1 << 20));
        let (mut sent, mut read) = (0_u8, 0_u8);
        for (pushes, pops) in [(3, 1), (2, 4), (0, 0), (5, 2), (7, 10), (1, 1)] {
            for _ in 0..pushes {
                network.push(&vec![sent; sent.into()]);
                sent += 1;
            }
            game.take_all(&mut network);
            for _ in 0..pops {
                assert_eq!(game.pop(), Some(&vec![read; read.into()][..]));
                read += 1;
            }
        }
        assert_eq!((game.pop(), network.len(), sent), (None, 0, read));
        assert!(game.release() && !game.release());
    }

    #[test]
    fn memory_of_read_packets_is_reused() {
        let mut queue = PacketQueue::new(10_000);
        for round in 0..1000 {
            queue.push(&[7; 100]);
            if round > 0 {
                queue.pop();
            }
        }
        assert!(queue.bytes.len() < 20_000, "{}", queue.bytes.len());
        assert_eq!((queue.len(), queue.dropped()), (1, 0));
    }
}

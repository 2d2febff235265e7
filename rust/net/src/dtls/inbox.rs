//! What a peer has for the game.

use super::End;
use lodewire_dtls::{CertificateError, Error};
use std::collections::VecDeque;

/// What a packet counts for beside its bytes.
pub(super) const PACKET_OVERHEAD: usize = 64;

/// How far a connection has come. What has ended tells why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It begins.
    Handshaking,
    /// It is there.
    Connected,
    /// It has ended.
    Disconnected(String),
    /// It has failed.
    Failed(String),
    /// It has failed, since the other side's certificate is for another name.
    WrongName(String),
}

impl Status {
    /// Whether nothing comes after it.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Handshaking | Self::Connected)
    }

    /// Why it is over; empty if it is not, or was ended as it should be.
    pub fn reason(&self) -> &str {
        match self {
            Self::Handshaking | Self::Connected => "",
            Self::Disconnected(why) | Self::Failed(why) | Self::WrongName(why) => why,
        }
    }
}

impl From<End> for Status {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Disconnected(String::new()),
            End::Replaced => Self::Disconnected("the other side has connected anew".to_owned()),
            End::Idle => Self::Disconnected("the other side was silent for too long".to_owned()),
            End::Failed(error @ Error::Certificate(CertificateError::WrongName)) => {
                Self::WrongName(error.to_string())
            }
            End::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Packets that wait for the game, one behind the other, up to a limit. What comes beyond is lost, as on the network.
///
/// There is one on either side of a peer, and they change places when the game has read all: so the game's thread neither
/// takes nor gives back memory for a packet.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    lengths: VecDeque<usize>,
    /// Where the next packet begins: what is before it was read.
    begin: usize,
    limit: usize,
    /// What waits elsewhere, and counts for the limit.
    pub(super) elsewhere: usize,
    dropped: u64,
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            lengths: VecDeque::new(),
            begin: 0,
            limit,
            elsewhere: 0,
            dropped: 0,
        }
    }

    pub(super) fn push(&mut self, packet: &[u8]) {
        self.push_within(packet, self.limit);
    }

    /// Adds a packet, if no more than `limit` waits with it.
    pub(super) fn push_within(&mut self, packet: &[u8], limit: usize) {
        if self.lengths.is_empty() || self.begin > self.limit {
            self.bytes.drain(..self.begin);
            self.begin = 0;
        }
        let waiting = self.waiting() + self.elsewhere;
        let cost = packet.len() + PACKET_OVERHEAD;
        if waiting > 0 && waiting + cost > limit.min(self.limit) {
            self.dropped += 1;
            return;
        }
        self.bytes.extend_from_slice(packet);
        self.lengths.push_back(packet.len());
    }

    /// What the packets count for.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len() - self.begin + self.lengths.len() * PACKET_OVERHEAD
    }

    /// The next packet, until something else is done with the inbox.
    pub(super) fn pop(&mut self) -> Option<&[u8]> {
        let len = self.lengths.pop_front()?;
        let begin = self.begin;
        self.begin += len;
        Some(&self.bytes[begin..self.begin])
    }

    /// Takes over all that waits in another one.
    pub(super) fn take(&mut self, other: &mut Self) {
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

    /// Gives back its memory, if it has any and there is nothing in it. Says whether it has.
    pub(super) fn release(&mut self) -> bool {
        let has_any = self.lengths.is_empty() && self.bytes.capacity() > 0;
        if has_any {
            *self = Self { dropped: self.dropped, ..Self::new(self.limit) };
        }
        has_any
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
    fn what_is_too_much_is_lost_and_the_rest_is_not() {
        let mut inbox = Inbox::new(1000);
        inbox.push(&[1; 5000]);
        inbox.push(&[2; 1]);
        assert_eq!((inbox.len(), inbox.dropped()), (1, 1), "one may be longer than the limit");
        assert_eq!(inbox.pop(), Some(&[1; 5000][..]));
        for _ in 0..20 {
            inbox.push(&[3; 36]);
        }
        assert_eq!((inbox.len(), inbox.dropped()), (10, 11));
    }

    #[test]
    fn packets_keep_their_order_when_inboxes_change_places() {
        let (mut game, mut network) = (Inbox::new(1 << 20), Inbox::new(1 << 20));
        let (mut sent, mut read) = (0_u8, 0_u8);
        for (pushes, pops) in [(3, 1), (2, 4), (0, 0), (5, 2), (7, 10), (1, 1)] {
            for _ in 0..pushes {
                network.push(&vec![sent; sent.into()]);
                sent += 1;
            }
            game.take(&mut network);
            for _ in 0..pops {
                assert_eq!(game.pop(), Some(&vec![read; read.into()][..]));
                read += 1;
            }
        }
        assert_eq!((game.pop(), network.len(), sent), (None, 0, read));
        assert!(game.release() && !game.release());
    }

    #[test]
    fn what_was_read_takes_no_room_for_long() {
        let mut inbox = Inbox::new(10_000);
        for round in 0..1000 {
            inbox.push(&[7; 100]);
            if round > 0 {
                inbox.pop();
            }
        }
        assert!(inbox.bytes.len() < 20_000, "{}", inbox.bytes.len());
        assert_eq!((inbox.len(), inbox.dropped()), (1, 0));
    }
}

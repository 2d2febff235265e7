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

/// Packets that wait for the game, up to a limit. What comes beyond is lost, as on the network.
#[derive(Debug)]
pub(super) struct Inbox {
    packets: VecDeque<Vec<u8>>,
    waiting: usize,
    limit: usize,
    dropped: u64,
}

impl Inbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { packets: VecDeque::new(), waiting: 0, limit, dropped: 0 }
    }

    pub(super) fn push(&mut self, packet: Vec<u8>) {
        let cost = packet.len() + PACKET_OVERHEAD;
        if self.waiting > 0 && self.waiting + cost > self.limit {
            self.dropped += 1;
            return;
        }
        self.waiting += cost;
        self.packets.push_back(packet);
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let packet = self.packets.pop_front()?;
        self.waiting -= packet.len() + PACKET_OVERHEAD;
        Some(packet)
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
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
        inbox.push(vec![1; 5000]);
        inbox.push(vec![2; 1]);
        assert_eq!((inbox.len(), inbox.dropped()), (1, 1), "one may be longer than the limit");
        assert_eq!(inbox.pop(), Some(vec![1; 5000]));
        for _ in 0..20 {
            inbox.push(vec![3; 36]);
        }
        assert_eq!((inbox.len(), inbox.dropped()), (10, 11));
    }
}

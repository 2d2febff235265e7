//! The header of a datagram.

use super::reader::Reader;

const COMPRESSED: u16 = 1 << 14;
const SENT_TIME: u16 = 1 << 15;
const SESSION_SHIFT: u32 = 12;
const PEER_ID: u16 = 0x0FFF;

/// The header of a datagram (`ENetProtocolHeader`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The peer id at the receiver, or [`NO_PEER`](super::NO_PEER).
    pub peer_id: u16,
    /// The session id of two bits, which distinguishes this connection from the previous one with the same peer id.
    pub session: u8,
    /// The commands are compressed.
    pub compressed: bool,
    /// The sent time by the sender's clock, in milliseconds; present if a command must be acknowledged.
    pub sent_time: Option<u16>,
}

impl Header {
    /// Maximum length of a header, without a checksum.
    pub const MAX_LEN: usize = 4;

    /// Parses the header of a datagram, and returns it with the rest.
    pub fn parse(datagram: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader(datagram);
        let word = reader.u16()?;
        let sent_time = if word & SENT_TIME == 0 { None } else { Some(reader.u16()?) };
        let header = Self {
            peer_id: word & PEER_ID,
            session: ((word >> SESSION_SHIFT) & 3) as u8,
            compressed: word & COMPRESSED != 0,
            sent_time,
        };
        Some((header, reader.0))
    }

    /// Encodes the header; only the first [`encoded_len`](Self::encoded_len) bytes are used.
    pub fn encode(&self) -> [u8; Self::MAX_LEN] {
        let mut word = self.peer_id & PEER_ID | u16::from(self.session & 3) << SESSION_SHIFT;
        if self.compressed {
            word |= COMPRESSED;
        }
        if self.sent_time.is_some() {
            word |= SENT_TIME;
        }
        let [a, b] = word.to_be_bytes();
        let [c, d] = self.sent_time.unwrap_or(0).to_be_bytes();
        [a, b, c, d]
    }

    /// Returns the length on the wire.
    pub const fn encoded_len(&self) -> usize {
        if self.sent_time.is_some() { 4 } else { 2 }
    }
}

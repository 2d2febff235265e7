//! What precedes each packet in Godot 3: a kind, a sender and a receiver.

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A packet of the game's.
    Packet = 0,
    /// Another peer is there.
    Add = 1,
    /// Another peer has gone.
    Remove = 2,
    /// The client's own id.
    Id = 3,
}

/// The first nine bytes of a message: the kind, then two numbers of 32 bits, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Who sends it.
    pub(super) from: i32,
    /// For whom it is: 0 for all, a negative number for all but one.
    pub(super) to: i32,
}

impl Header {
    pub(super) const LEN: usize = 9;

    pub(super) fn packet(from: i32, to: i32) -> Self {
        Self { kind: Kind::Packet, from, to }
    }

    /// Reads a message; `None` if it is not one.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let [kind, rest @ ..] = message.first_chunk::<{ Self::LEN }>()?;
        let kind = match kind {
            0 => Kind::Packet,
            1 => Kind::Add,
            2 => Kind::Remove,
            3 => Kind::Id,
            _ => return None,
        };
        let number = |at: usize| rest.get(at..)?.first_chunk().copied().map(i32::from_le_bytes);
        Some(Self { kind, from: number(0)?, to: number(4)? })
    }

    /// The message with this header and `payload`.
    pub(super) fn message(self, payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(Self::LEN + payload.len());
        message.push(self.kind as u8);
        message.extend_from_slice(&self.from.to_le_bytes());
        message.extend_from_slice(&self.to.to_le_bytes());
        message.extend_from_slice(payload);
        message
    }

    /// The server says `kind` of the peer `id`.
    pub(super) fn tell(kind: Kind, id: i32) -> Vec<u8> {
        Self { kind, from: 1, to: 0 }.message(&id.to_le_bytes())
    }
}

/// The id that follows a header that tells of a peer.
pub(super) fn told_id(message: &[u8]) -> Option<i32> {
    message.get(Header::LEN..)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_nine_bytes_little_endian() {
        let header = Header::packet(2, -3);
        let message = header.message(b"x");
        assert_eq!(message, [0, 2, 0, 0, 0, 0xFD, 0xFF, 0xFF, 0xFF, b'x']);
        assert_eq!(Header::parse(&message), Some(header));
        assert_eq!(Header::parse(&message[..8]), None);
        assert_eq!(Header::parse(&[4, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn a_peer_is_told_by_its_id() {
        let message = Header::tell(Kind::Add, 0x0102_0304);
        assert_eq!(message, [1, 1, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1]);
        assert_eq!(told_id(&message), Some(0x0102_0304));
        assert_eq!(told_id(&message[..12]), None);
    }
}

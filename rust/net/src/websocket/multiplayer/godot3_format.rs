//! The header of each message in Godot 3: a type, a sender and a target.

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A packet of the game.
    Packet = 0,
    /// Another peer has connected.
    Add = 1,
    /// Another peer has disconnected.
    Remove = 2,
    /// The id assigned to the client.
    Id = 3,
}

/// The first nine bytes of a message: the type, then two 32-bit numbers, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The id of the sender.
    pub(super) from: i32,
    /// The target: an id, 0 for all, or a negative id for all but one.
    pub(super) to: i32,
}

impl Header {
    pub(super) const LEN: usize = 9;

    pub(super) fn packet(from: i32, to: i32) -> Self {
        Self { kind: Kind::Packet, from, to }
    }

    /// Parses a message; returns `None` if it is invalid.
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

    /// Encodes a message with this header and `payload`.
    pub(super) fn message(self, payload: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(Self::LEN + payload.len());
        message.push(self.kind as u8);
        message.extend_from_slice(&self.from.to_le_bytes());
        message.extend_from_slice(&self.to.to_le_bytes());
        message.extend_from_slice(payload);
        message
    }

    /// Encodes a notification of the server about the peer `id`.
    pub(super) fn notification(kind: Kind, id: i32) -> Vec<u8> {
        Self { kind, from: 1, to: 0 }.message(&id.to_le_bytes())
    }
}

/// Returns the id in a notification.
pub(super) fn parse_peer_id(message: &[u8]) -> Option<i32> {
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
    fn a_notification_contains_the_id_of_the_peer() {
        let message = Header::notification(Kind::Add, 0x0102_0304);
        assert_eq!(message, [1, 1, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1]);
        assert_eq!(parse_peer_id(&message), Some(0x0102_0304));
        assert_eq!(parse_peer_id(&message[..12]), None);
    }
}

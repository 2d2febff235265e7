//! The base framing (RFC 6455 section 5.2): parses and encodes frame headers.

use crate::{MaskKey, ProtocolError, apply_mask};

/// Maximum payload length of a control frame (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The RSV1 bit in the first byte of a frame.
pub(crate) const RSV1: u8 = 0x40;

/// The opcode of a frame (RFC 6455 sections 5.2 and 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// A Close frame (RFC 6455 section 5.5.1).
    Close = 0x8,
    /// A Ping frame (RFC 6455 section 5.5.2).
    Ping = 0x9,
    /// A Pong frame (RFC 6455 section 5.5.3).
    Pong = 0xA,
}

impl Opcode {
    /// Returns true if this is a control opcode. Control frames may be sent between the fragments of a message
    /// (RFC 6455 section 5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            reserved => return Err(ProtocolError::ReservedOpcode(reserved)),
        })
    }
}

/// A frame's header (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// FIN: this is the last fragment of its message.
    pub fin: bool,
    /// RSV1: this is the first frame of a compressed message (RFC 7692 section 6). Only allowed if the extension was
    /// negotiated.
    pub rsv1: bool,
    /// The opcode.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<MaskKey>,
    /// The length of the payload in bytes: at most 2^63 - 1.
    pub payload_len: u64,
}

impl FrameHeader {
    /// Maximum header length: two bytes, eight of length, four of mask.
    pub const MAX_LEN: usize = 14;

    /// Returns the length of a whole frame with this payload length.
    pub fn frame_len(payload_len: usize, masked: bool) -> usize {
        let length = match payload_len {
            0..126 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        2 + length + if masked { 4 } else { 0 } + payload_len
    }

    /// Parses a header at the start of `input`. Returns it and its length in bytes, or `None` while it is incomplete.
    ///
    /// # Errors
    /// A header that no endpoint may send is rejected at the first byte that shows the error: reserved bits and opcodes,
    /// fragmented or too large control frames, non-minimal lengths. RSV1 is rejected only in frames that are not the first
    /// of a data message, where no extension allows it.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        if first & 0x30 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let fin = first & 0x80 != 0;
        let rsv1 = first & RSV1 != 0;
        let opcode = Opcode::from_bits(first & 0x0F)?;
        if rsv1 && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ProtocolError::ReservedBits);
        }
        // A control frame must not be fragmented (RFC 6455 section 5.5).
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControlFrame);
        }
        let Some(&second) = input.get(1) else {
            return Ok(None);
        };
        let short = second & 0x7F;
        if opcode.is_control() && usize::from(short) > MAX_CONTROL_PAYLOAD {
            return Err(ProtocolError::ControlFrameTooLarge);
        }
        let (payload_len, offset) = match short {
            126 => {
                let Some(bytes) = input[2..].first_chunk() else {
                    return Ok(None);
                };
                let len = u16::from_be_bytes(*bytes);
                if len < 126 {
                    return Err(ProtocolError::NonMinimalLength);
                }
                (u64::from(len), 4)
            }
            127 => {
                let Some(bytes) = input[2..].first_chunk() else {
                    return Ok(None);
                };
                let len = u64::from_be_bytes(*bytes);
                if len >> 63 != 0 {
                    return Err(ProtocolError::LengthOverflow);
                }
                if u16::try_from(len).is_ok() {
                    return Err(ProtocolError::NonMinimalLength);
                }
                (len, 10)
            }
            len => (u64::from(len), 2),
        };
        let (mask, header_len) = if second & 0x80 == 0 {
            (None, offset)
        } else {
            let Some(key) = input[offset..].first_chunk() else {
                return Ok(None);
            };
            (Some(*key), offset + 4)
        };
        let header = Self { fin, rsv1, opcode, mask, payload_len };
        Ok(Some((header, header_len)))
    }

    /// Appends the header to `out`, with the payload length in its minimal form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fin = if self.fin { 0x80 } else { 0 };
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        out.push(fin | rsv1 | self.opcode as u8);
        if self.payload_len < 126 {
            out.push(masked | u8::try_from(self.payload_len).unwrap_or(0));
        } else if let Ok(len) = u16::try_from(self.payload_len) {
            out.push(masked | 126);
            out.extend_from_slice(&len.to_be_bytes());
        } else {
            out.push(masked | 127);
            out.extend_from_slice(&self.payload_len.to_be_bytes());
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }
}

/// Appends a whole frame to `out`, masked if a key is given.
pub(crate) fn encode_frame(
    fin: bool,
    opcode: Opcode,
    mask: Option<MaskKey>,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let header = FrameHeader { fin, rsv1: false, opcode, mask, payload_len: payload.len() as u64 };
    out.reserve(FrameHeader::MAX_LEN + payload.len());
    header.encode(out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        apply_mask(&mut out[start..], key, 0);
    }
}

/// Appends a whole frame with RSV1 to `out`; `write` appends its payload. If `write` returns false or writes `limit`
/// bytes or more, nothing is appended and the result is false.
pub(crate) fn encode_frame_with(
    opcode: Opcode,
    mask: Option<MaskKey>,
    limit: usize,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> bool,
) -> bool {
    let start = out.len();
    // The payload length is not known yet: space for the longest possible header is reserved.
    let reserved = FrameHeader::frame_len(limit, mask.is_some()) - limit;
    out.resize(start + reserved, 0);
    let done = write(out);
    let payload_len = out.len() - start - reserved;
    if !done || payload_len >= limit {
        out.truncate(start);
        return false;
    }
    let payload_len_64 = payload_len as u64;
    let header = FrameHeader { fin: true, rsv1: true, opcode, mask, payload_len: payload_len_64 };
    let mut bytes = Vec::with_capacity(FrameHeader::MAX_LEN);
    header.encode(&mut bytes);
    let payload = start + bytes.len();
    out.copy_within(start + reserved.., payload);
    out.truncate(payload + payload_len);
    out[start..payload].copy_from_slice(&bytes);
    if let Some(key) = mask {
        apply_mask(&mut out[payload..], key, 0);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_in_every_length_form() {
        for payload_len in [0, 1, 125, 126, 127, 65_535, 65_536, u64::MAX >> 1] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let rsv1 = payload_len % 2 == 0;
                let opcode = Opcode::Binary;
                let header = FrameHeader { fin: true, rsv1, opcode, mask, payload_len };
                let mut bytes = Vec::new();
                header.encode(&mut bytes);
                assert!(bytes.len() <= FrameHeader::MAX_LEN);
                let len = usize::try_from(payload_len).expect("64 bits");
                assert_eq!(FrameHeader::frame_len(len, mask.is_some()), bytes.len() + len);
                assert_eq!(FrameHeader::parse(&bytes), Ok(Some((header, bytes.len()))));
                for cut in 0..bytes.len() {
                    assert_eq!(FrameHeader::parse(&bytes[..cut]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn headers_that_no_endpoint_may_send_are_rejected() {
        let cases: [(&[u8], ProtocolError); 13] = [
            (&[0xA1], ProtocolError::ReservedBits),
            (&[0xC0], ProtocolError::ReservedBits),
            (&[0xC9], ProtocolError::ReservedBits),
            (&[0x91], ProtocolError::ReservedBits),
            (&[0x83], ProtocolError::ReservedOpcode(3)),
            (&[0x8F], ProtocolError::ReservedOpcode(15)),
            (&[0x08], ProtocolError::FragmentedControlFrame),
            (&[0x09], ProtocolError::FragmentedControlFrame),
            (&[0x0A], ProtocolError::FragmentedControlFrame),
            (&[0x89, 126], ProtocolError::ControlFrameTooLarge),
            (&[0x82, 126, 0, 125], ProtocolError::NonMinimalLength),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], ProtocolError::NonMinimalLength),
            (&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], ProtocolError::LengthOverflow),
        ];
        for (bytes, error) in cases {
            assert_eq!(FrameHeader::parse(bytes), Err(error), "{bytes:x?}");
        }
    }
}

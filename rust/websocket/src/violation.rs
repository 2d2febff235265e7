//! What a peer did that ends the connection (§7.1.7, _Fail the WebSocket Connection_).

use crate::CloseCode;
use std::fmt;

/// A broken rule of the protocol. The connection is over: send a Close frame with [`close_code`](Self::close_code) and
/// drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A reserved bit is set that no negotiated extension defines for this frame (§5.2).
    ReservedBits,
    /// An opcode that the RFC reserves for later (§5.2).
    ReservedOpcode(u8),
    /// A client's frame without a mask (§5.1).
    Unmasked,
    /// A server's frame with a mask (§5.1).
    Masked,
    /// A payload length written in more bytes than it needs (§5.2).
    LongLength,
    /// A 64-bit payload length with its highest bit set (§5.2).
    LengthOverflow,
    /// A control frame in fragments (§5.5).
    FragmentedControl,
    /// A control frame with more than 125 bytes (§5.5).
    LongControl,
    /// A continuation frame where no message had begun (§5.4).
    UnexpectedContinuation,
    /// A new message before the fragments of the last one ended (§5.4).
    MissingContinuation,
    /// A message beyond the receiver's limit, in bytes (§10.4).
    MessageTooBig {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// A compressed message that is not DEFLATE (RFC 7692 §7.2.2).
    CorruptDeflate,
    /// Text, or the reason of a Close, that is not UTF-8 (§8.1).
    InvalidUtf8,
    /// A Close whose body is a single byte (§5.5.1).
    TruncatedCloseCode,
    /// A Close with a code that must not appear on the wire (§7.4).
    InvalidCloseCode(u16),
}

impl Violation {
    /// The code of the Close frame that answers it (§7.4.1): 1002, or 1007 for bad UTF-8 or DEFLATE, or 1009 for
    /// size.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CorruptDeflate => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("a reserved bit is set"),
            Self::ReservedOpcode(opcode) => write!(f, "opcode {opcode:#x} is reserved"),
            Self::Unmasked => f.write_str("a client's frame is not masked"),
            Self::Masked => f.write_str("a server's frame is masked"),
            Self::LongLength => f.write_str("a length is not in its shortest form"),
            Self::LengthOverflow => f.write_str("a length is over 63 bits"),
            Self::FragmentedControl => f.write_str("a control frame is fragmented"),
            Self::LongControl => f.write_str("a control frame is over 125 bytes"),
            Self::UnexpectedContinuation => f.write_str("a continuation continues nothing"),
            Self::MissingContinuation => f.write_str("a message began inside another"),
            Self::MessageTooBig { limit } => {
                write!(f, "a message is over the limit of {limit} bytes")
            }
            Self::CorruptDeflate => f.write_str("a compressed message is corrupt"),
            Self::InvalidUtf8 => f.write_str("text is not UTF-8"),
            Self::TruncatedCloseCode => f.write_str("a close code is cut short"),
            Self::InvalidCloseCode(code) => write!(f, "close code {code} is not allowed"),
        }
    }
}

impl std::error::Error for Violation {}

//! Protocol errors of a peer, which fail the connection (RFC 6455 section 7.1.7, _Fail the WebSocket Connection_).

use crate::CloseCode;
use std::fmt;

/// A violation of the protocol by the peer. The connection has failed: send a Close frame with
/// [`close_code`](Self::close_code) and drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// A reserved bit is set that no negotiated extension defines for this frame (RFC 6455 section 5.2).
    ReservedBits,
    /// A reserved opcode (RFC 6455 section 5.2).
    ReservedOpcode(u8),
    /// An unmasked frame from a client (RFC 6455 section 5.1).
    Unmasked,
    /// A masked frame from a server (RFC 6455 section 5.1).
    Masked,
    /// A payload length that is not encoded in the minimal number of bytes (RFC 6455 section 5.2).
    NonMinimalLength,
    /// A 64-bit payload length with the most significant bit set (RFC 6455 section 5.2).
    LengthOverflow,
    /// A fragmented control frame (RFC 6455 section 5.5).
    FragmentedControlFrame,
    /// A control frame with a payload over 125 bytes (RFC 6455 section 5.5).
    ControlFrameTooLarge,
    /// A continuation frame outside a fragmented message (RFC 6455 section 5.4).
    UnexpectedContinuation,
    /// A new data frame inside a fragmented message (RFC 6455 section 5.4).
    ExpectedContinuation,
    /// A message over the receiver's limit (RFC 6455 section 10.4).
    MessageTooBig {
        /// The limit in bytes.
        limit: usize,
    },
    /// A compressed message that is not valid DEFLATE data (RFC 7692 section 7.2.2).
    CorruptDeflate,
    /// A text message or a Close reason that is not UTF-8 (RFC 6455 section 8.1).
    InvalidUtf8,
    /// A Close frame with a body of one byte (RFC 6455 section 5.5.1).
    TruncatedCloseCode,
    /// A Close frame with a code that must not be sent (RFC 6455 section 7.4).
    InvalidCloseCode(u16),
}

impl ProtocolError {
    /// Returns the code of the Close frame to send (RFC 6455 section 7.4.1): 1002, 1007 for invalid UTF-8 or DEFLATE
    /// data, or 1009 for the size.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CorruptDeflate => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bit set without a negotiated extension"),
            Self::ReservedOpcode(opcode) => write!(f, "reserved opcode {opcode:#x}"),
            Self::Unmasked => f.write_str("unmasked frame from a client"),
            Self::Masked => f.write_str("masked frame from a server"),
            Self::NonMinimalLength => f.write_str("payload length is not minimally encoded"),
            Self::LengthOverflow => f.write_str("payload length over 63 bits"),
            Self::FragmentedControlFrame => f.write_str("fragmented control frame"),
            Self::ControlFrameTooLarge => f.write_str("control frame over 125 bytes"),
            Self::UnexpectedContinuation => f.write_str("unexpected continuation frame"),
            Self::ExpectedContinuation => f.write_str("new data frame inside a fragmented message"),
            Self::MessageTooBig { limit } => {
                write!(f, "message over the limit of {limit} bytes")
            }
            Self::CorruptDeflate => f.write_str("corrupt compressed message"),
            Self::InvalidUtf8 => f.write_str("invalid UTF-8"),
            Self::TruncatedCloseCode => f.write_str("truncated close code"),
            Self::InvalidCloseCode(code) => write!(f, "invalid close code {code}"),
        }
    }
}

impl std::error::Error for ProtocolError {}

//! The body of a Close frame (RFC 6455 section 5.5.1) and its status codes (RFC 6455 section 7.4).

use crate::{MAX_CONTROL_PAYLOAD, ProtocolError};
use std::fmt;

/// Maximum length of the reason in a Close frame, in bytes: 125, less the two bytes of the code.
pub const MAX_CLOSE_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

/// A status code of a Close frame (RFC 6455 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: normal closure.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: protocol error.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1005: the Close frame had no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection was closed without a Close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: the data of a message does not match its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1009: a message is too big to process.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1013: the server is overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Returns true if the code can be sent in a Close frame: the codes that RFC 6455 section 7.4.1 and the IANA
    /// registry define, and the ranges of RFC 6455 section 7.4.2 for libraries (3000 to 3999) and applications (4000 to
    /// 4999).
    pub fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The body of a received Close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code; [`CloseCode::NO_STATUS`] if the body was empty (RFC 6455 section 7.1.5).
    pub code: CloseCode,
    /// The reason; empty if there was none (RFC 6455 section 7.1.6).
    pub reason: String,
}

impl CloseFrame {
    /// Parses an unmasked body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ProtocolError> {
        let (code, reason) = match body {
            [] => (CloseCode::NO_STATUS, &[][..]),
            [_] => return Err(ProtocolError::TruncatedCloseCode),
            [high, low, reason @ ..] => {
                let code = CloseCode(u16::from_be_bytes([*high, *low]));
                if !code.is_sendable() {
                    return Err(ProtocolError::InvalidCloseCode(code.0));
                }
                (code, reason)
            }
        };
        let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
        Ok(Self { code, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendable_codes_are_those_of_the_rfc_and_the_registry() {
        for code in [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4999] {
            assert!(CloseCode(code).is_sendable(), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535] {
            assert!(!CloseCode(code).is_sendable(), "{code}");
        }
    }

    #[test]
    fn a_body_is_empty_or_a_code_and_a_reason() {
        let none = CloseFrame::parse(b"").expect("an empty body is allowed");
        assert_eq!((none.code, none.reason.as_str()), (CloseCode::NO_STATUS, ""));
        let full = CloseFrame::parse(b"\x03\xE9bye").expect("a code and a reason");
        assert_eq!((full.code, full.reason.as_str()), (CloseCode::GOING_AWAY, "bye"));
        assert_eq!(CloseFrame::parse(b"\x03"), Err(ProtocolError::TruncatedCloseCode));
        assert_eq!(CloseFrame::parse(b"\x03\xED"), Err(ProtocolError::InvalidCloseCode(1005)));
        assert_eq!(CloseFrame::parse(b"\x03\xE8\xFF"), Err(ProtocolError::InvalidUtf8));
    }
}

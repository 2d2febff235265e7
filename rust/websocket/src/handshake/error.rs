//! Why a client's opening handshake failed.

use super::section::SectionError;
use super::{MAX_HEADER_SECTION, MAX_HEADERS};
use std::fmt;

/// What was wrong with a server's answer (§4.1): the connection must be dropped. Texts of the server's are cut at 128
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The answer is not HTTP/1.1.
    NotHttp,
    /// The answer is a record of TLS: the server is one of `wss://`.
    Tls,
    /// A line of the answer does not end with CR LF.
    LineEnd,
    /// The answer is longer than [`MAX_HEADER_SECTION`], or has more lines than [`MAX_HEADERS`].
    TooLong,
    /// A status other than 101: the server does not open the connection. Redirections are not followed.
    Refused {
        /// The status.
        status: u16,
        /// The first line of the text that came along, or else the phrase after the status.
        reason: String,
        /// How long that text is, in bytes; 0 if none came.
        text_len: usize,
    },
    /// `Upgrade` is missing or is not `websocket`.
    Upgrade,
    /// `Connection` is missing or does not name `Upgrade`.
    Connection,
    /// `Sec-WebSocket-Accept` is missing or does not belong to the key that was sent.
    Accept,
    /// A line that may stand once stands twice: its name.
    Repeated(&'static str),
    /// A sub-protocol that was not offered.
    Protocol(String),
    /// An extension that was not offered, or one with parameters that break a rule.
    Extension(String),
    /// `Sec-WebSocket-Extensions` is no list of extensions.
    ExtensionSyntax,
}

/// The most bytes of a server's text that an error carries.
const MAX_TEXT: usize = 128;

/// The beginning of a server's text, without what a terminal might act on.
pub(super) fn excerpt(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default().chars().filter(|sign| !sign.is_control()).collect()
}

impl From<SectionError> for HandshakeError {
    fn from(error: SectionError) -> Self {
        match error {
            SectionError::LineEnd => Self::LineEnd,
            SectionError::NotHttp | SectionError::NotUtf8 => Self::NotHttp,
            SectionError::TooLong => Self::TooLong,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("the server's answer is not HTTP/1.1"),
            Self::Tls => f.write_str("the server speaks TLS at this port: connect with wss://"),
            Self::LineEnd => f.write_str("a line of the server's answer does not end with CR LF"),
            Self::TooLong => write!(
                f,
                "the server's answer is over {MAX_HEADER_SECTION} bytes or {MAX_HEADERS} headers"
            ),
            Self::Refused { status, reason, .. } if (300..400).contains(status) => {
                write!(
                    f,
                    "the server redirects elsewhere, which is not followed: {status} {reason}"
                )
            }
            Self::Refused { status, reason, .. } => {
                write!(f, "the server refused the connection: {status} {reason}")
            }
            Self::Upgrade => f.write_str("the server's Upgrade is not websocket"),
            Self::Connection => f.write_str("the server's Connection does not name Upgrade"),
            Self::Accept => f.write_str("the server's Sec-WebSocket-Accept is missing or wrong"),
            Self::Repeated(name) => write!(f, "the server's answer has more than one {name}"),
            Self::Protocol(name) => {
                write!(f, "the server chose sub-protocol {name:?}, which was not offered")
            }
            Self::Extension(name) => {
                write!(f, "the server chose extension {name:?}, which was not offered in that form")
            }
            Self::ExtensionSyntax => f.write_str("the server's extensions are not a list"),
        }
    }
}

impl std::error::Error for HandshakeError {}

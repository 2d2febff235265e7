//! Errors of a client's opening handshake.

use super::header_reader::HeaderReadError;
use super::{MAX_HEADER_SECTION, MAX_HEADERS};
use std::fmt;

/// An invalid or rejecting response of a server (RFC 6455 section 4.1): the connection must be dropped. Text from the
/// server is truncated to 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The response is not HTTP/1.1.
    NotHttp,
    /// The response is a TLS record: the server expects `wss://`.
    Tls,
    /// A line of the response does not end with CR LF.
    LineEnd,
    /// The response is longer than [`MAX_HEADER_SECTION`], or has more than [`MAX_HEADERS`] headers.
    TooLong,
    /// A status other than 101. Redirects are not followed.
    Rejected {
        /// The HTTP status code.
        status: u16,
        /// The first line of the body, or else the reason phrase.
        reason: String,
        /// Length of the body in bytes; 0 if it is not read.
        text_len: usize,
    },
    /// `Upgrade` is missing or is not `websocket`.
    Upgrade,
    /// `Connection` is missing or does not name `Upgrade`.
    Connection,
    /// `Sec-WebSocket-Accept` is missing or does not match the key.
    Accept,
    /// A header that must be unique is repeated.
    Repeated(&'static str),
    /// The server chose a sub-protocol that was not offered.
    Protocol(String),
    /// The server chose an extension that was not offered, or with invalid parameters.
    Extension(String),
    /// `Sec-WebSocket-Extensions` is not a valid list.
    ExtensionSyntax,
}

/// Maximum length of a server's text in an error, in bytes.
const MAX_TEXT: usize = 128;

/// Returns the start of a server's text, without control characters.
pub(super) fn excerpt(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default().chars().filter(|c| !c.is_control()).collect()
}

impl From<HeaderReadError> for HandshakeError {
    fn from(error: HeaderReadError) -> Self {
        match error {
            HeaderReadError::LineEnd => Self::LineEnd,
            HeaderReadError::NotHttp | HeaderReadError::NotUtf8 => Self::NotHttp,
            HeaderReadError::TooLong => Self::TooLong,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp => f.write_str("the server's response is not HTTP/1.1"),
            Self::Tls => f.write_str("the server speaks TLS at this port: connect with wss://"),
            Self::LineEnd => f.write_str("a line of the server's response does not end with CR LF"),
            Self::TooLong => write!(
                f,
                "the server's response is over {MAX_HEADER_SECTION} bytes or {MAX_HEADERS} headers"
            ),
            Self::Rejected { status, reason, .. } if (300..400).contains(status) => {
                write!(f, "the server sent a redirect, which is not followed: {status} {reason}")
            }
            Self::Rejected { status, reason, .. } => {
                write!(f, "the server refused the connection: {status} {reason}")
            }
            Self::Upgrade => f.write_str("the server's Upgrade header is missing or not websocket"),
            Self::Connection => {
                f.write_str("the server's Connection header is missing or does not list Upgrade")
            }
            Self::Accept => {
                f.write_str("the server's Sec-WebSocket-Accept header is missing or wrong")
            }
            Self::Repeated(name) => {
                write!(f, "the server's response has more than one {name} header")
            }
            Self::Protocol(name) => {
                write!(f, "the server chose sub-protocol {name:?}, which was not offered")
            }
            Self::Extension(name) => {
                write!(
                    f,
                    "the server chose extension {name:?}, which was not offered with these parameters"
                )
            }
            Self::ExtensionSyntax => {
                f.write_str("the server's Sec-WebSocket-Extensions header is invalid")
            }
        }
    }
}

impl std::error::Error for HandshakeError {}

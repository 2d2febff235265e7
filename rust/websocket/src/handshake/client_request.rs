//! What a client asks for (§4.1).

use super::syntax::{is_handshake_header, is_header, is_token, push_line};
use crate::DeflateOptions;
use std::fmt;

/// What a client's opening request says (§4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRequest {
    /// The server's name, with the port unless it is the scheme's own.
    pub host: String,
    /// The path, from its first slash, and the query: percent-encoded.
    pub target: String,
    /// The sub-protocols that are offered, the preferred one first (§1.9).
    pub protocols: Vec<String>,
    /// Further header lines, names and values.
    pub headers: Vec<(String, String)>,
    /// Offers permessage-deflate, if it is given.
    pub deflate: Option<DeflateOptions>,
}

/// Why a request cannot be sent: it would break the rules of HTTP, or become another request than it seems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidRequest {
    /// The host is empty, or has bytes that no host has.
    Host,
    /// The target does not begin with a slash, or has bytes that must be percent-encoded.
    Target,
    /// A sub-protocol's name is not a token.
    Protocol(String),
    /// A sub-protocol is offered twice (§4.1).
    RepeatedProtocol(String),
    /// A header's name is not a token, or its value has control bytes: the name.
    Header(String),
    /// A header that the handshake writes itself: the name.
    HandshakeHeader(String),
}

impl ClientRequest {
    /// Whether the request is one request, and what it seems.
    pub(super) fn check(&self) -> Result<(), InvalidRequest> {
        let is_host =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=:[]%".contains(&byte);
        if self.host.is_empty() || !self.host.bytes().all(is_host) {
            return Err(InvalidRequest::Host);
        }
        let is_target = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if !self.target.starts_with('/') || !self.target.bytes().all(is_target) {
            return Err(InvalidRequest::Target);
        }
        for (at, protocol) in self.protocols.iter().enumerate() {
            if !is_token(protocol) {
                return Err(InvalidRequest::Protocol(protocol.clone()));
            }
            if self.protocols.iter().take(at).any(|earlier| earlier == protocol) {
                return Err(InvalidRequest::RepeatedProtocol(protocol.clone()));
            }
        }
        for (name, value) in &self.headers {
            if !is_header(name, value) {
                return Err(InvalidRequest::Header(name.clone()));
            }
            if is_handshake_header(name) {
                return Err(InvalidRequest::HandshakeHeader(name.clone()));
            }
        }
        Ok(())
    }

    /// Appends the request to `out`.
    pub(super) fn encode(&self, key: &str, out: &mut Vec<u8>) {
        for part in ["GET ", &self.target, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        push_line("Host", &self.host, out);
        push_line("Upgrade", "websocket", out);
        push_line("Connection", "Upgrade", out);
        push_line("Sec-WebSocket-Key", key, out);
        push_line("Sec-WebSocket-Version", "13", out);
        if !self.protocols.is_empty() {
            push_line("Sec-WebSocket-Protocol", &self.protocols.join(", "), out);
        }
        if let Some(options) = &self.deflate {
            push_line("Sec-WebSocket-Extensions", &options.offer(), out);
        }
        for (name, value) in &self.headers {
            push_line(name, value, out);
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("the host is not a name or an address with an optional port"),
            Self::Target => f.write_str("the path does not begin with / or is not percent-encoded"),
            Self::Protocol(name) => write!(f, "sub-protocol {name:?} is not a valid name"),
            Self::RepeatedProtocol(name) => write!(f, "sub-protocol {name:?} is offered twice"),
            Self::Header(name) => write!(f, "header {name:?} is not a valid header line"),
            Self::HandshakeHeader(name) => {
                write!(f, "header {name:?} is written by the handshake itself")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {}

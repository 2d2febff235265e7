//! The opening request of a client (RFC 6455 section 4.1).

use super::syntax::{is_handshake_header, is_token, is_valid_header, push_line};
use crate::DeflateOptions;
use std::fmt;

/// The opening request of a client (RFC 6455 section 4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRequest {
    /// The `Host`: the server's name, and the port unless it is the default of the scheme.
    pub host: String,
    /// The request target: path and query, percent-encoded.
    pub target: String,
    /// The offered sub-protocols, in order of preference (RFC 6455 section 1.9).
    pub protocols: Vec<String>,
    /// Additional headers: names and values.
    pub headers: Vec<(String, String)>,
    /// The permessage-deflate options to offer, if any.
    pub deflate: Option<DeflateOptions>,
}

/// The error of a request that is not valid HTTP, or that would be parsed as something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidRequest {
    /// The host is empty or contains invalid bytes.
    Host,
    /// The target does not start with a slash, or contains bytes that must be percent-encoded.
    Target,
    /// A sub-protocol's name is not a token.
    Protocol(String),
    /// A sub-protocol is offered twice (RFC 6455 section 4.1).
    RepeatedProtocol(String),
    /// The name of this header is not a token, or its value contains control characters.
    Header(String),
    /// The handshake sets the header of this name.
    HandshakeHeader(String),
}

impl ClientRequest {
    /// Validates all fields, so that the encoded request cannot be parsed as anything else.
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
        for (index, protocol) in self.protocols.iter().enumerate() {
            if !is_token(protocol) {
                return Err(InvalidRequest::Protocol(protocol.clone()));
            }
            if self.protocols.iter().take(index).any(|earlier| earlier == protocol) {
                return Err(InvalidRequest::RepeatedProtocol(protocol.clone()));
            }
        }
        for (name, value) in &self.headers {
            if !is_valid_header(name, value) {
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
            push_line("Sec-WebSocket-Extensions", &options.offer_header(), out);
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
            Self::Host => {
                f.write_str("invalid host: expected a name or an address with an optional port")
            }
            Self::Target => {
                f.write_str("invalid path: it must start with / and be percent-encoded")
            }
            Self::Protocol(name) => write!(f, "invalid sub-protocol name {name:?}"),
            Self::RepeatedProtocol(name) => write!(f, "sub-protocol {name:?} is offered twice"),
            Self::Header(name) => write!(f, "invalid header {name:?}"),
            Self::HandshakeHeader(name) => {
                write!(f, "header {name:?} is set by the handshake")
            }
        }
    }
}

impl std::error::Error for InvalidRequest {}

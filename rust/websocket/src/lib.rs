//! The WebSocket protocol, [RFC 6455], as a sans-I/O implementation: without sockets, clock or randomness.
//!
//! The caller passes received bytes to this crate, and sends the bytes that this crate encodes. So every rule of the
//! protocol can be tested byte by byte, and one I/O thread can serve thousands of connections with one read buffer: an idle
//! [`Connection`] holds no memory beyond itself.
//!
//! A server's connection begins as a [`ServerHandshake`] (RFC 6455 section 4.2). After its [`Request`] is accepted, a
//! [`Connection`] decodes the same byte stream into [`Event`]s (RFC 6455 sections 5 and 6), encodes messages into
//! frames, and performs the closing handshake (RFC 6455 section 7). A client's connection begins as a
//! [`ClientHandshake`] (RFC 6455 section 4.1).
//!
//! Messages may be compressed, with permessage-deflate ([RFC 7692]): [`Request::negotiate_deflate`] or
//! [`ClientRequest::deflate`], then [`Connection::set_deflate`]. A compressor and an inflater take memory from the first
//! compressed message on; between messages only with context takeover. A [`PreparedMessage`] is encoded and compressed once
//! for all its receivers.
//!
//! # Limits
//! All input is untrusted. A header section is limited by [`MAX_HEADER_SECTION`] and [`MAX_HEADERS`], a message by the limit
//! given to [`Connection::server`] or [`Connection::client`], and a control frame to 125 bytes by the RFC. Memory for a
//! message grows with the bytes received, never with a claimed length. A compressed message is inflated as it arrives, and
//! rejected with the first byte over the limit.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692
#![forbid(unsafe_code)]

mod close;
mod connection;
mod deflate;
mod frame;
mod handshake;
mod incoming_message;
mod mask;
mod protocol_error;
mod utf8;

pub use close::{CloseCode, CloseFrame, MAX_CLOSE_REASON};
pub use connection::{Connection, Event, Message, MessageKind, Role};
pub use deflate::{DeflateOptions, NegotiatedDeflate, PreparedMessage};
pub use frame::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};
pub use handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HandshakeRejection, Headers, HealthCheck,
    IncomingRequest, InvalidRequest, MAX_HEADER_SECTION, MAX_HEADERS, Request, Response,
    ServerHandshake, StatusCode, is_handshake_header, is_health_path, is_token, is_valid_header,
};
pub use mask::{MaskKey, apply_mask};
pub use protocol_error::ProtocolError;

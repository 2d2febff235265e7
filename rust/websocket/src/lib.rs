//! The WebSocket protocol, [RFC 6455], without sockets, clock or randomness of its own.
//!
//! The caller reads bytes from wherever they come and hands them to this crate; it writes what this crate encodes to
//! wherever it should go. That makes every rule of the protocol testable byte by byte, and lets one I/O thread serve
//! thousands of connections with one read buffer: a [`Connection`] that waits for nothing holds no memory beyond
//! itself.
//!
//! A server's connection begins as a [`ServerHandshake`] (§4.2). Once its [`Request`] is accepted, the same byte stream
//! goes on in a [`Connection`], which turns bytes into [`Event`]s (§5, §6) and messages into frames, and keeps the rules
//! of the closing handshake (§7). A client's begins as a [`ClientHandshake`] (§4.1).
//!
//! Messages may be compressed, with permessage-deflate ([RFC 7692]): [`Request::negotiate_deflate`] or
//! [`ClientRequest::deflate`], then [`Connection::set_deflate`]. A compressor and an inflater take memory from the first
//! compressed message on, and between messages only if one may refer to the ones before it. A [`PreparedMessage`] is
//! encoded and compressed once for all its receivers.
//!
//! # Limits
//! Peers' bytes are hostile. A header section is limited by [`MAX_HEADER_SECTION`] and [`MAX_HEADERS`], a message by the
//! limit given to [`Connection::new`], a control frame to 125 bytes by the RFC itself. Memory for a message grows with
//! the bytes that have arrived, never with a length that a peer merely claims. A compressed message is inflated as it
//! arrives, and refused with the first byte over the limit.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
//! [RFC 7692]: https://www.rfc-editor.org/rfc/rfc7692
#![forbid(unsafe_code)]

mod close;
mod connection;
mod deflate;
mod frame;
mod handshake;
mod mask;
mod message;
mod utf8;
mod violation;

pub use close::{CloseCode, CloseFrame, MAX_CLOSE_REASON};
pub use connection::{Connection, Event, MessageKind, Role};
pub use deflate::{Deflate, DeflateOptions, PreparedMessage};
pub use frame::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};
pub use handshake::{
    Asked, ClientHandshake, ClientRequest, HandshakeError, Headers, HealthRequest, InvalidRequest,
    MAX_HEADER_SECTION, MAX_HEADERS, Refusal, Request, Response, ServerHandshake, Status,
    is_handshake_header, is_header, is_health_path, is_token,
};
pub use mask::{MaskKey, apply_mask};
pub use violation::Violation;

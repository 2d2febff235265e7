//! The WebSocket protocol, [RFC 6455], without sockets, clock or randomness of its own.
//!
//! The caller reads bytes from wherever they come and hands them to this crate; it writes what this crate encodes to
//! wherever it should go. That makes every rule of the protocol testable byte by byte, and lets one I/O thread serve
//! thousands of connections with one read buffer: a [`Connection`] that waits for nothing holds no memory beyond
//! itself.
//!
//! A server's connection begins as a [`ServerHandshake`] (§4.2). Once its [`Request`] is accepted, the same byte stream
//! goes on in a [`Connection`], which turns bytes into [`Event`]s (§5, §6) and messages into frames, and keeps the rules
//! of the closing handshake (§7).
//!
//! # Limits
//! Peers' bytes are hostile. A header section is limited by [`MAX_HEADER_SECTION`] and [`MAX_HEADERS`], a message by the
//! limit given to [`Connection::new`], a control frame to 125 bytes by the RFC itself. Memory for a message grows with
//! the bytes that have arrived, never with a length that a peer merely claims.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455
#![forbid(unsafe_code)]

mod close;
mod connection;
mod frame;
mod handshake;
mod mask;
mod utf8;
mod violation;

pub use close::{CloseCode, CloseFrame, MAX_CLOSE_REASON};
pub use connection::{Connection, Event, MessageKind, Role};
pub use frame::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};
pub use handshake::{
    Headers, MAX_HEADER_SECTION, MAX_HEADERS, Refusal, Request, ServerHandshake, Status, is_token,
};
pub use mask::{MaskKey, apply_mask};
pub use violation::Violation;

//! Tests of the extension through connections.

mod bombs;
mod compressing;
mod corrupt;
mod examples;
mod negotiating;
mod preparing;

use super::*;
use crate::handshake::Extension;
use crate::{
    Connection, Event, FrameHeader, MaskKey, Message, MessageKind, Opcode, ProtocolError, Role,
};
use std::fmt::Write;

const KEY: MaskKey = [0xA1, 0x05, 0x7F, 0xE0];
const LIMIT: usize = 100_000;

type Seen = Result<Vec<(MessageKind, Vec<u8>)>, ProtocolError>;

/// Returns parameters with which every message that is not empty is compressed.
fn negotiated() -> NegotiatedDeflate {
    NegotiatedDeflate::new(&DeflateOptions { threshold: 0, ..DeflateOptions::default() })
}

fn connection(role: Role, negotiated: &NegotiatedDeflate) -> Connection {
    let mut connection = match role {
        Role::Client => Connection::client(LIMIT, || Some(KEY)),
        Role::Server => Connection::server(LIMIT),
    };
    connection.set_deflate(negotiated.clone());
    connection
}

/// Encodes a frame of a server.
fn frame(fin: bool, rsv1: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    FrameHeader { fin, rsv1, opcode, mask: None, payload_len: payload.len() as u64 }
        .encode(&mut out);
    out.extend_from_slice(payload);
    out
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    frame(true, true, Opcode::Binary, payload)
}

/// Passes `bytes` to `connection` in chunks of at most `step` bytes. Returns the messages.
fn feed(connection: &mut Connection, bytes: &[u8], step: usize) -> Seen {
    let mut seen = Vec::new();
    for chunk in bytes.chunks(step) {
        let mut chunk = chunk.to_vec();
        let mut at = 0;
        while at < chunk.len() {
            let (used, event) = connection.receive(&mut chunk[at..])?;
            assert!(used > 0 || event.is_some(), "no progress");
            at += used;
            if let Some(Event::Message { kind, payload }) = event {
                seen.push((kind, payload.into_owned()));
            }
        }
    }
    Ok(seen)
}

/// Returns what a client receives, and checks that it does not depend on the chunks.
fn client_sees(negotiated: &NegotiatedDeflate, bytes: &[u8]) -> Seen {
    let whole = feed(&mut connection(Role::Client, negotiated), bytes, usize::MAX);
    for step in [1, 2, 3, 7, 1000] {
        let chunks = feed(&mut connection(Role::Client, negotiated), bytes, step);
        assert_eq!(chunks, whole, "in chunks of {step}");
    }
    whole
}

/// Returns a text message.
fn text_message(payload: &[u8]) -> Message<'_> {
    Message::Text(std::str::from_utf8(payload).expect("UTF-8"))
}

fn binary(payload: impl AsRef<[u8]>) -> (MessageKind, Vec<u8>) {
    (MessageKind::Binary, payload.as_ref().to_vec())
}

/// Returns compressible text, as games send it.
fn json(len: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut number = 12_345_u32;
    while text.len() < len {
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12345);
        let (x, y) = (number % 97, number % 1013);
        write!(text, "{{\"id\":{x},\"position\":[{y},{number}]}},").expect("memory");
    }
    text.truncate(len);
    text.into_bytes()
}

/// Returns incompressible bytes.
fn noise(len: usize) -> Vec<u8> {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

//! A message for many peers, encoded and compressed once.

use super::Deflate;
use super::compressor::Compressor;
use crate::frame::{encode_frame, encode_frame_with};
use crate::{MessageKind, Opcode};

/// A message that a server sends to many peers: see
/// [`Connection::send_prepared`](crate::Connection::send_prepared).
///
/// Its frames are made once, the compressed ones when the first peer needs them. These refer to no earlier message, so
/// that they are the same for all peers with the same window.
#[derive(Clone, Debug)]
pub struct PreparedMessage {
    kind: MessageKind,
    payload_len: usize,
    /// The frame without compression.
    plain: Vec<u8>,
    /// At most one for each window and level.
    compressed: Vec<Compressed>,
}

/// The compressed frame for one window and level.
#[derive(Clone, Debug)]
struct Compressed {
    window_bits: u8,
    level: u32,
    /// `None` if it would be no shorter.
    frame: Option<Vec<u8>>,
}

impl PreparedMessage {
    /// A message to be sent; text must be UTF-8.
    pub fn new(kind: MessageKind, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref();
        let mut plain = Vec::new();
        encode_frame(true, kind.into(), None, payload, &mut plain);
        Self { kind, payload_len: payload.len(), plain, compressed: Vec::new() }
    }

    /// What it carries.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Its bytes, without compression.
    pub fn payload(&self) -> &[u8] {
        &self.plain[self.plain.len() - self.payload_len..]
    }

    /// The frame without compression.
    pub(crate) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The frame for peers with whom this was agreed on, unless it would be no shorter.
    pub(crate) fn compressed(&mut self, agreed: &Deflate) -> Option<&[u8]> {
        let Deflate { window_bits, level, .. } = *agreed;
        let known = self
            .compressed
            .iter()
            .position(|frame| frame.window_bits == window_bits && frame.level == level);
        let at = known.unwrap_or_else(|| {
            let frame = self.compress(window_bits, level);
            self.compressed.push(Compressed { window_bits, level, frame });
            self.compressed.len() - 1
        });
        self.compressed.get(at)?.frame.as_deref()
    }

    fn compress(&self, window_bits: u8, level: u32) -> Option<Vec<u8>> {
        let payload = self.payload();
        let mut compressor = Compressor::new(window_bits, level);
        let mut frame = Vec::new();
        let opcode = Opcode::from(self.kind);
        let shorter = encode_frame_with(opcode, None, payload.len(), &mut frame, |out| {
            compressor.compress(payload, out)
        });
        frame.shrink_to_fit();
        shorter.then_some(frame)
    }
}

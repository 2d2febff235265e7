//! A message for several peers, encoded and compressed once.

use super::NegotiatedDeflate;
use super::compressor::Compressor;
use crate::frame::{encode_frame, encode_frame_with};
use crate::{Message, MessageKind, Opcode};

/// A message that a server sends to several peers: see
/// [`Connection::send_prepared`](crate::Connection::send_prepared).
///
/// Its frames are encoded once, the compressed ones when the first peer needs them. They do not refer to earlier
/// messages, so they are the same for all peers with the same window.
#[derive(Clone, Debug)]
pub struct PreparedMessage {
    kind: MessageKind,
    payload_len: usize,
    /// The uncompressed frame.
    uncompressed: Vec<u8>,
    /// The compressed frames: at most one for each window and level.
    compressed: Vec<Compressed>,
}

/// The compressed frame for one window and level.
#[derive(Clone, Debug)]
struct Compressed {
    window_bits: u8,
    level: u32,
    /// `None` if compression does not make the message shorter.
    frame: Option<Vec<u8>>,
}

impl PreparedMessage {
    /// Encodes a message.
    pub fn new(message: Message<'_>) -> Self {
        let (kind, payload) = (message.kind(), message.payload());
        let mut uncompressed = Vec::new();
        encode_frame(true, kind.into(), None, payload, &mut uncompressed);
        Self { kind, payload_len: payload.len(), uncompressed, compressed: Vec::new() }
    }

    /// Returns the type of the message.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns the uncompressed payload.
    pub fn payload(&self) -> &[u8] {
        &self.uncompressed[self.uncompressed.len() - self.payload_len..]
    }

    /// Returns the uncompressed frame.
    pub(crate) fn uncompressed(&self) -> &[u8] {
        &self.uncompressed
    }

    /// Returns the compressed frame for a peer, unless compression does not make the message shorter.
    pub(crate) fn compressed(&mut self, negotiated: &NegotiatedDeflate) -> Option<&[u8]> {
        let NegotiatedDeflate { window_bits, level, .. } = *negotiated;
        let known = self
            .compressed
            .iter()
            .position(|frame| frame.window_bits == window_bits && frame.level == level);
        let index = known.unwrap_or_else(|| {
            let frame = self.compress(window_bits, level);
            self.compressed.push(Compressed { window_bits, level, frame });
            self.compressed.len() - 1
        });
        self.compressed.get(index)?.frame.as_deref()
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

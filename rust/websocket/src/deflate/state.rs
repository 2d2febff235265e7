//! The permessage-deflate state of a connection.

use super::NegotiatedDeflate;
use super::compressor::Compressor;
use super::inflater::{InflateOutput, Inflater};
use crate::frame::encode_frame_with;
use crate::{MaskKey, Opcode, ProtocolError};

/// The negotiated parameters, and the two contexts while they are needed.
#[derive(Debug)]
pub(crate) struct DeflateState {
    pub(crate) negotiated: NegotiatedDeflate,
    compressor: Option<Box<Compressor>>,
    inflater: Option<Box<Inflater>>,
}

impl DeflateState {
    pub(crate) fn new(negotiated: NegotiatedDeflate) -> Self {
        Self { negotiated, compressor: None, inflater: None }
    }

    /// Returns true if a message of this length is compressed.
    pub(crate) fn compresses(&self, len: usize) -> bool {
        self.negotiated.compresses(len)
    }

    pub(crate) fn has_compressor(&self) -> bool {
        self.compressor.is_some()
    }

    /// Drops the compressor: the next message does not refer to earlier ones.
    pub(crate) fn release_compressor(&mut self) {
        self.compressor = None;
    }

    /// Appends a message to `out` as one compressed frame. Returns false, and appends nothing, if that is not shorter.
    pub(crate) fn send(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        mask: Option<MaskKey>,
        out: &mut Vec<u8>,
    ) -> bool {
        let NegotiatedDeflate { window_bits, level, .. } = self.negotiated;
        let compressor =
            self.compressor.get_or_insert_with(|| Box::new(Compressor::new(window_bits, level)));
        let sent = encode_frame_with(opcode, mask, payload.len(), out, |out| {
            compressor.compress(payload, out)
        });
        // A message that was not sent is not in the peer's window, so later ones must not refer to it.
        if !sent || !self.negotiated.context_takeover {
            self.compressor = None;
        }
        sent
    }

    /// Inflates the next bytes of a message.
    pub(crate) fn inflate(
        &mut self,
        chunk: &[u8],
        out: &mut InflateOutput<'_>,
    ) -> Result<(), ProtocolError> {
        self.inflater.get_or_insert_with(Inflater::take).inflate(chunk, out)
    }

    /// Completes a message after all its bytes.
    pub(crate) fn finish(&mut self, out: &mut InflateOutput<'_>) -> Result<(), ProtocolError> {
        let mut inflater = self.inflater.take().unwrap_or_else(Inflater::take);
        if self.negotiated.peer_context_takeover {
            inflater.finish(out)?;
            self.inflater = Some(inflater);
            Ok(())
        } else {
            let finished = inflater.finish_last(out);
            inflater.put_back();
            finished
        }
    }
}

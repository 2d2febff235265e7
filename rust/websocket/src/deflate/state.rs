//! What a connection keeps for permessage-deflate.

use super::Deflate;
use super::compressor::Compressor;
use super::inflater::{Inflater, Inflating};
use crate::frame::encode_frame_with;
use crate::{MaskKey, Opcode, Violation};

/// The agreement, and the two contexts while they are needed.
#[derive(Debug)]
pub(crate) struct DeflateState {
    pub(crate) agreed: Deflate,
    compressor: Option<Box<Compressor>>,
    inflater: Option<Box<Inflater>>,
}

impl DeflateState {
    pub(crate) fn new(agreed: Deflate) -> Self {
        Self { agreed, compressor: None, inflater: None }
    }

    /// Whether a message of this length is worth compressing.
    pub(crate) fn compresses(&self, len: usize) -> bool {
        self.agreed.compresses(len)
    }

    pub(crate) fn has_compressor(&self) -> bool {
        self.compressor.is_some()
    }

    /// Drops the compressor: the next message will refer to nothing before it.
    pub(crate) fn release_compressor(&mut self) {
        self.compressor = None;
    }

    /// Appends a message to `out` as one compressed frame, unless that is no shorter: then it says `false`.
    pub(crate) fn send(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        mask: Option<MaskKey>,
        out: &mut Vec<u8>,
    ) -> bool {
        let Deflate { window_bits, level, .. } = self.agreed;
        let compressor =
            self.compressor.get_or_insert_with(|| Box::new(Compressor::new(window_bits, level)));
        let sent = encode_frame_with(opcode, mask, payload.len(), out, |out| {
            compressor.compress(payload, out)
        });
        // What was not sent must not be referred to: the peer's window has not seen it.
        if !sent || !self.agreed.context_takeover {
            self.compressor = None;
        }
        sent
    }

    /// Inflates the next bytes of a message.
    pub(crate) fn inflate(
        &mut self,
        piece: &[u8],
        out: &mut Inflating<'_>,
    ) -> Result<(), Violation> {
        self.inflater.get_or_insert_with(Inflater::take).inflate(piece, out)
    }

    /// Ends a message, after all its bytes.
    pub(crate) fn finish(&mut self, out: &mut Inflating<'_>) -> Result<(), Violation> {
        let mut inflater = self.inflater.take().unwrap_or_else(Inflater::take);
        if self.agreed.peer_context_takeover {
            inflater.finish(out)?;
            self.inflater = Some(inflater);
            Ok(())
        } else {
            let finished = inflater.finish_last(out);
            inflater.give_back();
            finished
        }
    }
}

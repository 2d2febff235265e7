//! The data message that is being received (RFC 6455 sections 5.4 and 5.6).

use crate::deflate::{DeflateState, InflateOutput};
use crate::utf8::Utf8Validator;
use crate::{MessageKind, ProtocolError};

/// A data message that arrives in several chunks or compressed.
#[derive(Debug)]
pub(crate) struct IncomingMessage {
    kind: MessageKind,
    compressed: bool,
    utf8: Utf8Validator,
    /// Number of bytes received, before decompression.
    wire_len: u64,
    payload: Vec<u8>,
}

impl IncomingMessage {
    pub(crate) fn new(kind: MessageKind, compressed: bool) -> Self {
        Self { kind, compressed, utf8: Utf8Validator::default(), wire_len: 0, payload: Vec::new() }
    }

    pub(crate) fn kind(&self) -> MessageKind {
        self.kind
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Returns the number of bytes received, before decompression.
    pub(crate) fn wire_len(&self) -> u64 {
        self.wire_len
    }

    /// Appends bytes of an uncompressed message. Memory grows with the bytes received, not with the length in a header.
    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), ProtocolError> {
        self.wire_len += chunk.len() as u64;
        if self.kind == MessageKind::Text {
            self.utf8.feed(chunk).map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        self.payload.extend_from_slice(chunk);
        Ok(())
    }

    /// Appends bytes of a compressed message, whose decompressed length may be at most `limit`.
    pub(crate) fn inflate(
        &mut self,
        chunk: &[u8],
        state: &mut DeflateState,
        limit: usize,
    ) -> Result<(), ProtocolError> {
        self.wire_len += chunk.len() as u64;
        if chunk.is_empty() {
            return Ok(());
        }
        state.inflate(chunk, &mut self.inflate_output(limit))
    }

    /// Completes the message and returns its payload.
    pub(crate) fn finish(
        mut self,
        state: Option<&mut DeflateState>,
        limit: usize,
    ) -> Result<Vec<u8>, ProtocolError> {
        if let Some(state) = state
            && self.compressed
            && self.wire_len > 0
        {
            // Some senders flush nothing for an empty message: without any bytes there is nothing to decompress.
            state.finish(&mut self.inflate_output(limit))?;
        }
        self.utf8.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
        // The caller may queue it, and account for its length, not its capacity.
        if self.payload.capacity() - self.payload.len() > self.payload.len() / 8 {
            self.payload.shrink_to_fit();
        }
        Ok(self.payload)
    }

    /// Returns the destination of decompressed bytes.
    fn inflate_output(&mut self, limit: usize) -> InflateOutput<'_> {
        let utf8 = (self.kind == MessageKind::Text).then_some(&mut self.utf8);
        InflateOutput { payload: &mut self.payload, utf8, limit }
    }

    /// Returns the memory allocated for the payload.
    pub(crate) fn capacity(&self) -> usize {
        self.payload.capacity()
    }
}

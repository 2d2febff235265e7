//! A data message that is being received (§5.4, §5.6).

use crate::deflate::{DeflateState, Inflating};
use crate::utf8::Utf8Check;
use crate::{MessageKind, Violation};

/// A data message that comes in more than one piece, or compressed.
#[derive(Debug)]
pub(crate) struct Message {
    kind: MessageKind,
    compressed: bool,
    utf8: Utf8Check,
    /// How many bytes of it have come on the wire.
    wire_len: u64,
    payload: Vec<u8>,
}

impl Message {
    pub(crate) fn new(kind: MessageKind, compressed: bool) -> Self {
        Self { kind, compressed, utf8: Utf8Check::default(), wire_len: 0, payload: Vec::new() }
    }

    pub(crate) fn kind(&self) -> MessageKind {
        self.kind
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// How many bytes of it have come on the wire.
    pub(crate) fn wire_len(&self) -> u64 {
        self.wire_len
    }

    /// Takes the next bytes of a message that is not compressed. Memory grows with what has come, not with what a header
    /// announces.
    pub(crate) fn append(&mut self, piece: &[u8]) -> Result<(), Violation> {
        self.wire_len += piece.len() as u64;
        if self.kind == MessageKind::Text {
            self.utf8.feed(piece).map_err(|_| Violation::InvalidUtf8)?;
        }
        self.payload.extend_from_slice(piece);
        Ok(())
    }

    /// Takes the next bytes of a message that is compressed; at most `limit` bytes may come out of it in all.
    pub(crate) fn inflate(
        &mut self,
        piece: &[u8],
        state: &mut DeflateState,
        limit: usize,
    ) -> Result<(), Violation> {
        self.wire_len += piece.len() as u64;
        if piece.is_empty() {
            return Ok(());
        }
        state.inflate(piece, &mut self.inflating(limit))
    }

    /// Ends the message: its bytes.
    pub(crate) fn finish(
        mut self,
        state: Option<&mut DeflateState>,
        limit: usize,
    ) -> Result<Vec<u8>, Violation> {
        if let Some(state) = state
            && self.compressed
            && self.wire_len > 0
        {
            // Without a single byte, nothing was compressed: some senders have nothing to flush for an empty message.
            state.finish(&mut self.inflating(limit))?;
        }
        self.utf8.finish().map_err(|_| Violation::InvalidUtf8)?;
        // It waits for the game, and counts by its length.
        if self.payload.capacity() - self.payload.len() > self.payload.len() / 8 {
            self.payload.shrink_to_fit();
        }
        Ok(self.payload)
    }

    /// Where what comes out of the compressed bytes goes.
    fn inflating(&mut self, limit: usize) -> Inflating<'_> {
        let utf8 = (self.kind == MessageKind::Text).then_some(&mut self.utf8);
        Inflating { payload: &mut self.payload, utf8, limit }
    }

    /// How much memory the payload has.
    pub(crate) fn capacity(&self) -> usize {
        self.payload.capacity()
    }
}

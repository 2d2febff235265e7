//! The receiving end (RFC 7692 §7.2.2): compressed bytes in, and never more out than the limit.

use super::TAIL;
use crate::Violation;
use crate::utf8::Utf8Check;
use flate2::{Decompress, FlushDecompress, Status};
use std::sync::{Mutex, PoisonError};

/// The least memory that is set aside for what comes out.
const MIN_ROOM: usize = 256;

/// The most memory that is set aside before anything has come out.
const MAX_FIRST_ROOM: usize = 16 * 1024;

/// One inflater that nobody uses. A new one takes some 48 KiB: without context takeover that would be the price of each message,
/// which may have a byte.
static SPARE: Mutex<Option<Box<Inflater>>> = Mutex::new(None);

/// Inflates messages as they arrive, each of which may refer to the ones before it.
#[derive(Debug)]
pub(crate) struct Inflater {
    decompress: Decompress,
    /// The last byte that came ended a final block (BFINAL): a DEFLATE stream is over, and no other has begun.
    ended: bool,
}

/// The message that is being inflated.
#[derive(Debug)]
pub(crate) struct Inflating<'a> {
    /// What has come out so far.
    pub(crate) payload: &'a mut Vec<u8>,
    /// Checks what comes out, if it is text.
    pub(crate) utf8: Option<&'a mut Utf8Check>,
    /// The most bytes that may come out.
    pub(crate) limit: usize,
}

/// The most compressed bytes that a message of `limit` bytes may take: DEFLATE's fixed codes lengthen incompressible
/// bytes by an eighth, and each flush adds a few bytes. What takes more is made to waste time.
pub(crate) fn wire_limit(limit: usize) -> u64 {
    let limit = limit as u64;
    limit.saturating_add(limit / 8).saturating_add(1024)
}

impl Inflater {
    /// An inflater that has seen nothing.
    pub(crate) fn take() -> Box<Self> {
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare.unwrap_or_else(|| Box::new(Self::new()))
    }

    /// Keeps an inflater for the next [`take`](Self::take), in whatever state it is.
    pub(crate) fn give_back(mut self: Box<Self>) {
        self.decompress.reset(false);
        self.ended = false;
        let old = SPARE.lock().unwrap_or_else(PoisonError::into_inner).replace(self);
        // Its memory is freed without the lock.
        drop(old);
    }

    pub(crate) fn new() -> Self {
        // The largest window: what was compressed with a smaller one is read just as well.
        Self { decompress: Decompress::new(false), ended: false }
    }

    /// Inflates the next bytes of a message.
    pub(crate) fn inflate(
        &mut self,
        piece: &[u8],
        out: &mut Inflating<'_>,
    ) -> Result<(), Violation> {
        let mut rest = piece;
        loop {
            if self.ended {
                if rest.is_empty() {
                    return Ok(());
                }
                // Another stream follows the one whose final block has come (RFC 7692 §7.2.3.5).
                self.decompress.reset(false);
                self.ended = false;
            }
            out.make_room(rest.len());
            let (in_before, len_before) = (self.decompress.total_in(), out.payload.len());
            let status = self.decompress.decompress_vec(rest, out.payload, FlushDecompress::Sync);
            // Before the status: what came out before the error comes before it in the message, too.
            out.check(len_before)?;
            let status = status.map_err(|_| Violation::CorruptDeflate)?;
            let used = self.decompress.total_in() - in_before;
            let used = usize::try_from(used).unwrap_or(usize::MAX).min(rest.len());
            rest = &rest[used..];
            match status {
                Status::StreamEnd => self.ended = true,
                _ if out.payload.len() == out.payload.capacity() => {}
                _ if rest.is_empty() => return Ok(()),
                // There is room, and there are bytes, but nothing happened: it would not happen the next time either.
                _ if used == 0 && out.payload.len() == len_before => {
                    return Err(Violation::CorruptDeflate);
                }
                _ => {}
            }
        }
    }

    /// Ends a message, after all its bytes.
    pub(crate) fn finish(&mut self, out: &mut Inflating<'_>) -> Result<(), Violation> {
        // A sender that ends with a final block, and leaves out the byte that should follow it, is understood as well.
        if self.ended {
            return Ok(());
        }
        self.inflate(&TAIL, out)
    }

    /// Like [`finish`](Self::finish), for the last message that this inflater reads: one that ends within a block is
    /// refused. Where the inflater goes on, only the next message can show that.
    pub(crate) fn finish_last(&mut self, out: &mut Inflating<'_>) -> Result<(), Violation> {
        self.finish(out)?;
        if !self.ended {
            // A final block without content can follow a whole block alone.
            self.inflate(&[0x03, 0x00], out)?;
        }
        if self.ended { Ok(()) } else { Err(Violation::CorruptDeflate) }
    }
}

impl Inflating<'_> {
    /// Makes room for something to come out of `input` bytes. One byte over the limit shows that there is more.
    fn make_room(&mut self, input: usize) {
        let (len, capacity) = (self.payload.len(), self.payload.capacity());
        if len < capacity {
            return;
        }
        let room = if capacity == 0 {
            input.saturating_mul(4).clamp(MIN_ROOM, MAX_FIRST_ROOM)
        } else {
            // In large steps, since each may copy what has come out so far.
            capacity.saturating_mul(4)
        };
        self.payload
            .reserve_exact(room.min(self.limit.saturating_add(1)).saturating_sub(len).max(1));
    }

    /// Checks what has come out since there were `from` bytes.
    fn check(&mut self, from: usize) -> Result<(), Violation> {
        let end = self.payload.len().min(self.limit);
        if let Some(utf8) = &mut self.utf8 {
            let text = self.payload.get(from..end).unwrap_or_default();
            utf8.feed(text).map_err(|_| Violation::InvalidUtf8)?;
        }
        if self.payload.len() > self.limit {
            return Err(Violation::MessageTooBig { limit: self.limit });
        }
        Ok(())
    }
}

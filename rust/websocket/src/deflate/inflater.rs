//! The inflater (RFC 7692 section 7.2.2), whose output never exceeds the limit.

use super::TAIL;
use crate::ProtocolError;
use crate::utf8::Utf8Validator;
use flate2::{Decompress, FlushDecompress, Status};
use std::sync::{Mutex, PoisonError};

/// Minimum initial capacity of the output.
const MIN_CAPACITY: usize = 256;

/// Maximum initial capacity of the output.
const MAX_INITIAL_CAPACITY: usize = 16 * 1024;

/// A one-element pool of idle inflaters. A new one allocates about 48 KiB, which without context takeover would be the
/// cost of each message, however short.
static INFLATER_POOL: Mutex<Option<Box<Inflater>>> = Mutex::new(None);

/// Inflates messages incrementally, each of which may refer to earlier ones.
#[derive(Debug)]
pub(crate) struct Inflater {
    decompress: Decompress,
    /// The last byte ended a final block (BFINAL): the DEFLATE stream is complete, and no other has started.
    stream_ended: bool,
}

/// The output of the inflater: the message that is being received.
#[derive(Debug)]
pub(crate) struct InflateOutput<'a> {
    /// The bytes inflated so far.
    pub(crate) payload: &'a mut Vec<u8>,
    /// Validates the output, if it is text.
    pub(crate) utf8: Option<&'a mut Utf8Validator>,
    /// Maximum length of the output.
    pub(crate) limit: usize,
}

/// Returns the maximum compressed length of a message of `limit` bytes: DEFLATE's fixed codes expand incompressible
/// bytes by an eighth, and each flush adds a few bytes. A longer message is only meant to waste time.
pub(crate) fn max_compressed_len(limit: usize) -> u64 {
    let limit = limit as u64;
    limit.saturating_add(limit / 8).saturating_add(1024)
}

impl Inflater {
    /// Takes a reset inflater from the pool, or creates one.
    pub(crate) fn take() -> Box<Self> {
        let idle = INFLATER_POOL.lock().unwrap_or_else(PoisonError::into_inner).take();
        idle.unwrap_or_else(|| Box::new(Self::new()))
    }

    /// Resets the inflater and puts it into the pool for the next [`take`](Self::take).
    pub(crate) fn put_back(mut self: Box<Self>) {
        self.decompress.reset(false);
        self.stream_ended = false;
        let old = INFLATER_POOL.lock().unwrap_or_else(PoisonError::into_inner).replace(self);
        // Freed after the lock is released.
        drop(old);
    }

    pub(crate) fn new() -> Self {
        // The largest window, which also inflates data compressed with a smaller one.
        Self { decompress: Decompress::new(false), stream_ended: false }
    }

    /// Inflates the next bytes of a message.
    pub(crate) fn inflate(
        &mut self,
        chunk: &[u8],
        out: &mut InflateOutput<'_>,
    ) -> Result<(), ProtocolError> {
        let mut rest = chunk;
        loop {
            if self.stream_ended {
                if rest.is_empty() {
                    return Ok(());
                }
                // Another DEFLATE stream follows the final block of the last one (RFC 7692 section 7.2.3.5).
                self.decompress.reset(false);
                self.stream_ended = false;
            }
            out.reserve(rest.len());
            let (in_before, len_before) = (self.decompress.total_in(), out.payload.len());
            let status = self.decompress.decompress_vec(rest, out.payload, FlushDecompress::Sync);
            // Before the status: output before the error is checked first.
            out.check(len_before)?;
            let status = status.map_err(|_| ProtocolError::CorruptDeflate)?;
            let used = self.decompress.total_in() - in_before;
            let used = usize::try_from(used).unwrap_or(usize::MAX).min(rest.len());
            rest = &rest[used..];
            match status {
                Status::StreamEnd => self.stream_ended = true,
                _ if out.payload.len() == out.payload.capacity() => {}
                _ if rest.is_empty() => return Ok(()),
                // No progress despite input and capacity: another call would make none either.
                _ if used == 0 && out.payload.len() == len_before => {
                    return Err(ProtocolError::CorruptDeflate);
                }
                _ => {}
            }
        }
    }

    /// Completes a message after all its bytes.
    pub(crate) fn finish(&mut self, out: &mut InflateOutput<'_>) -> Result<(), ProtocolError> {
        // Senders that end with a final block and omit the byte that must follow it are accepted.
        if self.stream_ended {
            return Ok(());
        }
        self.inflate(&TAIL, out)
    }

    /// Completes the last message that this inflater reads, and rejects one that ends within a block. With context
    /// takeover only the next message can reveal that.
    pub(crate) fn finish_last(&mut self, out: &mut InflateOutput<'_>) -> Result<(), ProtocolError> {
        self.finish(out)?;
        if !self.stream_ended {
            // An empty final block can only follow a complete block.
            self.inflate(&[0x03, 0x00], out)?;
        }
        if self.stream_ended { Ok(()) } else { Err(ProtocolError::CorruptDeflate) }
    }
}

impl InflateOutput<'_> {
    /// Reserves capacity for the output of `input` bytes. One byte over the limit reveals that the output is too long.
    fn reserve(&mut self, input: usize) {
        let (len, capacity) = (self.payload.len(), self.payload.capacity());
        if len < capacity {
            return;
        }
        let target = if capacity == 0 {
            input.saturating_mul(4).clamp(MIN_CAPACITY, MAX_INITIAL_CAPACITY)
        } else {
            // In large steps, since each may copy the output so far.
            capacity.saturating_mul(4)
        };
        self.payload
            .reserve_exact(target.min(self.limit.saturating_add(1)).saturating_sub(len).max(1));
    }

    /// Checks the output from index `from` on.
    fn check(&mut self, from: usize) -> Result<(), ProtocolError> {
        let end = self.payload.len().min(self.limit);
        if let Some(utf8) = &mut self.utf8 {
            let text = self.payload.get(from..end).unwrap_or_default();
            utf8.feed(text).map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        if self.payload.len() > self.limit {
            return Err(ProtocolError::MessageTooBig { limit: self.limit });
        }
        Ok(())
    }
}

//! The compressor (RFC 7692 section 7.2.1).

use super::{MAX_WINDOW_BITS, TAIL, UNSUPPORTED_WINDOW_BITS, compressor_pool};
use flate2::{Compress, FlushCompress};

/// Capacity for the bytes that a flush adds, so that one call suffices.
const FLUSH_OVERHEAD: usize = 64;

/// Compresses messages, each of which may refer to earlier ones.
#[derive(Debug)]
pub(super) struct Compressor {
    /// `None` only while the compressor is dropped.
    compress: Option<Compress>,
    window_bits: u8,
    level: u32,
}

impl Compressor {
    pub(super) fn new(window_bits: u8, level: u32) -> Self {
        let window_bits = window_bits.clamp(UNSUPPORTED_WINDOW_BITS + 1, MAX_WINDOW_BITS);
        let level = level.min(9);
        Self { compress: Some(compressor_pool::take(window_bits, level)), window_bits, level }
    }

    /// Appends the compressed form of `payload`, which is not empty, to `out`. Returns false on failure: the bytes
    /// appended to `out` are then invalid, and the compressor must not be used again.
    pub(super) fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(compress) = &mut self.compress else {
            return false;
        };
        let mut rest = payload;
        // Compressed data that is sent is shorter than the payload.
        out.reserve(payload.len() + FLUSH_OVERHEAD);
        loop {
            let before = compress.total_in();
            if compress.compress_vec(rest, out, FlushCompress::Sync).is_err() {
                return false;
            }
            let used = usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(used..).unwrap_or_default();
            if out.len() < out.capacity() && rest.is_empty() {
                break;
            }
            out.reserve(FLUSH_OVERHEAD.max(rest.len()));
        }
        if !out.ends_with(&TAIL) {
            return false;
        }
        out.truncate(out.len() - TAIL.len());
        true
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        if let Some(compress) = self.compress.take() {
            compressor_pool::put(self.window_bits, self.level, compress);
        }
    }
}

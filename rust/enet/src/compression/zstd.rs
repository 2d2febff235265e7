//! Zstandard (RFC 8878), by the crate `zstd`, which wraps the engine's C library. The pure Rust crate `ruzstd` does not
//! compress at the engine's level.

use super::{Coder, write_into};
use zstd::bulk::{Compressor, Decompressor};

/// The level of the engine.
const LEVEL: i32 = 3;
/// The largest window accepted, as a power of two: a datagram is shorter than 4 KiB, and the library's minimum is 1
/// KiB. It limits the allocation, whatever a frame claims.
const WINDOW_LOG: u32 = 17;

/// A compressor and a decompressor; none if the library cannot allocate them.
pub(super) struct Zstd {
    compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut decompressor = Decompressor::new().ok();
        if let Some(decompressor) = &mut decompressor
            && decompressor.window_log_max(WINDOW_LOG).is_err()
        {
            return Self { compressor: None, decompressor: None };
        }
        Self { compressor: Compressor::new(LEVEL).ok(), decompressor }
    }
}

impl Coder for Zstd {
    fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let Some(compressor) = &mut self.compressor else { return false };
        write_into(output, input.len(), |buffer| compressor.compress_to_buffer(input, buffer).ok())
    }

    fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        let Some(decompressor) = &mut self.decompressor else { return false };
        write_into(output, limit, |buffer| decompressor.decompress_to_buffer(input, buffer).ok())
    }
}

//! `FastLZ`, level 1, by the crate `fastlz-rs`.

use super::{Coder, write_into};
use fastlz_rs::{CompressState, CompressionLevel, decompress_to_buf};

/// The engine pads shorter input with zeros, since `FastLZ` requires this length.
const MIN_INPUT_LEN: usize = 16;

/// A compressor with its hash table of 64 KiB.
pub(super) struct FastLz {
    state: Box<CompressState>,
}

impl FastLz {
    pub(super) fn new() -> Self {
        Self { state: CompressState::new_boxed() }
    }
}

impl Coder for FastLz {
    fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let mut padded = [0; MIN_INPUT_LEN];
        let padded_input = if input.len() < MIN_INPUT_LEN {
            padded[..input.len()].copy_from_slice(input);
            &padded[..]
        } else {
            input
        };
        // Output that is not shorter is discarded.
        write_into(output, input.len(), |buffer| {
            self.state.compress_to_buf(padded_input, buffer, CompressionLevel::Level1).ok()
        })
    }

    /// Decompresses padded input with its zeros, which are no valid command.
    fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        write_into(output, limit, |buffer| decompress_to_buf(input, buffer).ok())
    }
}

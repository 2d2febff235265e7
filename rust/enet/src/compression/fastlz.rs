//! `FastLZ`, level 1, by the crate `fastlz-rs`.

use super::write_into;
use fastlz_rs::{CompressState, CompressionLevel, decompress_to_buf};

/// The engine adds zeros to what is shorter than this, since `FastLZ` takes nothing shorter.
const SHORTEST: usize = 16;

/// A compressor with its table of what it has seen, 64 KiB.
pub(super) struct FastLz {
    state: Box<CompressState>,
}

impl FastLz {
    pub(super) fn new() -> Self {
        Self { state: CompressState::new_boxed() }
    }

    pub(super) fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let mut padded = [0; SHORTEST];
        let padded_input = if input.len() < SHORTEST {
            padded[..input.len()].copy_from_slice(input);
            &padded[..]
        } else {
            input
        };
        // What does not get shorter is not wanted.
        write_into(output, input.len(), |room| {
            self.state.compress_to_buf(padded_input, room, CompressionLevel::Level1).ok()
        })
    }
}

/// What was padded comes with its zeros, which are no command.
pub(super) fn decompress(input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
    write_into(output, limit, |room| decompress_to_buf(input, room).ok())
}

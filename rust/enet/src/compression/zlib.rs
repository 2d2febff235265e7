//! Deflate with zlib's header (RFC 1950), by the crate `flate2`.

use super::{Coder, write_into};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The level of the engine: zlib's default.
const LEVEL: u32 = 6;

/// A compressor and a decompressor, with their windows of 32 KiB.
pub(super) struct Zlib {
    compress: Compress,
    decompress: Decompress,
}

impl Zlib {
    pub(super) fn new() -> Self {
        Self {
            compress: Compress::new(Compression::new(LEVEL), true),
            decompress: Decompress::new(true),
        }
    }
}

impl Coder for Zlib {
    fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let Self { compress, .. } = self;
        compress.reset();
        write_into(output, input.len(), |buffer| {
            let status = compress.compress(input, buffer, FlushCompress::Finish).ok()?;
            (status == Status::StreamEnd).then_some(usize::try_from(compress.total_out()).ok()?)
        })
    }

    fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        let Self { decompress, .. } = self;
        decompress.reset(true);
        write_into(output, limit, |buffer| {
            let status = decompress.decompress(input, buffer, FlushDecompress::Finish).ok()?;
            (status == Status::StreamEnd).then_some(usize::try_from(decompress.total_out()).ok()?)
        })
    }
}

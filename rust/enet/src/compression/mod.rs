//! Compression of datagrams: the modes of Godot's `ENetConnection.CompressionMode`.
//!
//! The commands of a datagram are compressed as a whole, and only if that makes it shorter. Each mode is compatible
//! with the engine in both directions.

mod fastlz;
mod range_coder;
mod zlib;
mod zstd;

use fastlz::FastLz;
use range_coder::RangeCoder;
use zlib::Zlib;
use zstd::Zstd;

/// The compression mode of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    #[default]
    None = 0,
    /// ENet's adaptive order-2 range coder, for short datagrams.
    RangeCoder = 1,
    /// `FastLZ`, level 1: low processor use.
    FastLz = 2,
    /// Deflate with zlib's header (RFC 1950).
    Zlib = 3,
    /// Zstandard (RFC 8878), for long datagrams.
    Zstd = 4,
}

/// Compresses and decompresses datagrams. It uses 64 KiB to 1 MiB of memory, depending on the mode.
pub struct Compressor(Coder);

enum Coder {
    RangeCoder(RangeCoder),
    FastLz(FastLz),
    Zlib(Box<Zlib>),
    Zstd(Zstd),
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.0 {
            Coder::RangeCoder(_) => "Compressor(RangeCoder)",
            Coder::FastLz(_) => "Compressor(FastLz)",
            Coder::Zlib(_) => "Compressor(Zlib)",
            Coder::Zstd(_) => "Compressor(Zstd)",
        })
    }
}

impl Compressor {
    /// Creates a compressor; `None` for [`Compression::None`].
    pub fn new(mode: Compression) -> Option<Self> {
        Some(Self(match mode {
            Compression::None => return None,
            Compression::RangeCoder => Coder::RangeCoder(RangeCoder::new()),
            Compression::FastLz => Coder::FastLz(FastLz::new()),
            Compression::Zlib => Coder::Zlib(Box::new(Zlib::new())),
            Compression::Zstd => Coder::Zstd(Zstd::new()),
        }))
    }

    /// Returns true if decompression is so slow that it needs a [budget](crate::decompression).
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self.0, Coder::RangeCoder(_))
    }

    /// Appends `input`, compressed, to `output`. Returns whether that is shorter than `input`; if not, `output` is
    /// unchanged.
    pub fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let begin = output.len();
        let done = input.len() > 1
            && match &mut self.0 {
                Coder::RangeCoder(coder) => coder.compress(input, output),
                Coder::FastLz(coder) => coder.compress(input, output),
                Coder::Zlib(coder) => coder.compress(input, output),
                Coder::Zstd(coder) => coder.compress(input, output),
            };
        let shorter = done && (begin + 1..begin + input.len()).contains(&output.len());
        if !shorter {
            output.truncate(begin);
        }
        shorter
    }

    /// Appends `input`, decompressed, to `output`. Returns whether it is valid and has 1 to `limit` bytes; if not,
    /// `output` is unchanged.
    pub fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        let begin = output.len();
        let done = !input.is_empty()
            && match &mut self.0 {
                Coder::RangeCoder(coder) => coder.decompress(input, output, limit),
                Coder::FastLz(_) => fastlz::decompress(input, output, limit),
                Coder::Zlib(coder) => coder.decompress(input, output, limit),
                Coder::Zstd(coder) => coder.decompress(input, output, limit),
            };
        let any = done && output.len() > begin;
        if !any {
            output.truncate(begin);
        }
        any
    }
}

/// Extends `output` by `limit` bytes, lets `write` fill them, and keeps as many as it returns.
fn write_into(
    output: &mut Vec<u8>,
    limit: usize,
    write: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> bool {
    let begin = output.len();
    output.resize(begin + limit, 0);
    let written = write(&mut output[begin..]);
    output.truncate(begin + written.unwrap_or(0).min(limit));
    written.is_some()
}

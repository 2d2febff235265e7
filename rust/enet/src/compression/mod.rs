//! Compression of datagrams: the modes of Godot's `ENetConnection.CompressionMode`.
//!
//! The commands of a datagram are compressed as a whole, and only if that makes it shorter. Each mode is compatible
//! with the engine in both directions.

#[cfg(feature = "fastlz")]
mod fastlz;
mod range_coder;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

/// The compression mode of datagrams. Some modes need a feature of this crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// No compression.
    #[default]
    None = 0,
    /// ENet's adaptive order-2 range coder, for short datagrams.
    RangeCoder = 1,
    /// `FastLZ`, level 1: low processor use.
    #[cfg(feature = "fastlz")]
    FastLz = 2,
    /// Deflate with zlib's header (RFC 1950).
    #[cfg(feature = "zlib")]
    Zlib = 3,
    /// Zstandard (RFC 8878), for long datagrams.
    #[cfg(feature = "zstd")]
    Zstd = 4,
}

/// The algorithm of a mode.
trait Coder: Send + Sync {
    /// Appends `input`, compressed, to `output`. Returns true if that succeeded.
    fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool;

    /// Appends `input`, decompressed, to `output`. Returns true if it is valid and has at most `limit` bytes.
    fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool;
}

/// Compresses and decompresses datagrams. It uses 64 KiB to 1 MiB of memory, depending on the mode.
pub struct Compressor {
    mode: Compression,
    coder: Box<dyn Coder>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Compressor").field(&self.mode).finish()
    }
}

impl Compressor {
    /// Creates a compressor; `None` for [`Compression::None`].
    pub fn new(mode: Compression) -> Option<Self> {
        let coder: Box<dyn Coder> = match mode {
            Compression::None => return None,
            Compression::RangeCoder => Box::new(range_coder::RangeCoder::new()),
            #[cfg(feature = "fastlz")]
            Compression::FastLz => Box::new(fastlz::FastLz::new()),
            #[cfg(feature = "zlib")]
            Compression::Zlib => Box::new(zlib::Zlib::new()),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Box::new(zstd::Zstd::new()),
        };
        Some(Self { mode, coder })
    }

    /// Returns true if decompression is so slow that it needs a [budget](crate::decompression).
    pub(crate) fn is_slow(&self) -> bool {
        self.mode == Compression::RangeCoder
    }

    /// Appends `input`, compressed, to `output`. Returns true if that is shorter than `input`; if not, `output` is
    /// unchanged.
    pub fn compress(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let begin = output.len();
        let done = input.len() > 1 && self.coder.compress(input, output);
        let shorter = done && (begin + 1..begin + input.len()).contains(&output.len());
        if !shorter {
            output.truncate(begin);
        }
        shorter
    }

    /// Appends `input`, decompressed, to `output`. Returns true if it is valid and has 1 to `limit` bytes; if not,
    /// `output` is unchanged.
    pub fn decompress(&mut self, input: &[u8], output: &mut Vec<u8>, limit: usize) -> bool {
        let begin = output.len();
        let done = !input.is_empty() && self.coder.decompress(input, output, limit);
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

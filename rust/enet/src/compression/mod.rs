//! How datagrams are compressed: the modes of Godot's `ENetConnection.CompressionMode`.
//!
//! What follows a datagram's header is compressed as a whole, and only if that makes it shorter. Each mode reads what the
//! engine writes, and the other way round.

mod fastlz;
mod range_coder;
mod zlib;
mod zstd;

use fastlz::FastLz;
use range_coder::RangeCoder;
use zlib::Zlib;
use zstd::Zstd;

/// How datagrams are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None = 0,
    /// ENet's own: an adaptive order-2 range coder, for short datagrams.
    RangeCoder = 1,
    /// `FastLZ`, level 1: little work.
    FastLz = 2,
    /// Deflate with zlib's header (RFC 1950).
    Zlib = 3,
    /// Zstandard (RFC 8878), for long datagrams.
    Zstd = 4,
}

/// Compresses datagrams, and decompresses them. It keeps the memory that this takes, from some 64 KiB to 1 MiB by the mode.
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
    /// A compressor of this mode; `None` for [`Compression::None`].
    pub fn new(mode: Compression) -> Option<Self> {
        Some(Self(match mode {
            Compression::None => return None,
            Compression::RangeCoder => Coder::RangeCoder(RangeCoder::new()),
            Compression::FastLz => Coder::FastLz(FastLz::new()),
            Compression::Zlib => Coder::Zlib(Box::new(Zlib::new())),
            Compression::Zstd => Coder::Zstd(Zstd::new()),
        }))
    }

    /// Whether a byte takes so long that what is decompressed needs a [limit](crate::inflation).
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self.0, Coder::RangeCoder(_))
    }

    /// Writes `input`, compressed, onto the end of `output`. Says whether that is shorter than `input`; if not, `output` is
    /// as it was.
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

    /// Writes `input`, decompressed, onto the end of `output`. Says whether it could be, to at most `limit` bytes and at
    /// least one; if not, `output` is as it was.
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

/// Makes room for `limit` bytes at the end of `output`, has `write` fill it, and keeps as many bytes as it says.
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

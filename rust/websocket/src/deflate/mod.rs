//! permessage-deflate (RFC 7692): messages compressed with DEFLATE, each flushed to a byte boundary.

mod compressor;
mod compressor_pool;
mod inflater;
mod negotiated;
mod offer;
mod options;
mod parameter;
mod prepared;
mod response;
mod state;

pub(crate) use inflater::{InflateOutput, max_compressed_len};
pub use negotiated::NegotiatedDeflate;
pub(crate) use offer::negotiate;
pub use options::DeflateOptions;
pub use prepared::PreparedMessage;
pub(crate) use response::accept_response;
pub(crate) use state::DeflateState;

/// The extension's name in `Sec-WebSocket-Extensions` (RFC 7692 section 7).
pub(crate) const NAME: &str = "permessage-deflate";

/// The end of a sync flush, the lengths of an empty stored block, which is not sent (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The smallest window of the extension (RFC 7692 section 7.1.2), with which the library cannot compress.
const UNSUPPORTED_WINDOW_BITS: u8 = 8;

/// DEFLATE's largest window, which the inflater always uses.
const MAX_WINDOW_BITS: u8 = 15;

#[cfg(test)]
mod tests;

//! permessage-deflate (RFC 7692): messages compressed with DEFLATE, each flushed so that it ends at a byte.

mod agreed;
mod answer;
mod compressor;
mod inflater;
mod offer;
mod options;
mod parameter;
mod prepared;
mod spare;
mod state;

pub use agreed::Deflate;
pub(crate) use answer::accept_answer;
pub(crate) use inflater::{Inflating, wire_limit};
pub(crate) use offer::negotiate;
pub use options::DeflateOptions;
pub use prepared::PreparedMessage;
pub(crate) use state::DeflateState;

/// The extension's name in `Sec-WebSocket-Extensions` (RFC 7692 §7).
pub(crate) const NAME: &str = "permessage-deflate";

/// What a sync flush ends with: the length of an empty stored block. It is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The smallest window that DEFLATE knows (RFC 7692 §7.1.2), which the library cannot keep to when it compresses.
const TOO_SMALL_WINDOW_BITS: u8 = 8;

/// DEFLATE's largest window: all that is inflated is inflated with it.
const MAX_WINDOW_BITS: u8 = 15;

#[cfg(test)]
mod tests;

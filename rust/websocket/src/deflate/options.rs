//! The compression options of an endpoint.

use super::{MAX_WINDOW_BITS, NAME, UNSUPPORTED_WINDOW_BITS};

/// The options of an endpoint for permessage-deflate, before the negotiation (RFC 7692 section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    /// Maximum LZ77 window of this endpoint's compressor, as a power of two: 9 to 15. A smaller one saves memory on
    /// both sides.
    pub window_bits: u8,
    /// Sent messages may refer to earlier ones: they become smaller, but each connection keeps a compressor.
    pub context_takeover: bool,
    /// Received messages may refer to earlier ones: each connection keeps an inflater.
    pub peer_context_takeover: bool,
    /// Messages shorter than this are sent uncompressed.
    pub threshold: usize,
    /// The compression level, from 1 (fastest) to 9 (smallest).
    pub level: u32,
}

impl Default for DeflateOptions {
    /// Context takeover both ways, the largest window, messages from 256 bytes, and level 2: measured on 1 KiB of JSON,
    /// the output of level 1 is a quarter larger, and level 6 takes twice the time for a ninth less.
    fn default() -> Self {
        Self {
            window_bits: MAX_WINDOW_BITS,
            context_takeover: true,
            peer_context_takeover: true,
            threshold: 256,
            level: 2,
        }
    }
}

impl DeflateOptions {
    /// Returns the maximum window, clamped to those that the library can compress with.
    pub(super) fn usable_window_bits(&self) -> u8 {
        self.window_bits.clamp(UNSUPPORTED_WINDOW_BITS + 1, MAX_WINDOW_BITS)
    }

    /// Returns the value of a client's `Sec-WebSocket-Extensions` (RFC 7692 section 7.1).
    pub(crate) fn offer_header(&self) -> String {
        let mut offer = format!("{NAME}; client_max_window_bits");
        if self.usable_window_bits() < MAX_WINDOW_BITS {
            offer.push('=');
            offer.push_str(&self.usable_window_bits().to_string());
        }
        if !self.context_takeover {
            offer.push_str("; client_no_context_takeover");
        }
        if !self.peer_context_takeover {
            offer.push_str("; server_no_context_takeover");
        }
        offer
    }
}

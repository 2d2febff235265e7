//! How one end would like to compress.

use super::{MAX_WINDOW_BITS, NAME, TOO_SMALL_WINDOW_BITS};

/// What one end of a connection asks of permessage-deflate, before it is negotiated (RFC 7692 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    /// The largest window to compress with, as a power of two: 9 to 15. A smaller one takes less memory at both ends.
    pub window_bits: u8,
    /// Whether messages sent may refer to earlier ones: they get smaller, but a compressor is kept for each connection.
    pub context_takeover: bool,
    /// Whether the peer's messages may refer to earlier ones, so that an inflater is kept for each connection.
    pub peer_context_takeover: bool,
    /// Messages of fewer bytes than this are sent as they are.
    pub threshold: usize,
    /// How hard to try, from 1 (fastest) to 9 (smallest).
    pub level: u32,
}

impl Default for DeflateOptions {
    /// Every context kept, the largest window, messages from 256 bytes, and level 2: measured on 1 KiB of JSON, level 1
    /// leaves a fourth more bytes, and level 6 takes twice the time for a ninth fewer.
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
    /// The largest window, as one that the library can compress with.
    pub(super) fn usable_window_bits(&self) -> u8 {
        self.window_bits.clamp(TOO_SMALL_WINDOW_BITS + 1, MAX_WINDOW_BITS)
    }

    /// The value of a client's `Sec-WebSocket-Extensions` (RFC 7692 §7.1).
    pub(crate) fn offer(&self) -> String {
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

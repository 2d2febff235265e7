//! What two ends agreed on.

use super::{DeflateOptions, NAME, TOO_SMALL_WINDOW_BITS};

/// permessage-deflate as it was agreed on in the opening handshake, seen from this end (RFC 7692 §7.1). It takes effect
/// with [`Connection::set_deflate`](crate::Connection::set_deflate).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// The window that we compress with: 9 to 15, or 8, which means that we send nothing compressed.
    pub(super) window_bits: u8,
    /// The window that the peer compresses with: 8 to 15.
    pub(super) peer_window_bits: u8,
    pub(super) context_takeover: bool,
    pub(super) peer_context_takeover: bool,
    /// Whether a server's answer must name the window, because the offer did (RFC 7692 §7.1.2.1).
    pub(super) answers_window_bits: bool,
    pub(super) threshold: usize,
    pub(super) level: u32,
}

impl Deflate {
    /// What `options` ask for, as if the peer had left everything open.
    pub(super) fn new(options: &DeflateOptions) -> Self {
        Self {
            window_bits: options.usable_window_bits(),
            peer_window_bits: super::MAX_WINDOW_BITS,
            context_takeover: options.context_takeover,
            peer_context_takeover: options.peer_context_takeover,
            answers_window_bits: false,
            threshold: options.threshold,
            level: options.level.min(9),
        }
    }

    /// The window that we compress with, as a power of two: 9 to 15, or 8, which means that we send nothing compressed.
    pub fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// The largest window that the peer compresses with, as a power of two: 8 to 15.
    pub fn peer_window_bits(&self) -> u8 {
        self.peer_window_bits
    }

    /// Whether what we send refers to earlier messages: a compressor is kept between them.
    pub fn context_takeover(&self) -> bool {
        self.context_takeover
    }

    /// Whether what the peer sends may refer to earlier messages: an inflater is kept between them.
    pub fn peer_context_takeover(&self) -> bool {
        self.peer_context_takeover
    }

    /// Whether a message of this length is worth compressing.
    pub(super) fn compresses(&self, len: usize) -> bool {
        len >= self.threshold.max(1) && self.window_bits > TOO_SMALL_WINDOW_BITS
    }

    /// The value of a server's `Sec-WebSocket-Extensions` that agrees to this (RFC 7692 §7.1).
    pub(crate) fn answer(&self) -> String {
        let mut answer = NAME.to_owned();
        if !self.context_takeover {
            answer.push_str("; server_no_context_takeover");
        }
        if !self.peer_context_takeover {
            answer.push_str("; client_no_context_takeover");
        }
        if self.answers_window_bits {
            answer.push_str("; server_max_window_bits=");
            answer.push_str(&self.window_bits.to_string());
        }
        answer
    }
}

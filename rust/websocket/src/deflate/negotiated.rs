//! The negotiated parameters of permessage-deflate.

use super::{DeflateOptions, NAME, UNSUPPORTED_WINDOW_BITS};

/// The parameters of permessage-deflate negotiated in the opening handshake, from the view of this endpoint
/// (RFC 7692 section 7.1). [`Connection::set_deflate`](crate::Connection::set_deflate) enables it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedDeflate {
    /// The LZ77 window of this endpoint's compressor: 9 to 15, or 8, with which no message is sent compressed.
    pub(super) window_bits: u8,
    /// The LZ77 window of the peer's compressor: 8 to 15.
    pub(super) peer_window_bits: u8,
    /// False if this endpoint compresses each message by itself: `server_no_context_takeover` for a server,
    /// `client_no_context_takeover` for a client (RFC 7692 section 7.1.1).
    pub(super) context_takeover: bool,
    /// False if the peer compresses each message by itself: the other one of these parameters.
    pub(super) peer_context_takeover: bool,
    /// A server's response must include `server_max_window_bits`, because the offer did (RFC 7692 section 7.1.2.1).
    pub(super) echo_window_bits: bool,
    pub(super) threshold: usize,
    pub(super) level: u32,
}

impl NegotiatedDeflate {
    /// Returns the parameters for `options`, with no restriction by the peer.
    pub(super) fn new(options: &DeflateOptions) -> Self {
        Self {
            window_bits: options.usable_window_bits(),
            peer_window_bits: super::MAX_WINDOW_BITS,
            context_takeover: options.context_takeover,
            peer_context_takeover: options.peer_context_takeover,
            echo_window_bits: false,
            threshold: options.threshold,
            level: options.level.min(9),
        }
    }

    /// Returns the LZ77 window of this endpoint's compressor, as a power of two: 9 to 15, or 8, with which no message
    /// is sent compressed.
    pub fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// Returns the maximum LZ77 window of the peer's compressor, as a power of two: 8 to 15.
    pub fn peer_window_bits(&self) -> u8 {
        self.peer_window_bits
    }

    /// Returns true if sent messages may refer to earlier ones: a compressor is kept between them.
    pub fn context_takeover(&self) -> bool {
        self.context_takeover
    }

    /// Returns true if received messages may refer to earlier ones: an inflater is kept between them.
    pub fn peer_context_takeover(&self) -> bool {
        self.peer_context_takeover
    }

    /// Returns true if a message of this length is compressed.
    pub(super) fn compresses(&self, len: usize) -> bool {
        len >= self.threshold.max(1) && self.window_bits > UNSUPPORTED_WINDOW_BITS
    }

    /// Returns the value of a server's `Sec-WebSocket-Extensions` (RFC 7692 section 7.1).
    pub(crate) fn response_header(&self) -> String {
        let mut header = NAME.to_owned();
        if !self.context_takeover {
            header.push_str("; server_no_context_takeover");
        }
        if !self.peer_context_takeover {
            header.push_str("; client_no_context_takeover");
        }
        if self.echo_window_bits {
            header.push_str("; server_max_window_bits=");
            header.push_str(&self.window_bits.to_string());
        }
        header
    }
}

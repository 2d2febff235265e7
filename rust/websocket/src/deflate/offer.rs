//! The server's part of the negotiation (RFC 7692 §5, §7.1): which offer to take, and what of it.

use super::parameter::{ClientWindow, Parameters};
use super::{Deflate, DeflateOptions, NAME, TOO_SMALL_WINDOW_BITS};
use crate::handshake::Extension;

/// The first offer that can be accepted, if any.
pub(crate) fn negotiate(offers: &[Extension<'_>], options: &DeflateOptions) -> Option<Deflate> {
    offers
        .iter()
        .filter(|offer| offer.name.eq_ignore_ascii_case(NAME))
        .filter_map(Parameters::read)
        .find_map(|offer| accept(&offer, options))
}

fn accept(offer: &Parameters, options: &DeflateOptions) -> Option<Deflate> {
    let mut agreed = Deflate::new(options);
    if let Some(bits) = offer.server_max_window_bits {
        if bits <= TOO_SMALL_WINDOW_BITS {
            return None;
        }
        agreed.window_bits = agreed.window_bits.min(bits);
        agreed.answers_window_bits = true;
    }
    // Without an answer to it, the client keeps to the window it named all the same (RFC 7692 §7.1.2.2).
    if let ClientWindow::Bits(bits) = offer.client_max_window_bits {
        agreed.peer_window_bits = bits;
    }
    agreed.context_takeover &= !offer.server_no_context_takeover;
    agreed.peer_context_takeover &= !offer.client_no_context_takeover;
    Some(agreed)
}

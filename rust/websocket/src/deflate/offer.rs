//! The server side of the negotiation (RFC 7692 sections 5 and 7.1): selects an offer and its parameters.

use super::parameter::{ClientWindow, Parameters};
use super::{DeflateOptions, NAME, NegotiatedDeflate, UNSUPPORTED_WINDOW_BITS};
use crate::handshake::Extension;

/// Accepts the first acceptable offer, if any.
pub(crate) fn negotiate(
    offers: &[Extension<'_>],
    options: &DeflateOptions,
) -> Option<NegotiatedDeflate> {
    offers
        .iter()
        .filter(|offer| offer.name.eq_ignore_ascii_case(NAME))
        .filter_map(Parameters::parse)
        .find_map(|offer| accept(&offer, options))
}

fn accept(offer: &Parameters, options: &DeflateOptions) -> Option<NegotiatedDeflate> {
    let mut negotiated = NegotiatedDeflate::new(options);
    if let Some(bits) = offer.server_max_window_bits {
        if bits <= UNSUPPORTED_WINDOW_BITS {
            return None;
        }
        negotiated.window_bits = negotiated.window_bits.min(bits);
        negotiated.echo_window_bits = true;
    }
    // The client keeps to its own limit even if the response does not include it (RFC 7692 section 7.1.2.2).
    if let ClientWindow::Bits(bits) = offer.client_max_window_bits {
        negotiated.peer_window_bits = bits;
    }
    // The offer requires the first of the server (RFC 7692 section 7.1.1.1), and announces the second of the client
    // (RFC 7692 section 7.1.1.2).
    negotiated.context_takeover &= !offer.server_no_context_takeover;
    negotiated.peer_context_takeover &= !offer.client_no_context_takeover;
    Some(negotiated)
}

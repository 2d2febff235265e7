//! The client side of the negotiation (RFC 7692 section 7.1): checks the server's response against the offer.

use super::parameter::{ClientWindow, Parameters};
use super::{DeflateOptions, NAME, NegotiatedDeflate};
use crate::handshake::Extension;

/// Returns the negotiated parameters after an offer of `options`, or `None` if the response is invalid: then the
/// connection must fail (RFC 7692 section 5.1).
pub(crate) fn accept_response(
    response: &Extension<'_>,
    options: &DeflateOptions,
) -> Option<NegotiatedDeflate> {
    if !response.name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let parameters = Parameters::parse(response)?;
    let mut negotiated = NegotiatedDeflate::new(options);
    negotiated.peer_window_bits =
        parameters.server_max_window_bits.unwrap_or(super::MAX_WINDOW_BITS);
    match parameters.client_max_window_bits {
        ClientWindow::Absent => {}
        // In a response it must have a value (RFC 7692 section 7.1.2.2).
        ClientWindow::Any => return None,
        // With 8, no message is sent compressed.
        ClientWindow::Bits(bits) => negotiated.window_bits = negotiated.window_bits.min(bits),
    }
    // A server that accepts an offer with this parameter must include it (RFC 7692 section 7.1.1.1).
    if !options.peer_context_takeover && !parameters.server_no_context_takeover {
        return None;
    }
    negotiated.peer_context_takeover = !parameters.server_no_context_takeover;
    negotiated.context_takeover &= !parameters.client_no_context_takeover;
    Some(negotiated)
}

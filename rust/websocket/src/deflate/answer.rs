//! The client's part of the negotiation (RFC 7692 §7.1): whether the server's answer fits the offer.

use super::parameter::{ClientWindow, Parameters};
use super::{Deflate, DeflateOptions, NAME};
use crate::handshake::Extension;

/// What was agreed on with a server that answered an offer of `options`, or `None` if the answer breaks a rule: then the
/// connection must fail (RFC 7692 §5.1).
pub(crate) fn accept_answer(answer: &Extension<'_>, options: &DeflateOptions) -> Option<Deflate> {
    if !answer.name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let parameters = Parameters::read(answer)?;
    let mut agreed = Deflate::new(options);
    agreed.peer_window_bits = parameters.server_max_window_bits.unwrap_or(super::MAX_WINDOW_BITS);
    match parameters.client_max_window_bits {
        ClientWindow::Absent => {}
        // In an answer it needs a value (RFC 7692 §7.1.2.2).
        ClientWindow::Any => return None,
        // With 8, nothing is sent compressed.
        ClientWindow::Bits(bits) => agreed.window_bits = agreed.window_bits.min(bits),
    }
    // A server that accepts an offer with it must say so (RFC 7692 §7.1.1.1).
    if !options.peer_context_takeover && !parameters.server_no_context_takeover {
        return None;
    }
    agreed.peer_context_takeover = !parameters.server_no_context_takeover;
    agreed.context_takeover &= !parameters.client_no_context_takeover;
    Some(agreed)
}

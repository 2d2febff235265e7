//! The four parameters of the extension (RFC 7692 section 7.1).

use crate::handshake::Extension;

/// The parameters of an offer or a response.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    pub(super) client_max_window_bits: ClientWindow,
}

/// `client_max_window_bits`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum ClientWindow {
    /// The parameter is absent.
    #[default]
    Absent,
    /// The parameter has no value: the client supports it (RFC 7692 section 7.1.2.2).
    Any,
    /// The parameter has a value.
    Bits(u8),
}

impl Parameters {
    /// Parses the parameters; returns `None` if one is unknown or repeated, or has an invalid value
    /// (RFC 7692 section 7).
    pub(super) fn parse(extension: &Extension<'_>) -> Option<Self> {
        let mut all = Self::default();
        for (name, value) in &extension.parameters {
            let is_new = match (*name, value.as_deref()) {
                ("server_no_context_takeover", None) => {
                    !std::mem::replace(&mut all.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !std::mem::replace(&mut all.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(bits)) => {
                    all.server_max_window_bits.replace(window_bits(bits)?).is_none()
                }
                ("client_max_window_bits", bits) => {
                    let window = match bits {
                        None => ClientWindow::Any,
                        Some(bits) => ClientWindow::Bits(window_bits(bits)?),
                    };
                    let earlier = std::mem::replace(&mut all.client_max_window_bits, window);
                    earlier == ClientWindow::Absent
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(all)
    }
}

/// Parses a decimal from 8 to 15 without leading zeros (RFC 7692 section 7.1.2).
fn window_bits(text: &str) -> Option<u8> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|bits| plain && (8..=15).contains(bits))
}

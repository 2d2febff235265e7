//! The client's end of the opening handshake (§4.1), as the answer arrives.

use super::accept::accept_value;
use super::error::excerpt;
use super::section::Section;
use super::{ClientRequest, HandshakeError, InvalidRequest, Response};
use crate::DeflateOptions;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Waits for the answer to an opening request, however it is cut.
#[derive(Debug)]
pub struct ClientHandshake {
    section: Section,
    expected: Expected,
    refused: Option<Refused>,
}

/// What the answer must fit.
#[derive(Debug)]
pub(super) struct Expected {
    /// The value of `Sec-WebSocket-Accept`.
    pub(super) accept: String,
    /// The sub-protocols that were offered.
    pub(super) protocols: Vec<String>,
    /// What was offered of permessage-deflate.
    pub(super) deflate: Option<DeflateOptions>,
}

impl ClientHandshake {
    /// Appends the request to `out`. `nonce` must be fresh and random (§4.1).
    ///
    /// # Errors
    /// Why the request cannot be sent; then nothing is appended.
    pub fn new(
        request: ClientRequest,
        nonce: [u8; 16],
        out: &mut Vec<u8>,
    ) -> Result<Self, InvalidRequest> {
        request.check()?;
        let key = STANDARD.encode(nonce);
        request.encode(&key, out);
        let ClientRequest { protocols, deflate, .. } = request;
        let expected = Expected { accept: accept_value(&key), protocols, deflate };
        Ok(Self { section: Section::default(), expected, refused: None })
    }

    /// Receives from the front of `input`: how many of its bytes were used, and the answer once it is whole. What
    /// follows it belongs to the [`Connection`](crate::Connection).
    ///
    /// # Errors
    /// Why the connection must be dropped. The handshake can then receive nothing more.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Response>), HandshakeError> {
        if let Some(refused) = &mut self.refused {
            refused.receive(input)?;
            return Ok((input.len(), None));
        }
        let is_tls = self.section.is_empty() && matches!(input.first(), Some(20..=23));
        let (used, section) =
            self.section.receive(input, |byte| byte == b'H').map_err(|error| {
                // The record of an alert, or another one.
                if is_tls { HandshakeError::Tls } else { error.into() }
            })?;
        match section.map(|section| Response::parse(section, &self.expected)).transpose() {
            Err(HandshakeError::Refused { status, reason, text_len }) => {
                let mut refused = Refused { status, reason, text_len, text: Vec::new() };
                refused.receive(input.get(used..).unwrap_or_default())?;
                self.refused = Some(refused);
                Ok((input.len(), None))
            }
            response => Ok((used, response?)),
        }
    }

    /// The connection has ended, or took too long, before the handshake was over: the refusal whose text has not come
    /// whole, if the server has refused.
    pub fn end(&mut self) -> Option<HandshakeError> {
        self.refused.take().map(|refused| refused.error())
    }
}

/// A refusal whose text is on its way.
#[derive(Debug)]
struct Refused {
    status: u16,
    reason: String,
    text_len: usize,
    text: Vec<u8>,
}

impl Refused {
    /// Receives some of the text, and is an error once it is whole.
    fn receive(&mut self, input: &[u8]) -> Result<(), HandshakeError> {
        let missing = self.text_len.saturating_sub(self.text.len());
        self.text.extend_from_slice(&input[..missing.min(input.len())]);
        if self.text.len() < self.text_len { Ok(()) } else { Err(self.error()) }
    }

    /// The text's first line says more than the phrase after the status.
    fn error(&self) -> HandshakeError {
        let line = self.text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = excerpt(&String::from_utf8_lossy(line));
        let reason = if line.is_empty() { self.reason.clone() } else { line };
        HandshakeError::Refused { status: self.status, reason, text_len: self.text_len }
    }
}

#[cfg(test)]
mod tests;

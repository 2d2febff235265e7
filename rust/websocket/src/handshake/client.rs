//! The client side of the opening handshake (RFC 6455 section 4.1).

use super::accept::accept_value;
use super::error::excerpt;
use super::header_reader::HeaderReader;
use super::{ClientRequest, HandshakeError, InvalidRequest, Response};
use crate::DeflateOptions;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Sends an opening request and parses the response incrementally.
#[derive(Debug)]
pub struct ClientHandshake {
    reader: HeaderReader,
    expected: Expected,
    rejection: Option<PartialRejection>,
}

/// The values that the response must match.
#[derive(Debug)]
pub(super) struct Expected {
    /// The expected `Sec-WebSocket-Accept`.
    pub(super) accept: String,
    /// The offered sub-protocols.
    pub(super) protocols: Vec<String>,
    /// The offered permessage-deflate options.
    pub(super) deflate: Option<DeflateOptions>,
}

impl ClientHandshake {
    /// Appends the request to `out`. `nonce` must be fresh and random (RFC 6455 section 4.1).
    ///
    /// # Errors
    /// The request is invalid; nothing is appended.
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
        Ok(Self { reader: HeaderReader::default(), expected, rejection: None })
    }

    /// Parses bytes from the start of `input`. Returns the number of bytes consumed, and the response once it is
    /// complete. The bytes after it belong to the [`Connection`](crate::Connection).
    ///
    /// # Errors
    /// The handshake has failed, and the connection must be dropped. The handshake cannot receive anything after that.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Response>), HandshakeError> {
        if let Some(rejection) = &mut self.rejection {
            rejection.receive(input)?;
            return Ok((input.len(), None));
        }
        let is_tls = self.reader.is_empty() && matches!(input.first(), Some(20..=23));
        let (used, section) = self.reader.receive(input, |byte| byte == b'H').map_err(|error| {
            // A TLS record, such as an alert.
            if is_tls { HandshakeError::Tls } else { error.into() }
        })?;
        match section.map(|section| Response::parse(section, &self.expected)).transpose() {
            Err(HandshakeError::Rejected { status, reason, text_len }) => {
                let mut rejection = PartialRejection { status, reason, text_len, text: Vec::new() };
                rejection.receive(input.get(used..).unwrap_or_default())?;
                self.rejection = Some(rejection);
                Ok((input.len(), None))
            }
            response => Ok((used, response?)),
        }
    }

    /// Handles the end of the connection, or a timeout, before the handshake has completed. Returns the rejection if
    /// the server has sent one, even if its text is incomplete.
    pub fn handle_end(&mut self) -> Option<HandshakeError> {
        self.rejection.take().map(|rejection| rejection.error())
    }
}

/// A rejection whose text is being received.
#[derive(Debug)]
struct PartialRejection {
    status: u16,
    reason: String,
    text_len: usize,
    text: Vec<u8>,
}

impl PartialRejection {
    /// Receives bytes of the text. Returns the error once it is complete.
    fn receive(&mut self, input: &[u8]) -> Result<(), HandshakeError> {
        let missing = self.text_len.saturating_sub(self.text.len());
        self.text.extend_from_slice(&input[..missing.min(input.len())]);
        if self.text.len() < self.text_len { Ok(()) } else { Err(self.error()) }
    }

    /// Returns the error, with the first line of the text, or else the reason phrase, as its reason.
    fn error(&self) -> HandshakeError {
        let line = self.text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = excerpt(&String::from_utf8_lossy(line));
        let reason = if line.is_empty() { self.reason.clone() } else { line };
        HandshakeError::Rejected { status: self.status, reason, text_len: self.text_len }
    }
}

#[cfg(test)]
mod tests;

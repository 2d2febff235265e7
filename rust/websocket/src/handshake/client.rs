//! The client's end of the opening handshake (§4.1), as the answer arrives.

use super::accept::accept_value;
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
        Ok(Self { section: Section::default(), expected })
    }

    /// Receives from the front of `input`: how many of its bytes were used, and the answer once it is whole. What
    /// follows it belongs to the [`Connection`](crate::Connection).
    ///
    /// # Errors
    /// Why the connection must be dropped. The handshake can then receive nothing more.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Response>), HandshakeError> {
        let (used, section) = self.section.receive(input, |byte| byte == b'H')?;
        let response = section.map(|section| Response::parse(section, &self.expected));
        Ok((used, response.transpose()?))
    }
}

#[cfg(test)]
mod tests;

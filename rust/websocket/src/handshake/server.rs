//! The server's end of the opening handshake (§4.2), as the request arrives.

use super::{MAX_HEADER_SECTION, Refusal, Request, Status};

/// Gathers a client's opening request, however it is cut.
#[derive(Debug, Default)]
pub struct ServerHandshake {
    /// The header section so far, at most [`MAX_HEADER_SECTION`] bytes.
    section: Vec<u8>,
}

impl ServerHandshake {
    /// A handshake of which nothing has come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Receives from the front of `input`: how many of its bytes were used, and the request once it is whole. What
    /// follows it belongs to the [`Connection`](crate::Connection).
    ///
    /// # Errors
    /// How to refuse the request. The handshake can then receive nothing more.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Request>), Refusal> {
        for (at, &byte) in input.iter().enumerate() {
            self.check_byte(byte)?;
            self.section.push(byte);
            if self.section.ends_with(b"\r\n\r\n") {
                let section = std::mem::take(&mut self.section);
                return Ok((at + 1, Some(Request::parse(&section)?)));
            }
            if self.section.len() >= MAX_HEADER_SECTION {
                let why = "the request's headers are too long";
                return Err(Refusal::new(Status::HeaderFieldsTooLarge, why));
            }
        }
        Ok((input.len(), None))
    }

    /// Refuses what can be told before the section is whole: a line end that is not CR LF (two readers could disagree
    /// on where such a line ends), a control byte, and a start that is no HTTP method.
    fn check_byte(&self, byte: u8) -> Result<(), Refusal> {
        let last = self.section.last();
        if (byte == b'\n') != (last == Some(&b'\r')) {
            return Err(Refusal::bad_request("a line does not end with CR LF"));
        }
        if byte == 0 || (last.is_none() && !byte.is_ascii_uppercase()) {
            return Err(Refusal::bad_request("the request is not HTTP"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

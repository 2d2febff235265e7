//! The server's end of the opening handshake (§4.2), as the request arrives.

use super::section::{Section, SectionError};
use super::{Refusal, Request, Status};

/// Gathers a client's opening request, however it is cut.
#[derive(Debug, Default)]
pub struct ServerHandshake {
    section: Section,
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
        // Every method of HTTP is in capitals.
        let (used, section) = self.section.receive(input, |byte| byte.is_ascii_uppercase())?;
        Ok((used, section.map(Request::parse).transpose()?))
    }
}

impl From<SectionError> for Refusal {
    fn from(error: SectionError) -> Self {
        match error {
            SectionError::LineEnd => Self::bad_request("a line does not end with CR LF"),
            SectionError::NotHttp => Self::bad_request("the request is not HTTP"),
            SectionError::TooLong => {
                let why = "the request's headers are too long";
                Self::new(Status::HeaderFieldsTooLarge, why)
            }
            SectionError::NotUtf8 => Self::bad_request("a header is not UTF-8"),
        }
    }
}

#[cfg(test)]
mod tests;

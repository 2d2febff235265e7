//! The server's end of the opening handshake (§4.2), as the request arrives.

use super::section::{Section, SectionError};
use super::{HealthRequest, Refusal, Request, Status};
use std::sync::Arc;

/// Gathers a client's opening request, however it is cut.
#[derive(Debug, Default)]
pub struct ServerHandshake {
    section: Section,
    health_path: Option<Arc<str>>,
}

/// What a whole request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A WebSocket.
    Upgrade(Request),
    /// Whether the server is well.
    Health(HealthRequest),
}

impl Asked {
    /// The request for a WebSocket, if it is one.
    pub fn upgrade(self) -> Option<Request> {
        match self {
            Self::Upgrade(request) => Some(request),
            Self::Health(_) => None,
        }
    }
}

impl ServerHandshake {
    /// A handshake of which nothing has come.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, on a server that tells of its health at `path`, if there is one.
    pub fn with_health(path: Option<Arc<str>>) -> Self {
        Self { health_path: path, ..Self::default() }
    }

    /// Receives from the front of `input`: how many of its bytes were used, and what is asked for once the request is
    /// whole. What follows it belongs to the [`Connection`](crate::Connection).
    ///
    /// # Errors
    /// How to refuse the request. The handshake can then receive nothing more.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<Asked>), Refusal> {
        // Every method of HTTP is in capitals.
        let (used, section) = self.section.receive(input, |byte| byte.is_ascii_uppercase())?;
        let Some(section) = section else {
            return Ok((used, None));
        };
        let health_path = self.health_path.as_deref();
        if let Some(health) = health_path.and_then(|path| HealthRequest::parse(&section, path)) {
            return Ok((used, Some(Asked::Health(health))));
        }
        Ok((used, Some(Asked::Upgrade(Request::parse(section)?))))
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

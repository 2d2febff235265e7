//! The server side of the opening handshake (RFC 6455 section 4.2).

use super::header_reader::{HeaderReadError, HeaderReader};
use super::{HandshakeRejection, HealthCheck, Request, StatusCode};
use std::sync::Arc;

/// Parses a client's request incrementally.
#[derive(Debug, Default)]
pub struct ServerHandshake {
    reader: HeaderReader,
    health_path: Option<Arc<str>>,
}

/// A complete request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncomingRequest {
    /// An opening request for a WebSocket.
    Upgrade(Request),
    /// A health check of a load balancer.
    HealthCheck(HealthCheck),
}

impl IncomingRequest {
    /// Returns the opening request for a WebSocket, if it is one.
    pub fn upgrade(self) -> Option<Request> {
        match self {
            Self::Upgrade(request) => Some(request),
            Self::HealthCheck(_) => None,
        }
    }
}

impl ServerHandshake {
    /// Creates a handshake.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a handshake on a server that answers health checks at `path`, if given.
    pub fn with_health_path(path: Option<Arc<str>>) -> Self {
        Self { health_path: path, ..Self::default() }
    }

    /// Parses bytes from the start of `input`. Returns the number of bytes consumed, and the request once it is
    /// complete. The bytes after it belong to the [`Connection`](crate::Connection).
    ///
    /// # Errors
    /// The response that rejects the request. The handshake cannot receive anything after that.
    pub fn receive(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, Option<IncomingRequest>), HandshakeRejection> {
        // All HTTP methods are uppercase.
        let (used, section) = self.reader.receive(input, |byte| byte.is_ascii_uppercase())?;
        let Some(section) = section else {
            return Ok((used, None));
        };
        let health_path = self.health_path.as_deref();
        if let Some(health) = health_path.and_then(|path| HealthCheck::parse(&section, path)) {
            return Ok((used, Some(IncomingRequest::HealthCheck(health))));
        }
        Ok((used, Some(IncomingRequest::Upgrade(Request::parse(section)?))))
    }
}

impl From<HeaderReadError> for HandshakeRejection {
    fn from(error: HeaderReadError) -> Self {
        match error {
            HeaderReadError::LineEnd => Self::bad_request("a line does not end with CR LF"),
            HeaderReadError::NotHttp => Self::bad_request("the request is not HTTP"),
            HeaderReadError::TooLong => {
                let reason = "the header section is too long";
                Self::new(StatusCode::HeaderFieldsTooLarge, reason)
            }
            HeaderReadError::NotUtf8 => Self::bad_request("a header is not UTF-8"),
        }
    }
}

#[cfg(test)]
mod tests;

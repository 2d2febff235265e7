//! The HTTP response that rejects an opening request.

use std::borrow::Cow;

/// The HTTP status (RFC 9110 section 15) of a response that rejects a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusCode {
    /// 400: the request is invalid.
    BadRequest,
    /// 403: the server does not accept this client.
    Forbidden,
    /// 405: the method is not GET.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 426: the request has no upgrade to WebSocket, or a version other than 13 (RFC 6455 section 4.4).
    UpgradeRequired,
    /// 431: the header section is too long or has too many headers (RFC 6585 section 5).
    HeaderFieldsTooLarge,
    /// 503: the server accepts no new connections for now.
    ServiceUnavailable,
    /// 505: the request is not HTTP/1.1.
    VersionNotSupported,
    /// Another status code, from 400 to 599.
    Other(u16),
}

impl StatusCode {
    /// Returns the status code, the reason phrase and the headers that belong to them.
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request", ""),
            Self::Forbidden => (403, "Forbidden", ""),
            Self::MethodNotAllowed => (405, "Method Not Allowed", "Allow: GET\r\n"),
            Self::RequestTimeout => (408, "Request Timeout", ""),
            Self::UpgradeRequired => {
                (426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
            }
            Self::HeaderFieldsTooLarge => (431, "Request Header Fields Too Large", ""),
            Self::ServiceUnavailable => (503, "Service Unavailable", ""),
            Self::VersionNotSupported => (505, "HTTP Version Not Supported", ""),
            // The reason phrase may be empty (RFC 9112 section 4).
            Self::Other(code) => (code.clamp(400, 599), "", ""),
        }
    }

    /// Returns the status code.
    pub fn code(self) -> u16 {
        self.parts().0
    }
}

/// The rejection of an opening request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeRejection {
    /// The status of the response.
    pub status: StatusCode,
    /// The reason, in one line of text for the client's developer.
    pub reason: Cow<'static, str>,
}

impl HandshakeRejection {
    /// Creates a rejection.
    pub fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into() }
    }

    pub(crate) fn bad_request(reason: &'static str) -> Self {
        Self::new(StatusCode::BadRequest, reason)
    }

    /// Appends the HTTP response to `out`, with the reason as its body. The connection must be closed after it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (code, phrase, headers) = self.status.parts();
        let length = self.reason.len() + 1;
        let response = format!(
            "HTTP/1.1 {code} {phrase}\r\nConnection: {}close\r\n{headers}Content-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{}\n",
            // A sender of Upgrade must list it in Connection (RFC 9110 section 7.8).
            if self.status == StatusCode::UpgradeRequired { "upgrade, " } else { "" },
            self.reason
        );
        out.extend_from_slice(response.as_bytes());
    }
}

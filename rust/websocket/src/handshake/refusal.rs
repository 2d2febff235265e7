//! How a request is refused: an HTTP answer that says why.

use std::borrow::Cow;

/// A status of HTTP (RFC 9110 §15) with which this crate, or its caller, refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 400: the request breaks a rule.
    BadRequest,
    /// 403: the server does not want this client.
    Forbidden,
    /// 405: the method is not GET.
    MethodNotAllowed,
    /// 408: the request did not come in time.
    RequestTimeout,
    /// 426: the request asks for no WebSocket, or for another version than 13 (§4.4).
    UpgradeRequired,
    /// 431: the header section is too long, or has too many lines (RFC 6585 §5).
    HeaderFieldsTooLarge,
    /// 503: the server takes no new connections for now.
    ServiceUnavailable,
    /// 505: the request is not HTTP/1.1.
    VersionNotSupported,
    /// Another one, from 400 to 599.
    Other(u16),
}

impl Status {
    /// The status line's code and phrase, and the header lines that belong to it.
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
            // The phrase may be empty (RFC 9112 §4).
            Self::Other(code) => (code.clamp(400, 599), "", ""),
        }
    }

    /// The three digits of the status.
    pub fn code(self) -> u16 {
        self.parts().0
    }
}

/// A request that is not accepted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the answer.
    pub status: Status,
    /// One line for the person at the other end.
    pub why: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with `status`, because of `why`.
    pub fn new(status: Status, why: impl Into<Cow<'static, str>>) -> Self {
        Self { status, why: why.into() }
    }

    pub(crate) fn bad_request(why: &'static str) -> Self {
        Self::new(Status::BadRequest, why)
    }

    /// Appends the HTTP answer to `out`: status, length, and the reason as its body. The connection ends after it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (code, phrase, headers) = self.status.parts();
        let length = self.why.len() + 1;
        let answer = format!(
            "HTTP/1.1 {code} {phrase}\r\nConnection: {}close\r\n{headers}Content-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{}\n",
            // RFC 9110 §7.8: who sends Upgrade must list it in Connection.
            if self.status == Status::UpgradeRequired { "upgrade, " } else { "" },
            self.why
        );
        out.extend_from_slice(answer.as_bytes());
    }
}

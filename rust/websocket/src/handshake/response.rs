//! The response of a server (RFC 6455 section 4.1).

use super::client::Expected;
use super::error::excerpt;
use super::{Extension, HandshakeError, Headers, MAX_HEADERS};
use crate::deflate::{NegotiatedDeflate, accept_response};

/// A valid response that opens the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The sub-protocol that the server chose, if any. The caller decides whether `None` is acceptable if some were
    /// offered (RFC 6455 section 4.1).
    pub protocol: Option<String>,
    /// The negotiated permessage-deflate, if any: pass it to
    /// [`Connection::set_deflate`](crate::Connection::set_deflate).
    pub deflate: Option<NegotiatedDeflate>,
    /// All headers.
    pub headers: Headers,
}

/// Maximum length of the body of a rejection that is read, in bytes.
const MAX_REJECTION_TEXT: usize = 4096;

/// Returns the length of the body of a rejection; 0 if it is not read.
fn text_len(lines: &[httparse::Header<'_>]) -> usize {
    let value = |name: &str| {
        let line = lines.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(line.value).ok()
    };
    let length = value("Content-Length").and_then(|length| length.parse().ok());
    let is_text = value("Content-Type").is_some_and(|kind| kind.starts_with("text/plain"));
    length.filter(|length| is_text && *length <= MAX_REJECTION_TEXT).unwrap_or(0)
}

impl Response {
    /// Parses a complete header section, whose lines end with CR LF.
    pub(super) fn parse(section: Box<str>, expected: &Expected) -> Result<Self, HandshakeError> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut lines);
        match response.parse(section.as_bytes()) {
            Ok(httparse::Status::Complete(len)) if len == section.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(HandshakeError::TooLong),
            _ => return Err(HandshakeError::NotHttp),
        }
        let status = response.code.unwrap_or_default();
        if status != 101 {
            let reason = excerpt(response.reason.unwrap_or_default());
            return Err(HandshakeError::Rejected { status, reason, text_len: text_len(&lines) });
        }
        if response.version != Some(1) {
            return Err(HandshakeError::NotHttp);
        }
        Self::check(Headers::new(section), expected)
    }

    /// Checks the rules of RFC 6455 section 4.1, in the order given there.
    fn check(headers: Headers, expected: &Expected) -> Result<Self, HandshakeError> {
        let single = |name| headers.single(name, HandshakeError::Repeated(name));
        if !single("Upgrade")?.is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
            return Err(HandshakeError::Upgrade);
        }
        if !headers.has_token("Connection", "Upgrade") {
            return Err(HandshakeError::Connection);
        }
        if single("Sec-WebSocket-Accept")? != Some(&expected.accept) {
            return Err(HandshakeError::Accept);
        }
        let extensions = Extension::list(headers.get_all("Sec-WebSocket-Extensions"))
            .ok_or(HandshakeError::ExtensionSyntax)?;
        let mut deflate = None;
        for extension in &extensions {
            // Only permessage-deflate is offered, once.
            let negotiated = expected.deflate.as_ref().filter(|_| deflate.is_none());
            let negotiated = negotiated.and_then(|options| accept_response(extension, options));
            deflate = Some(negotiated.ok_or(HandshakeError::Extension(excerpt(extension.name)))?);
        }
        let protocol = single("Sec-WebSocket-Protocol")?.map(str::to_owned);
        if let Some(name) = &protocol
            && !expected.protocols.contains(name)
        {
            return Err(HandshakeError::Protocol(excerpt(name)));
        }
        drop(extensions);
        Ok(Self { protocol, deflate, headers })
    }
}

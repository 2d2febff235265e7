//! A server's answer (§4.1).

use super::client::Expected;
use super::error::excerpt;
use super::{Extension, HandshakeError, Headers, MAX_HEADERS};
use crate::deflate::{Deflate, accept_answer};

/// An answer that opens the connection, and fits the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The sub-protocol that the server chose. `None` if it chose none, though some were offered: whether that will do is
    /// for the caller to say (§4.1).
    pub protocol: Option<String>,
    /// permessage-deflate, if it was agreed on: for [`Connection::set_deflate`](crate::Connection::set_deflate).
    pub deflate: Option<Deflate>,
    /// All header lines.
    pub headers: Headers,
}

/// The longest text of a refusal that is waited for, in bytes.
const MAX_TEXT: usize = 4096;

/// How long the text is that comes with a refusal; 0 if none comes that would be read.
fn text_len(lines: &[httparse::Header<'_>]) -> usize {
    let value = |name: &str| {
        let line = lines.iter().find(|line| line.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(line.value).ok()
    };
    let length = value("Content-Length").and_then(|length| length.parse().ok());
    let is_text = value("Content-Type").is_some_and(|kind| kind.starts_with("text/plain"));
    length.filter(|length| is_text && *length <= MAX_TEXT).unwrap_or(0)
}

impl Response {
    /// Reads a header section that ends with its empty line, and whose lines end with CR LF.
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
            return Err(HandshakeError::Refused { status, reason, text_len: text_len(&lines) });
        }
        if response.version != Some(1) {
            return Err(HandshakeError::NotHttp);
        }
        Self::check(Headers::new(section), expected)
    }

    /// The rules of §4.1, in its order.
    fn check(headers: Headers, expected: &Expected) -> Result<Self, HandshakeError> {
        let only = |name| headers.only(name, HandshakeError::Repeated(name));
        if !only("Upgrade")?.is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
            return Err(HandshakeError::Upgrade);
        }
        if !headers.has_token("Connection", "Upgrade") {
            return Err(HandshakeError::Connection);
        }
        if only("Sec-WebSocket-Accept")? != Some(&expected.accept) {
            return Err(HandshakeError::Accept);
        }
        let extensions = Extension::list(headers.all("Sec-WebSocket-Extensions"))
            .ok_or(HandshakeError::ExtensionSyntax)?;
        let mut deflate = None;
        for extension in &extensions {
            // The one that can be offered, once.
            let agreed = expected.deflate.as_ref().filter(|_| deflate.is_none());
            let agreed = agreed.and_then(|options| accept_answer(extension, options));
            deflate = Some(agreed.ok_or(HandshakeError::Extension(excerpt(extension.name)))?);
        }
        let protocol = only("Sec-WebSocket-Protocol")?.map(str::to_owned);
        if let Some(name) = &protocol
            && !expected.protocols.contains(name)
        {
            return Err(HandshakeError::Protocol(excerpt(name)));
        }
        drop(extensions);
        Ok(Self { protocol, deflate, headers })
    }
}

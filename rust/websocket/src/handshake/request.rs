//! A client's opening request (RFC 6455 section 4.2.1).

use super::accept::{accept_value, is_key};
use super::syntax::{is_handshake_header, is_token, is_valid_header, list, push_line};
use super::{Extension, HandshakeRejection, Headers, MAX_HEADERS, StatusCode};
use crate::deflate::{self, DeflateOptions, NegotiatedDeflate};

/// A valid opening request (RFC 6455 section 4.2.1), to be answered with [`accept`](Self::accept) or a
/// [`HandshakeRejection`].
///
/// Only the text of the request is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    headers: Headers,
}

impl Request {
    /// Parses a complete header section, whose lines end with CR LF.
    pub(crate) fn parse(section: Box<str>) -> Result<Self, HandshakeRejection> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(section.as_bytes()) {
            Ok(httparse::Status::Complete(len)) if len == section.len() => {}
            Ok(_) => return Err(HandshakeRejection::bad_request("incomplete request")),
            Err(httparse::Error::TooManyHeaders) => {
                let reason = "too many headers";
                return Err(HandshakeRejection::new(StatusCode::HeaderFieldsTooLarge, reason));
            }
            Err(httparse::Error::Version) => {
                let reason = "the request is not HTTP/1.1";
                return Err(HandshakeRejection::new(StatusCode::VersionNotSupported, reason));
            }
            Err(_) => return Err(HandshakeRejection::bad_request("the request is not HTTP")),
        }
        if request.method != Some("GET") {
            let reason = "the method of an opening request must be GET";
            return Err(HandshakeRejection::new(StatusCode::MethodNotAllowed, reason));
        }
        if request.version != Some(1) {
            let reason = "the request is not HTTP/1.1";
            return Err(HandshakeRejection::new(StatusCode::VersionNotSupported, reason));
        }
        let target = request.path.unwrap_or_default();
        let is_url = target.split_once("://").is_some_and(|(scheme, _)| is_token(scheme));
        if !(target.starts_with('/') || is_url) {
            return Err(HandshakeRejection::bad_request(
                "the request target is neither a path nor a URL",
            ));
        }
        let request = Self { headers: Headers::new(section) };
        request.check()?;
        Ok(request)
    }

    /// Checks the rules of RFC 6455 section 4.2.1, and rejects requests that can be parsed as two (request smuggling).
    fn check(&self) -> Result<(), HandshakeRejection> {
        let headers = &self.headers;
        let bad = HandshakeRejection::bad_request;
        if headers.single("Host", bad("more than one Host header"))?.is_none() {
            return Err(HandshakeRejection::bad_request("no Host header"));
        }
        if headers.get_all("Transfer-Encoding").next().is_some() {
            return Err(HandshakeRejection::bad_request("the request has a body"));
        }
        let length =
            headers.single("Content-Length", bad("more than one Content-Length header"))?;
        if length.is_some_and(|length| length != "0") {
            return Err(HandshakeRejection::bad_request("the request has a body"));
        }
        if headers.single("Upgrade", bad("more than one Upgrade header"))?.is_none() {
            let reason = "this is a WebSocket server: the request must have an Upgrade header";
            return Err(HandshakeRejection::new(StatusCode::UpgradeRequired, reason));
        }
        if !headers.has_token("Upgrade", "websocket") {
            let reason = "the Upgrade header does not list websocket";
            return Err(HandshakeRejection::bad_request(reason));
        }
        if !headers.has_token("Connection", "Upgrade") {
            return Err(HandshakeRejection::bad_request(
                "the Connection header does not list Upgrade",
            ));
        }
        let version = headers
            .single("Sec-WebSocket-Version", bad("more than one Sec-WebSocket-Version header"))?;
        match version {
            Some("13") => {}
            Some(_) => {
                let reason = "unsupported version of the protocol: only 13 is supported";
                return Err(HandshakeRejection::new(StatusCode::UpgradeRequired, reason));
            }
            None => return Err(HandshakeRejection::bad_request("no Sec-WebSocket-Version header")),
        }
        let key =
            headers.single("Sec-WebSocket-Key", bad("more than one Sec-WebSocket-Key header"))?;
        if !key.is_some_and(is_key) {
            return Err(bad("missing or invalid Sec-WebSocket-Key header"));
        }
        if !self.protocols().all(is_token) {
            return Err(bad("invalid sub-protocol name"));
        }
        Ok(())
    }

    /// Returns the request target as the client sent it: a path and a query, or a URL.
    pub fn target(&self) -> &str {
        // The request line has been validated: method, target and version, separated by spaces.
        self.headers.first_line().split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the path of the target, percent-encoded.
    pub fn path(&self) -> &str {
        match self.origin_form().split_once('?').map_or(self.origin_form(), |(path, _)| path) {
            "" => "/",
            path => path,
        }
    }

    /// Returns the query of the target without the question mark, percent-encoded; empty if it has none.
    pub fn query(&self) -> &str {
        self.origin_form().split_once('?').map_or("", |(_, query)| query)
    }

    /// Returns the target without the scheme and authority of a URL.
    fn origin_form(&self) -> &str {
        let target = self.target();
        if target.starts_with('/') {
            return target;
        }
        let after = target.split_once("://").map_or(target, |(_, after)| after);
        after.find(['/', '?']).and_then(|index| after.get(index..)).unwrap_or_default()
    }

    /// Iterates over the offered sub-protocols, in order of preference (RFC 6455 section 1.9).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all("Sec-WebSocket-Protocol").flat_map(list)
    }

    /// Returns all headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Returns the value of the first header with this name, ignoring case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Returns the `Origin` header, which browsers send (RFC 6455 section 10.2).
    pub fn origin(&self) -> Option<&str> {
        self.header("Origin")
    }

    /// Returns the first offered sub-protocol that is in `supported` (RFC 6455 section 4.2.2), or `None` if `supported`
    /// is empty.
    ///
    /// # Errors
    /// `supported` is not empty, and no offered sub-protocol is in it.
    pub fn negotiate_protocol(
        &self,
        supported: &[String],
    ) -> Result<Option<&str>, HandshakeRejection> {
        if supported.is_empty() {
            return Ok(None);
        }
        self.protocols()
            .find(|protocol| supported.iter().any(|name| name == protocol))
            .map(Some)
            .ok_or(HandshakeRejection::bad_request("no offered sub-protocol is supported"))
    }

    /// Accepts the first acceptable offer of permessage-deflate, if any (RFC 7692 section 5). Pass the result to
    /// [`accept`](Self::accept) and to [`Connection::set_deflate`](crate::Connection::set_deflate). Invalid offers are
    /// declined: the connection is opened without compression.
    pub fn negotiate_deflate(&self, options: &DeflateOptions) -> Option<NegotiatedDeflate> {
        let offers = Extension::list(self.headers.get_all("Sec-WebSocket-Extensions"))?;
        deflate::negotiate(&offers, options)
    }

    /// Appends the response that opens the connection to `out` (RFC 6455 section 4.2.2), with the negotiated
    /// sub-protocol and compression, if any. Of `extra_headers`, [invalid](crate::is_valid_header) ones and those that
    /// the handshake [sets itself](crate::is_handshake_header) are omitted.
    pub fn accept(
        &self,
        protocol: Option<&str>,
        deflate: Option<&NegotiatedDeflate>,
        extra_headers: &[(String, String)],
        out: &mut Vec<u8>,
    ) {
        let key = self.header("Sec-WebSocket-Key").unwrap_or_default();
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        );
        push_line("Sec-WebSocket-Accept", &accept_value(key), out);
        if let Some(protocol) = protocol {
            push_line("Sec-WebSocket-Protocol", protocol, out);
        }
        if let Some(deflate) = deflate {
            push_line("Sec-WebSocket-Extensions", &deflate.response_header(), out);
        }
        for (name, value) in extra_headers {
            if is_valid_header(name, value) && !is_handshake_header(name) {
                push_line(name, value, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

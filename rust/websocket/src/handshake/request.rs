//! A client's opening request (§4.2.1).

use super::accept::{accept_value, is_key};
use super::syntax::{is_handshake_header, is_header, is_token, list, push_line};
use super::{Extension, Headers, MAX_HEADERS, Refusal, Status};
use crate::deflate::{self, Deflate, DeflateOptions};

/// An opening request that follows every rule of §4.2.1. It waits for [`accept`](Self::accept), or for a [`Refusal`].
///
/// It holds the text of the request and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    headers: Headers,
}

impl Request {
    /// Reads a header section that ends with its empty line, and whose lines end with CR LF.
    pub(crate) fn parse(section: Box<str>) -> Result<Self, Refusal> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(section.as_bytes()) {
            Ok(httparse::Status::Complete(len)) if len == section.len() => {}
            Ok(_) => return Err(Refusal::bad_request("the request ends too early")),
            Err(httparse::Error::TooManyHeaders) => {
                let why = "the request has too many headers";
                return Err(Refusal::new(Status::HeaderFieldsTooLarge, why));
            }
            Err(httparse::Error::Version) => {
                let why = "the request is not HTTP/1.1";
                return Err(Refusal::new(Status::VersionNotSupported, why));
            }
            Err(_) => return Err(Refusal::bad_request("the request is not HTTP")),
        }
        if request.method != Some("GET") {
            let why = "a WebSocket is opened with GET";
            return Err(Refusal::new(Status::MethodNotAllowed, why));
        }
        if request.version != Some(1) {
            let why = "the request is not HTTP/1.1";
            return Err(Refusal::new(Status::VersionNotSupported, why));
        }
        let target = request.path.unwrap_or_default();
        let is_url = target.split_once("://").is_some_and(|(scheme, _)| is_token(scheme));
        if !(target.starts_with('/') || is_url) {
            return Err(Refusal::bad_request("the request target is neither a path nor a URL"));
        }
        let request = Self { headers: Headers::new(section) };
        request.check()?;
        Ok(request)
    }

    /// The rules of §4.2.1, and those of HTTP that keep a request from being two.
    fn check(&self) -> Result<(), Refusal> {
        let headers = &self.headers;
        let bad = Refusal::bad_request;
        if headers.only("Host", bad("there is more than one Host"))?.is_none() {
            return Err(Refusal::bad_request("there is no Host"));
        }
        if headers.all("Transfer-Encoding").next().is_some() {
            return Err(Refusal::bad_request("the request announces a body"));
        }
        let length =
            headers.only("Content-Length", bad("there is more than one Content-Length"))?;
        if length.is_some_and(|length| length != "0") {
            return Err(Refusal::bad_request("the request announces a body"));
        }
        if headers.only("Upgrade", bad("there is more than one Upgrade"))?.is_none() {
            let why = "this is a WebSocket server: the request must ask for an upgrade";
            return Err(Refusal::new(Status::UpgradeRequired, why));
        }
        if !headers.has_token("Upgrade", "websocket") {
            let why = "the upgrade that is asked for is not websocket";
            return Err(Refusal::bad_request(why));
        }
        if !headers.has_token("Connection", "Upgrade") {
            return Err(Refusal::bad_request("Connection does not name Upgrade"));
        }
        let version = headers
            .only("Sec-WebSocket-Version", bad("there is more than one Sec-WebSocket-Version"))?;
        match version {
            Some("13") => {}
            Some(_) => {
                let why = "only version 13 of the protocol is known here";
                return Err(Refusal::new(Status::UpgradeRequired, why));
            }
            None => return Err(Refusal::bad_request("there is no Sec-WebSocket-Version")),
        }
        let key =
            headers.only("Sec-WebSocket-Key", bad("there is more than one Sec-WebSocket-Key"))?;
        if !key.is_some_and(is_key) {
            return Err(bad("there is no valid Sec-WebSocket-Key"));
        }
        if !self.protocols().all(is_token) {
            return Err(bad("a sub-protocol's name is not a token"));
        }
        Ok(())
    }

    /// The request target: a path and a query, or a URL, as the client sent it.
    pub fn target(&self) -> &str {
        // It has been parsed: a method, a space, the target, a space, the version.
        self.headers.first_line().split(' ').nth(1).unwrap_or_default()
    }

    /// The target's path, with its first slash and still percent-encoded.
    pub fn path(&self) -> &str {
        match self.local().split_once('?').map_or(self.local(), |(path, _)| path) {
            "" => "/",
            path => path,
        }
    }

    /// The target's query without the question mark, still percent-encoded; empty if there is none.
    pub fn query(&self) -> &str {
        self.local().split_once('?').map_or("", |(_, query)| query)
    }

    /// The target without the scheme and the host of a URL.
    fn local(&self) -> &str {
        let target = self.target();
        if target.starts_with('/') {
            return target;
        }
        let after = target.split_once("://").map_or(target, |(_, after)| after);
        after.find(['/', '?']).and_then(|at| after.get(at..)).unwrap_or_default()
    }

    /// The sub-protocols that the client offers, the preferred one first (§1.9).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.headers.all("Sec-WebSocket-Protocol").flat_map(list)
    }

    /// All header lines.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the first header line with this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The page that opened the connection, if a browser did (§10.2).
    pub fn origin(&self) -> Option<&str> {
        self.header("Origin")
    }

    /// The first sub-protocol that the client offers and the server knows (§4.2.2). With no names in `known`, none is
    /// negotiated, whatever the client offers.
    ///
    /// # Errors
    /// The server knows some, and the client offers none of them: there is nothing that both speak.
    pub fn negotiate(&self, known: &[String]) -> Result<Option<&str>, Refusal> {
        if known.is_empty() {
            return Ok(None);
        }
        self.protocols()
            .find(|protocol| known.iter().any(|name| name == protocol))
            .map(Some)
            .ok_or(Refusal::bad_request("the server speaks none of the offered sub-protocols"))
    }

    /// Takes the first offer of permessage-deflate that can be accepted, if the client makes one (RFC 7692 §5): to be given
    /// to [`accept`](Self::accept) and to [`Connection::set_deflate`](crate::Connection::set_deflate). Offers with mistakes
    /// are declined, not refused: the connection goes on without compression.
    pub fn negotiate_deflate(&self, options: &DeflateOptions) -> Option<Deflate> {
        let offers = Extension::list(self.headers.all("Sec-WebSocket-Extensions"))?;
        deflate::negotiate(&offers, options)
    }

    /// Appends the answer that opens the connection to `out` (§4.2.2), with the sub-protocol and the compression that were
    /// negotiated, if any. Of `extra_headers`, what would break the answer is left out: what is no
    /// [header](crate::is_header), and what the handshake [writes itself](crate::is_handshake_header).
    pub fn accept(
        &self,
        protocol: Option<&str>,
        deflate: Option<&Deflate>,
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
            push_line("Sec-WebSocket-Extensions", &deflate.answer(), out);
        }
        for (name, value) in extra_headers {
            if is_header(name, value) && !is_handshake_header(name) {
                push_line(name, value, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

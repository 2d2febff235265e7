//! A client's opening request (§4.2.1).

use super::accept::{accept_value, is_key};
use super::syntax::{is_token, list};
use super::{MAX_HEADERS, Refusal, Status};

/// The header lines of a request, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The values of every line with this name, whatever its case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of the one line with this name; `Ok(None)` without one.
    fn only(&self, name: &str, twice: &'static str) -> Result<Option<&str>, Refusal> {
        let mut values = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            Some(_) => Err(Refusal::bad_request(twice)),
            None => Ok(value),
        }
    }

    /// Whether a list in the lines with this name has `token`, whatever its case.
    fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(list).any(|element| element.eq_ignore_ascii_case(token))
    }
}

/// An opening request that follows every rule of §4.2.1. It waits for [`accept`](Self::accept), or for a [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The request target: a path and a query, as the client sent it.
    pub target: String,
    /// The sub-protocols that the client offers, the preferred one first (§1.9).
    pub protocols: Vec<String>,
    /// All header lines.
    pub headers: Headers,
    key: String,
}

impl Request {
    /// Reads a header section that ends with its empty line, and whose lines end with CR LF.
    pub(crate) fn parse(section: &[u8]) -> Result<Self, Refusal> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        match request.parse(section) {
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
        let mut headers = Headers::default();
        for line in request.headers {
            let value = str::from_utf8(line.value)
                .map_err(|_| Refusal::bad_request("a header is not UTF-8"))?;
            headers.0.push((line.name.to_owned(), value.to_owned()));
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
        if !(target.starts_with('/') || target.contains("://")) {
            return Err(Refusal::bad_request("the request target is neither a path nor a URL"));
        }
        Self::check(target.to_owned(), headers)
    }

    /// The rules of §4.2.1, and those of HTTP that keep a request from being two.
    fn check(target: String, headers: Headers) -> Result<Self, Refusal> {
        if headers.only("Host", "there is more than one Host")?.is_none() {
            return Err(Refusal::bad_request("there is no Host"));
        }
        if headers.all("Transfer-Encoding").next().is_some() {
            return Err(Refusal::bad_request("the request announces a body"));
        }
        let length = headers.only("Content-Length", "there is more than one Content-Length")?;
        if length.is_some_and(|length| length != "0") {
            return Err(Refusal::bad_request("the request announces a body"));
        }
        if headers.only("Upgrade", "there is more than one Upgrade")?.is_none() {
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
            .only("Sec-WebSocket-Version", "there is more than one Sec-WebSocket-Version")?;
        match version {
            Some("13") => {}
            Some(_) => {
                let why = "only version 13 of the protocol is known here";
                return Err(Refusal::new(Status::UpgradeRequired, why));
            }
            None => return Err(Refusal::bad_request("there is no Sec-WebSocket-Version")),
        }
        let key = headers
            .only("Sec-WebSocket-Key", "there is more than one Sec-WebSocket-Key")?
            .filter(|key| is_key(key))
            .ok_or(Refusal::bad_request("there is no valid Sec-WebSocket-Key"))?
            .to_owned();
        let protocols: Vec<String> =
            headers.all("Sec-WebSocket-Protocol").flat_map(list).map(str::to_owned).collect();
        if !protocols.iter().all(|protocol| is_token(protocol)) {
            return Err(Refusal::bad_request("a sub-protocol's name is not a token"));
        }
        Ok(Self { target, protocols, headers, key })
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
        self.protocols
            .iter()
            .find(|protocol| known.contains(protocol))
            .map(|protocol| Some(protocol.as_str()))
            .ok_or(Refusal::bad_request("the server speaks none of the offered sub-protocols"))
    }

    /// Appends the answer that opens the connection to `out` (§4.2.2), with the sub-protocol if one was negotiated.
    pub fn accept(&self, protocol: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(accept_value(&self.key).as_bytes());
        if let Some(protocol) = protocol {
            out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            out.extend_from_slice(protocol.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

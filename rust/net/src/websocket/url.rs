//! WebSocket URLs.

use http::Uri;
use http::uri::Authority;
use std::fmt::{self, Write};
use std::net::IpAddr;

/// A `ws://` or `wss://` URL (RFC 6455 section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSocketUrl {
    /// The scheme is `wss://`.
    pub tls: bool,
    /// The host name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port; 80 or 443 if the URL has none.
    pub port: u16,
    /// The path and the query.
    pub path: String,
    /// The value of the `Host` header: the host, and the port if the URL has one.
    pub(super) authority: String,
}

/// The error of a text that is not a WebSocket URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// The text is not a URL.
    Syntax,
    /// Its scheme is neither `ws` nor `wss`.
    Scheme,
    /// The host is missing.
    Host,
    /// The host has characters that are not ASCII.
    Unicode,
    /// The port is not from 1 to 65535.
    Port,
    /// The URL has a user or a password.
    User,
    /// The URL has a fragment (`#…`), which is not allowed (RFC 6455 section 3).
    Fragment,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "it is not a URL",
            Self::Scheme => "its scheme is neither ws nor wss",
            Self::Host => "it has no host",
            Self::Unicode => "its host has letters beyond ASCII; write it in Punycode",
            Self::Port => "its port is not 1 to 65535",
            Self::User => "it has a user or a password; send them in a header",
            Self::Fragment => "it has a fragment (#); write %23 in a path",
        })
    }
}

impl std::error::Error for UrlError {}

impl WebSocketUrl {
    /// Parses a URL. Without a scheme it is `ws://`, as in the engine. Spaces and non-ASCII characters in the path are
    /// percent-encoded.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
        let tls = match scheme {
            scheme if scheme.eq_ignore_ascii_case("ws") => false,
            scheme if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        if !host.is_ascii() {
            return Err(UrlError::Unicode);
        }
        let path = percent_encode(path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let uri: Uri = format!("ws://{host}{slash}{path}").parse().map_err(|_| UrlError::Syntax)?;
        let authority = uri.authority().ok_or(UrlError::Host)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let port = port_or(authority, if tls { 443 } else { 80 }).ok_or(UrlError::Port)?;
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            authority: authority.as_str().to_owned(),
        })
    }

    /// Returns the host and port, for messages.
    pub(super) fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Returns the address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// Percent-encodes spaces and non-ASCII characters of a path and query (RFC 3986 section 2.1).
fn percent_encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii() && byte != b' ' {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Returns the port of a URL, or `default` if it has none; `None` if it is invalid.
pub(super) fn port_or(authority: &Authority, default: u16) -> Option<u16> {
    let (_, after_host) = authority.as_str().split_once(authority.host())?;
    match after_host.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0),
        None => after_host.is_empty().then_some(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parsed() {
        let url = WebSocketUrl::parse("ws://game.example:9080/play?room=1").expect("a URL");
        assert_eq!((url.tls, url.port), (false, 9080));
        assert_eq!((url.host.as_str(), url.path.as_str()), ("game.example", "/play?room=1"));
        assert_eq!(url.authority, "game.example:9080");
        let url = WebSocketUrl::parse("wss://[::1]").expect("a URL");
        assert_eq!((url.tls, url.port, url.path.as_str()), (true, 443, "/"));
        assert_eq!(url.address(), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
        assert_eq!(url.authority, "[::1]");
        let url = WebSocketUrl::parse("ws://h?a=b").expect("a URL");
        assert_eq!(url.path, "/?a=b");
        for (bad, error) in [
            ("", UrlError::Host),
            ("http://game.example", UrlError::Scheme),
            ("ws://", UrlError::Host),
            ("ws:///path", UrlError::Host),
            ("/path", UrlError::Host),
            ("ws://h:0", UrlError::Port),
            ("ws://h:99999", UrlError::Port),
            ("ws://h:x", UrlError::Port),
            ("ws:h", UrlError::Port),
            ("::1", UrlError::Syntax),
            ("ws://user@h", UrlError::User),
            ("ws://h/#x", UrlError::Fragment),
            ("ws://h b/", UrlError::Syntax),
            ("ws://spür.example/", UrlError::Unicode),
            ("ws://h/\r\nX: y", UrlError::Syntax),
        ] {
            assert_eq!(WebSocketUrl::parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn a_url_without_a_scheme_is_ws() {
        for (short, long) in [
            ("127.0.0.1:9080", "ws://127.0.0.1:9080"),
            ("localhost", "ws://localhost"),
            ("game.example/lobby?a", "ws://game.example/lobby?a"),
            ("[::1]:9080/", "ws://[::1]:9080/"),
        ] {
            let url = WebSocketUrl::parse(short);
            assert!(url.is_ok(), "{short}");
            assert_eq!(url, WebSocketUrl::parse(long));
        }
    }

    #[test]
    fn a_path_is_percent_encoded() {
        let url = WebSocketUrl::parse("ws://h/a b/ü?name=Zoë&x=%C3").expect("a URL");
        assert_eq!(url.path, "/a%20b/%C3%BC?name=Zo%C3%AB&x=%C3");
    }
}

//! Where a client connects to.

use http::Uri;
use http::uri::Authority;
use std::fmt::{self, Write};
use std::net::IpAddr;

/// What a `ws://` or `wss://` URL names (§3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `wss://`.
    pub tls: bool,
    /// The host's name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port: that of the URL, or else 80 or 443.
    pub port: u16,
    /// The path and the query.
    pub path: String,
    /// As the `Host` header has them: the host, and the port if the URL names one.
    pub(super) authority: String,
}

/// Why a text is not the URL of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It is not a URL.
    Syntax,
    /// Its scheme is neither `ws` nor `wss`.
    Scheme,
    /// It has no host.
    Host,
    /// The host's name has letters beyond ASCII.
    Unicode,
    /// The port is not one from 1 to 65535.
    Port,
    /// It has a user or a password.
    User,
    /// It has a fragment (`#…`), which has no meaning there (§3).
    Fragment,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "it is not a URL",
            Self::Scheme => "its scheme is neither ws nor wss",
            Self::Host => "it has no host",
            Self::Unicode => "its host has letters beyond ASCII, which are written in Punycode",
            Self::Port => "its port is not 1 to 65535",
            Self::User => "it has a user or a password, which belong into a header",
            Self::Fragment => "it has a fragment (#), which belongs into the path as %23",
        })
    }
}

impl std::error::Error for TargetError {}

impl Target {
    /// Reads a URL. Without a scheme it is one of `ws://`, as in the engine. What is not ASCII in its path is
    /// percent-encoded, and so are spaces.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
        let tls = match scheme {
            scheme if scheme.eq_ignore_ascii_case("ws") => false,
            scheme if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return Err(TargetError::Scheme),
        };
        if rest.contains('#') {
            return Err(TargetError::Fragment);
        }
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.is_empty() {
            return Err(TargetError::Host);
        }
        if !host.is_ascii() {
            return Err(TargetError::Unicode);
        }
        let path = encoded(path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let uri: Uri =
            format!("ws://{host}{slash}{path}").parse().map_err(|_| TargetError::Syntax)?;
        let authority = uri.authority().ok_or(TargetError::Host)?;
        if authority.as_str().contains('@') {
            return Err(TargetError::User);
        }
        let port = port_or(authority, if tls { 443 } else { 80 }).ok_or(TargetError::Port)?;
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(TargetError::Host);
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            authority: authority.as_str().to_owned(),
        })
    }

    /// The host and port, for messages.
    pub(super) fn place(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The address, if the host is one and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// A path and query with what is not ASCII, and spaces, percent-encoded (RFC 3986 §2.1).
fn encoded(path: &str) -> String {
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

/// The port that is written in a URL, or else `default`; `None` if what is written is no port.
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
    fn urls() {
        let target = Target::parse("ws://game.example:9080/play?room=1").expect("a URL");
        assert_eq!((target.tls, target.port), (false, 9080));
        assert_eq!((target.host.as_str(), target.path.as_str()), ("game.example", "/play?room=1"));
        assert_eq!(target.authority, "game.example:9080");
        let target = Target::parse("wss://[::1]").expect("a URL");
        assert_eq!((target.tls, target.port, target.path.as_str()), (true, 443, "/"));
        assert_eq!(target.address(), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
        assert_eq!(target.authority, "[::1]");
        let target = Target::parse("ws://h?a=b").expect("a URL");
        assert_eq!(target.path, "/?a=b");
        for (bad, why) in [
            ("", TargetError::Host),
            ("http://game.example", TargetError::Scheme),
            ("ws://", TargetError::Host),
            ("ws:///path", TargetError::Host),
            ("/path", TargetError::Host),
            ("ws://h:0", TargetError::Port),
            ("ws://h:99999", TargetError::Port),
            ("ws://h:x", TargetError::Port),
            ("ws:h", TargetError::Port),
            ("::1", TargetError::Syntax),
            ("ws://user@h", TargetError::User),
            ("ws://h/#x", TargetError::Fragment),
            ("ws://h b/", TargetError::Syntax),
            ("ws://spür.example/", TargetError::Unicode),
            ("ws://h/\r\nX: y", TargetError::Syntax),
        ] {
            assert_eq!(Target::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_url_without_a_scheme_is_that_of_a_plain_connection() {
        for (short, long) in [
            ("127.0.0.1:9080", "ws://127.0.0.1:9080"),
            ("localhost", "ws://localhost"),
            ("game.example/lobby?a", "ws://game.example/lobby?a"),
            ("[::1]:9080/", "ws://[::1]:9080/"),
        ] {
            let target = Target::parse(short);
            assert!(target.is_ok(), "{short}");
            assert_eq!(target, Target::parse(long));
        }
    }

    #[test]
    fn a_path_is_percent_encoded() {
        let target = Target::parse("ws://h/a b/ü?name=Zoë&x=%C3").expect("a URL");
        assert_eq!(target.path, "/a%20b/%C3%BC?name=Zo%C3%AB&x=%C3");
    }
}

//! Where a client connects to.

use http::Uri;
use http::uri::Authority;
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

impl Target {
    /// Reads a URL; `None` if it is not a WebSocket's. A fragment (`#…`) has no meaning there (§3) and makes it invalid,
    /// and so do a user and a password.
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let tls = match uri.scheme_str()? {
            scheme if scheme.eq_ignore_ascii_case("ws") => false,
            scheme if scheme.eq_ignore_ascii_case("wss") => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if url.contains('#') || authority.as_str().contains('@') {
            return None;
        }
        let port = port_or(authority, if tls { 443 } else { 80 })?;
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self {
            tls,
            host: host.to_owned(),
            port,
            path: format!("{slash}{path}"),
            authority: authority.as_str().to_owned(),
        })
    }

    /// The address, if the host is one and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
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
        for bad in [
            "",
            "game.example",
            "http://game.example",
            "ws://",
            "ws:///path",
            "ws://h:0",
            "ws://h:99999",
            "ws://user@h",
            "ws://h/#x",
            "ws://h/a b",
            "ws://h/\r\nX: y",
        ] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }
}

//! The origins of web pages that may connect, which browsers send in `Origin` (RFC 6454, RFC 6455 section 10.2).

use super::url::port_or;
use http::Uri;
use lodewire_websocket::{HandshakeRejection, StatusCode};

/// The origins that a server accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    allowed: Vec<Origin>,
    /// Accept clients that send no `Origin`, which are not browsers.
    pub allow_missing: bool,
    /// Accept `Origin: null`, which local files and sandboxed pages send.
    pub allow_null: bool,
}

/// A scheme, a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses `scheme://host` or `scheme://host:port`, without anything else.
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority()?;
        // An origin has neither a path nor user information; the parser returns an empty path as "/".
        let rest = text.get(scheme.len() + 3..)?;
        if rest.contains(['/', '?', '#', '@']) || authority.host().is_empty() {
            return None;
        }
        let default = match scheme.as_str() {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => 0,
        };
        let port = port_or(authority, default)?;
        Some(Self { scheme, host: authority.host().to_ascii_lowercase(), port })
    }
}

impl Default for Origins {
    /// Accepts every origin.
    fn default() -> Self {
        Self { allowed: Vec::new(), allow_missing: true, allow_null: true }
    }
}

impl Origins {
    /// Accepts the origins in `list`, such as `https://game.example` or `http://localhost:8000`: scheme, host and port
    /// must match. An empty list accepts every origin.
    ///
    /// # Errors
    /// The first entry that is not an origin.
    pub fn new<'a>(
        list: &'a [String],
        allow_missing: bool,
        allow_null: bool,
    ) -> Result<Self, &'a String> {
        let read = |text: &'a String| Origin::parse(text).ok_or(text);
        let allowed = list.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { allowed, allow_missing, allow_null })
    }

    /// Checks the `Origin` of a request.
    pub(super) fn check(&self, origin: Option<&str>) -> Result<(), HandshakeRejection> {
        let accepted = self.allowed.is_empty()
            || match origin {
                None => self.allow_missing,
                Some("null") => self.allow_null,
                Some(text) => {
                    Origin::parse(text).is_some_and(|origin| self.allowed.contains(&origin))
                }
            };
        if accepted {
            Ok(())
        } else {
            Err(HandshakeRejection::new(StatusCode::Forbidden, "origin not allowed"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(list: &[&str], origin: Option<&str>) -> bool {
        let list: Vec<String> = list.iter().map(|text| (*text).to_owned()).collect();
        Origins::new(&list, false, false).expect("origins").check(origin).is_ok()
    }

    #[test]
    fn scheme_host_and_port_must_be_the_same() {
        let list = ["https://game.example", "http://localhost:8000"];
        for good in ["https://game.example", "https://GAME.example:443", "http://localhost:8000"] {
            assert!(accepts(&list, Some(good)), "{good}");
        }
        for bad in [
            "http://game.example",
            "https://game.example:444",
            "https://game.example.evil.example",
            "https://evil-game.example",
            "https://game.example@evil.example",
            "https://game.example/",
            "http://localhost",
            "http://localhost:99999",
            "null",
            "",
            "game.example",
        ] {
            assert!(!accepts(&list, Some(bad)), "{bad}");
        }
        assert!(!accepts(&list, None));
    }

    #[test]
    fn what_is_no_origin_has_its_own_rules() {
        let list = ["https://game.example".to_owned()];
        let check = |missing, null, origin: Option<&str>| {
            Origins::new(&list, missing, null).expect("origins").check(origin).is_ok()
        };
        assert!(check(true, false, None) && !check(false, true, None));
        assert!(check(false, true, Some("null")) && !check(true, false, Some("null")));
        assert!(accepts(&[], Some("https://anyone.example")) && accepts(&[], None));
    }

    #[test]
    fn an_entry_that_is_no_origin_is_named() {
        for bad in ["game.example", "https://game.example/path", "https://", "*", ""] {
            let list = [bad.to_owned()];
            assert_eq!(Origins::new(&list, true, true).err(), Some(&list[0]));
        }
    }
}

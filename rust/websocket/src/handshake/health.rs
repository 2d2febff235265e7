//! A load balancer's question whether the server is well: an HTTP request that is no opening handshake.

use super::MAX_HEADERS;

/// What of a request on a WebSocket server's port asks for its health, and is no handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRequest {
    /// HEAD: the answer has no body (RFC 9110 §9.3.2).
    head: bool,
}

impl HealthRequest {
    /// The request in a header section, if it is a GET or HEAD of `path`, in HTTP/1.0 or 1.1, with no upgrade.
    pub(super) fn parse(section: &str, path: &str) -> Option<Self> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        if !request.parse(section.as_bytes()).ok()?.is_complete() {
            return None;
        }
        let head = match request.method? {
            "GET" => false,
            "HEAD" => true,
            _ => return None,
        };
        let target = request.path?;
        let asked = target.split_once('?').map_or(target, |(path, _)| path);
        let upgrades = request.headers.iter().any(|line| line.name.eq_ignore_ascii_case("Upgrade"));
        (asked == path && !upgrades).then_some(Self { head })
    }

    /// Appends the answer to `out`: 200 if the server is well, else 503. The connection ends after it.
    pub fn answer(self, well: bool, out: &mut Vec<u8>) {
        let (status, body) =
            if well { ("200 OK", "ok\n") } else { ("503 Service Unavailable", "unavailable\n") };
        let answer = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nCache-Control: no-store\r\n\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}",
            body.len(),
            if self.head { "" } else { body }
        );
        out.extend_from_slice(answer.as_bytes());
    }
}

/// Whether a text can be the path of a health request: it begins with a slash, and has neither blanks nor a query.
pub fn is_health_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> bool {
        HealthRequest::parse(text, "/health").is_some()
    }

    #[test]
    fn a_get_of_the_path_asks() {
        assert!(asks("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(asks("GET /health?from=balancer HTTP/1.0\r\n\r\n"));
        assert!(asks("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n"));
        for other in [
            "GET /healthy HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: a\r\nupgrade: websocket\r\n\r\n",
            "GET /health HTTP/2.0\r\n\r\n",
            "GET /health HTTP/1.1\r\nbad line\r\n\r\n",
            "",
        ] {
            assert!(!asks(other), "{other}");
        }
    }

    #[test]
    fn the_answer_says_how_it_is() {
        let mut out = Vec::new();
        HealthRequest { head: false }.answer(true, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 3\r\n\r\nok\n"), "{text}");
        let mut out = Vec::new();
        HealthRequest { head: true }.answer(false, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 12\r\n\r\n"), "{text}");
    }

    #[test]
    fn paths_are_checked() {
        assert!(is_health_path("/") && is_health_path("/health/live"));
        for bad in ["", "health", "/a b", "/a?b", "/ä", "/a\r\n"] {
            assert!(!is_health_path(bad), "{bad}");
        }
    }
}

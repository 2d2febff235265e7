//! A load balancer's health check: an HTTP request that is not an opening handshake.

use super::MAX_HEADERS;

/// A health check on the port of a WebSocket server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// HEAD: the response has no body (RFC 9110 section 9.3.2).
    head: bool,
}

impl HealthCheck {
    /// Parses a header section. Returns `None` unless it is a GET or HEAD of `path` in HTTP/1.0 or 1.1, without an
    /// upgrade.
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
        let requested = target.split_once('?').map_or(target, |(path, _)| path);
        let upgrades = request.headers.iter().any(|line| line.name.eq_ignore_ascii_case("Upgrade"));
        (requested == path && !upgrades).then_some(Self { head })
    }

    /// Appends the response to `out`: 200 if the server is healthy, otherwise 503. The connection must be closed after
    /// it.
    pub fn respond(self, healthy: bool, out: &mut Vec<u8>) {
        let (status, body) =
            if healthy { ("200 OK", "ok\n") } else { ("503 Service Unavailable", "unavailable\n") };
        let response = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nCache-Control: no-store\r\n\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}",
            body.len(),
            if self.head { "" } else { body }
        );
        out.extend_from_slice(response.as_bytes());
    }
}

/// Returns true if a text is a valid path for health checks: it starts with a slash, and has no spaces and no query.
pub fn is_health_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_check(text: &str) -> bool {
        HealthCheck::parse(text, "/health").is_some()
    }

    #[test]
    fn a_get_or_head_of_the_path_is_a_health_check() {
        assert!(is_check("GET /health HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(is_check("GET /health?from=balancer HTTP/1.0\r\n\r\n"));
        assert!(is_check("HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n"));
        for other in [
            "GET /healthy HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: a\r\nupgrade: websocket\r\n\r\n",
            "GET /health HTTP/2.0\r\n\r\n",
            "GET /health HTTP/1.1\r\nbad line\r\n\r\n",
            "",
        ] {
            assert!(!is_check(other), "{other}");
        }
    }

    #[test]
    fn the_response_is_200_or_503() {
        let mut out = Vec::new();
        HealthCheck { head: false }.respond(true, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 3\r\n\r\nok\n"), "{text}");
        let mut out = Vec::new();
        HealthCheck { head: true }.respond(false, &mut out);
        let text = String::from_utf8(out).expect("ASCII");
        assert!(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 12\r\n\r\n"), "{text}");
    }

    #[test]
    fn health_paths_are_validated() {
        assert!(is_health_path("/") && is_health_path("/health/live"));
        for bad in ["", "health", "/a b", "/a?b", "/ä", "/a\r\n"] {
            assert!(!is_health_path(bad), "{bad}");
        }
    }
}

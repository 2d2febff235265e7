use super::*;
use crate::DeflateOptions;
use crate::handshake::{MAX_HEADER_SECTION, MAX_HEADERS};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Returns the request of the example in RFC 6455 section 1.3 with additional `lines`.
fn request(lines: &str) -> String {
    format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// Receives `bytes` in chunks of at most `step` bytes: the request, or the rejection, or `None` while it is incomplete.
fn receive(bytes: &[u8], step: usize) -> Option<Result<Request, HandshakeRejection>> {
    let mut handshake = ServerHandshake::new();
    for chunk in bytes.chunks(step) {
        match handshake.receive(chunk) {
            Ok((_, None)) => {}
            Ok((_, Some(request))) => {
                return Some(Ok(request.upgrade().expect("no health path is set")));
            }
            Err(rejection) => return Some(Err(rejection)),
        }
    }
    None
}

/// Returns the result of `text`, and checks that it does not depend on the chunks.
fn result(text: impl AsRef<[u8]>) -> Result<Request, HandshakeRejection> {
    let bytes = text.as_ref();
    let whole = receive(bytes, usize::MAX);
    for step in [1, 2, 5, 64] {
        assert_eq!(receive(bytes, step), whole, "in chunks of {step}");
    }
    whole.expect("the request is complete")
}

fn rejected(text: impl AsRef<[u8]>) -> u16 {
    result(text).expect_err("must be rejected").status.code()
}

#[test]
fn the_request_of_the_rfc_is_accepted() {
    let request = result(request("Sec-WebSocket-Protocol: chat, superchat\r\n")).expect("valid");
    assert_eq!(request.target(), "/chat?room=1");
    assert_eq!(request.protocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.headers().get_all("HOST").collect::<Vec<_>>(), ["example.com"]);
    let mut answer = Vec::new();
    request.accept(Some("chat"), None, &[], &mut answer);
    assert_eq!(
        String::from_utf8(answer).expect("ASCII"),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
}

#[test]
fn bytes_after_the_request_are_not_consumed() {
    let mut bytes = request("").into_bytes();
    let len = bytes.len();
    bytes.extend_from_slice(b"\x81\x80");
    let (used, request) = ServerHandshake::new().receive(&bytes).expect("valid");
    assert_eq!(used, len);
    assert!(request.is_some());
}

#[test]
fn names_and_tokens_ignore_case() {
    let text = request("")
        .replace("Upgrade: websocket", "uPGRADE: WebSocket")
        .replace("Connection: Upgrade", "CONNECTION: keep-alive, upgrade");
    assert!(result(text).is_ok());
}

#[test]
fn missing_or_repeated_headers_are_rejected() {
    let lines = [
        ("Host: example.com\r\n", 400),
        ("Upgrade: websocket\r\n", 426),
        (&*format!("Sec-WebSocket-Key: {KEY}\r\n"), 400),
        ("Sec-WebSocket-Version: 13\r\n", 400),
    ];
    for (line, when_missing) in lines {
        assert_eq!(rejected(request("").replace(line, "")), when_missing, "without {line}");
        assert_eq!(rejected(request(line)), 400, "twice {line}");
    }
    assert_eq!(rejected(request("").replace("Connection: Upgrade\r\n", "")), 400);
}

#[test]
fn a_request_with_a_body_is_rejected() {
    for line in [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: x\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
    ] {
        assert_eq!(rejected(request(line)), 400, "{line}");
    }
    assert!(result(request("Content-Length: 0\r\n")).is_ok());
}

#[test]
fn ambiguous_header_lines_are_rejected() {
    assert_eq!(rejected(request("").replace("\r\nUpgrade", "\nUpgrade")), 400, "bare LF");
    assert_eq!(rejected(request("").replace("\r\nUpgrade", "\rUpgrade")), 400, "bare CR");
    assert_eq!(rejected(request("X-Long: a\r\n b\r\n")), 400, "folded");
    assert_eq!(rejected(request("X-Long : a\r\n")), 400, "space before the colon");
    assert_eq!(rejected(request("X\0Y: a\r\n")), 400, "a zero byte");
    assert_eq!(rejected(request("no colon\r\n")), 400, "no colon");
}

#[test]
fn wrong_methods_versions_and_upgrades_get_their_status() {
    assert_eq!(rejected(request("").replace("GET", "POST")), 405);
    assert_eq!(rejected(request("").replace("HTTP/1.1", "HTTP/1.0")), 505);
    assert_eq!(rejected(request("").replace("HTTP/1.1", "HTTP/2.0")), 505);
    assert_eq!(rejected(request("").replace("Version: 13", "Version: 8")), 426);
    assert_eq!(rejected(request("").replace(": websocket", ": h2c")), 400);
    assert_eq!(rejected(request("").replace("/chat", "chat")), 400);
    assert_eq!(rejected(request("").replace(KEY, "c2hvcnQ=")), 400);
}

#[test]
fn garbage_is_rejected_at_its_first_byte() {
    assert_eq!(rejected(b"\x16\x03\x01\x02\x00"), 400, "a TLS hello");
    assert_eq!(rejected(b"\0"), 400);
}

#[test]
fn the_header_section_is_limited() {
    let long = format!("X-Long: {}\r\n", "a".repeat(MAX_HEADER_SECTION));
    assert_eq!(rejected(request(&long)), 431);
    let many = "X: y\r\n".repeat(MAX_HEADERS);
    assert_eq!(rejected(request(&many)), 431);
    let endless = "A".repeat(10_000_000);
    assert_eq!(rejected(endless), 431);
}

#[test]
fn the_first_supported_sub_protocol_is_chosen() {
    let known = ["b".to_owned(), "a".to_owned()];
    let offer = |line: &str| result(request(line)).expect("valid");
    let both = offer("Sec-WebSocket-Protocol: x, a\r\nSec-WebSocket-Protocol: b\r\n");
    assert_eq!(both.negotiate_protocol(&known), Ok(Some("a")));
    assert_eq!(both.negotiate_protocol(&[]), Ok(None));
    let none = offer("");
    assert_eq!(none.negotiate_protocol(&[]), Ok(None));
    assert_eq!(
        none.negotiate_protocol(&known).expect_err("no match").status,
        StatusCode::BadRequest
    );
    let other = offer("Sec-WebSocket-Protocol: c\r\n");
    assert_eq!(
        other.negotiate_protocol(&known).expect_err("no match").status,
        StatusCode::BadRequest
    );
    assert_eq!(rejected(request("Sec-WebSocket-Protocol: a b\r\n")), 400);
}

#[test]
fn a_rejection_has_status_headers_and_reason() {
    let mut out = Vec::new();
    HandshakeRejection::new(StatusCode::UpgradeRequired, "try again").encode(&mut out);
    assert_eq!(
        String::from_utf8(out).expect("ASCII"),
        "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\ntry again\n"
    );
}

#[test]
fn a_target_has_a_path_and_a_query() {
    for (target, path, query) in [
        ("/", "/", ""),
        ("/chat?room=1", "/chat", "room=1"),
        ("/a/b%20c?", "/a/b%20c", ""),
        ("/a?b?c=://d", "/a", "b?c=://d"),
        ("//a", "//a", ""),
        ("http://example.com", "/", ""),
        ("ws://example.com/x?y", "/x", "y"),
        ("ws://example.com?y/z", "/", "y/z"),
    ] {
        let request = result(request("").replace("/chat?room=1", target)).expect(target);
        assert_eq!((request.target(), request.path(), request.query()), (target, path, query));
    }
    assert_eq!(rejected(request("").replace("/chat?room=1", "chat?u=http://x")), 400);
}

#[test]
fn header_names_ignore_case() {
    let request = result(request("Origin:  https://a.example \t\r\nX: 1\r\nx: 2\r\nEmpty:\r\n"));
    let request = request.expect("valid");
    assert_eq!(request.origin(), Some("https://a.example"));
    assert_eq!(request.header("x"), Some("1"));
    assert_eq!(request.headers().get_all("X").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(request.header("empty"), Some(""));
    assert_eq!(request.header("none"), None);
    assert_eq!(request.headers().iter().count(), 9);
    assert_eq!(request.headers().iter().next(), Some(("Host", "example.com")));
    assert!(size_of::<Request>() <= 16, "only its text is stored");
}

#[test]
fn compression_is_negotiated_over_all_headers() {
    let negotiated = |lines: &str| {
        let request = result(request(lines)).expect("valid");
        request.negotiate_deflate(&DeflateOptions::default())
    };
    assert_eq!(negotiated(""), None);
    let two =
        "Sec-WebSocket-Extensions: x; y=\"z\"\r\nsec-websocket-extensions: permessage-deflate\r\n";
    assert!(negotiated(two).is_some());
    // A malformed header is ignored: the connection is opened without compression.
    let malformed = "Sec-WebSocket-Extensions: permessage-deflate, ;\r\n";
    assert_eq!(negotiated(malformed), None);
}

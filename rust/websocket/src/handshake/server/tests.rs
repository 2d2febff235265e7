use super::*;
use crate::DeflateOptions;
use crate::handshake::{MAX_HEADER_SECTION, MAX_HEADERS};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The example of §1.3, with `lines` after its own.
fn request(lines: &str) -> String {
    format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// Receives `bytes` in pieces of at most `step` bytes: the request, or the refusal, or `None` while it is incomplete.
fn receive(bytes: &[u8], step: usize) -> Option<Result<Request, Refusal>> {
    let mut handshake = ServerHandshake::new();
    for piece in bytes.chunks(step) {
        match handshake.receive(piece) {
            Ok((_, None)) => {}
            Ok((_, Some(asked))) => {
                return Some(Ok(asked.upgrade().expect("no health path is set")));
            }
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    None
}

/// The result for `text`, the same however it is cut.
fn result(text: impl AsRef<[u8]>) -> Result<Request, Refusal> {
    let bytes = text.as_ref();
    let whole = receive(bytes, usize::MAX);
    for step in [1, 2, 5, 64] {
        assert_eq!(receive(bytes, step), whole, "in pieces of {step}");
    }
    whole.expect("the request is whole")
}

fn refused(text: impl AsRef<[u8]>) -> u16 {
    result(text).expect_err("must be refused").status.code()
}

#[test]
fn the_example_of_the_rfc_is_accepted() {
    let request = result(request("Sec-WebSocket-Protocol: chat, superchat\r\n")).expect("valid");
    assert_eq!(request.target(), "/chat?room=1");
    assert_eq!(request.protocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(request.headers().all("HOST").collect::<Vec<_>>(), ["example.com"]);
    let mut answer = Vec::new();
    request.accept(Some("chat"), None, &[], &mut answer);
    assert_eq!(
        String::from_utf8(answer).expect("ASCII"),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    );
}

#[test]
fn what_follows_the_request_is_left_to_the_connection() {
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
fn each_line_that_must_stand_once_is_refused_when_it_is_missing_or_doubled() {
    let lines = [
        ("Host: example.com\r\n", 400),
        ("Upgrade: websocket\r\n", 426),
        (&*format!("Sec-WebSocket-Key: {KEY}\r\n"), 400),
        ("Sec-WebSocket-Version: 13\r\n", 400),
    ];
    for (line, when_missing) in lines {
        assert_eq!(refused(request("").replace(line, "")), when_missing, "without {line}");
        assert_eq!(refused(request(line)), 400, "twice {line}");
    }
    assert_eq!(refused(request("").replace("Connection: Upgrade\r\n", "")), 400);
}

#[test]
fn a_request_with_a_body_is_refused() {
    for line in [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: x\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
    ] {
        assert_eq!(refused(request(line)), 400, "{line}");
    }
    assert!(result(request("Content-Length: 0\r\n")).is_ok());
}

#[test]
fn lines_that_two_readers_could_read_differently_are_refused() {
    assert_eq!(refused(request("").replace("\r\nUpgrade", "\nUpgrade")), 400, "bare LF");
    assert_eq!(refused(request("").replace("\r\nUpgrade", "\rUpgrade")), 400, "bare CR");
    assert_eq!(refused(request("X-Long: a\r\n b\r\n")), 400, "folded");
    assert_eq!(refused(request("X-Long : a\r\n")), 400, "space before the colon");
    assert_eq!(refused(request("X\0Y: a\r\n")), 400, "a zero byte");
    assert_eq!(refused(request("no colon\r\n")), 400, "no colon");
}

#[test]
fn other_methods_versions_and_upgrades_get_their_own_answer() {
    assert_eq!(refused(request("").replace("GET", "POST")), 405);
    assert_eq!(refused(request("").replace("HTTP/1.1", "HTTP/1.0")), 505);
    assert_eq!(refused(request("").replace("HTTP/1.1", "HTTP/2.0")), 505);
    assert_eq!(refused(request("").replace("Version: 13", "Version: 8")), 426);
    assert_eq!(refused(request("").replace(": websocket", ": h2c")), 400);
    assert_eq!(refused(request("").replace("/chat", "chat")), 400);
    assert_eq!(refused(request("").replace(KEY, "c2hvcnQ=")), 400);
}

#[test]
fn garbage_is_refused_at_its_first_byte() {
    assert_eq!(refused(b"\x16\x03\x01\x02\x00"), 400, "a TLS hello");
    assert_eq!(refused(b"\0"), 400);
}

#[test]
fn the_header_section_is_limited() {
    let long = format!("X-Long: {}\r\n", "a".repeat(MAX_HEADER_SECTION));
    assert_eq!(refused(request(&long)), 431);
    let many = "X: y\r\n".repeat(MAX_HEADERS);
    assert_eq!(refused(request(&many)), 431);
    let endless = "A".repeat(10_000_000);
    assert_eq!(refused(endless), 431);
}

#[test]
fn the_first_offered_protocol_that_is_known_is_taken() {
    let known = ["b".to_owned(), "a".to_owned()];
    let offer = |line: &str| result(request(line)).expect("valid");
    let both = offer("Sec-WebSocket-Protocol: x, a\r\nSec-WebSocket-Protocol: b\r\n");
    assert_eq!(both.negotiate(&known), Ok(Some("a")));
    assert_eq!(both.negotiate(&[]), Ok(None));
    let none = offer("");
    assert_eq!(none.negotiate(&[]), Ok(None));
    assert_eq!(none.negotiate(&known).expect_err("no match").status, Status::BadRequest);
    let other = offer("Sec-WebSocket-Protocol: c\r\n");
    assert_eq!(other.negotiate(&known).expect_err("no match").status, Status::BadRequest);
    assert_eq!(refused(request("Sec-WebSocket-Protocol: a b\r\n")), 400);
}

#[test]
fn a_refusal_says_why() {
    let mut out = Vec::new();
    Refusal::new(Status::UpgradeRequired, "try again").encode(&mut out);
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
    assert_eq!(refused(request("").replace("/chat?room=1", "chat?u=http://x")), 400);
}

#[test]
fn headers_are_found_whatever_their_case() {
    let request = result(request("Origin:  https://a.example \t\r\nX: 1\r\nx: 2\r\nEmpty:\r\n"));
    let request = request.expect("valid");
    assert_eq!(request.origin(), Some("https://a.example"));
    assert_eq!(request.header("x"), Some("1"));
    assert_eq!(request.headers().all("X").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(request.header("empty"), Some(""));
    assert_eq!(request.header("none"), None);
    assert_eq!(request.headers().iter().count(), 9);
    assert_eq!(request.headers().iter().next(), Some(("Host", "example.com")));
    assert!(size_of::<Request>() <= 16, "its text and nothing else");
}

#[test]
fn compression_is_negotiated_over_all_lines() {
    let agreed = |lines: &str| {
        let request = result(request(lines)).expect("valid");
        request.negotiate_deflate(&DeflateOptions::default())
    };
    assert_eq!(agreed(""), None);
    let two =
        "Sec-WebSocket-Extensions: x; y=\"z\"\r\nsec-websocket-extensions: permessage-deflate\r\n";
    assert!(agreed(two).is_some());
    // A header that breaks the grammar is as if it were not there: the connection opens all the same.
    let malformed = "Sec-WebSocket-Extensions: permessage-deflate, ;\r\n";
    assert_eq!(agreed(malformed), None);
}

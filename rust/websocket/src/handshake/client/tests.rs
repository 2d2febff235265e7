use super::*;
use crate::handshake::{
    HandshakeError, IncomingRequest, MAX_HEADER_SECTION, MAX_HEADERS, ServerHandshake,
};

/// The nonce of the example in RFC 6455 section 1.3, whose key is `dGhlIHNhbXBsZSBub25jZQ==`.
const NONCE: [u8; 16] = *b"the sample nonce";

/// Returns the response of the example with additional `lines`.
fn answer(lines: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{lines}\r\n"
    )
}

fn request() -> ClientRequest {
    ClientRequest {
        host: "example.com:8080".into(),
        target: "/chat?room=1".into(),
        ..ClientRequest::default()
    }
}

fn with_protocols() -> ClientRequest {
    ClientRequest { protocols: vec!["chat".into(), "superchat".into()], ..request() }
}

fn with_deflate() -> ClientRequest {
    ClientRequest { deflate: Some(DeflateOptions::default()), ..request() }
}

fn begin(request: ClientRequest) -> (ClientHandshake, Vec<u8>) {
    let mut out = Vec::new();
    let handshake = ClientHandshake::new(request, NONCE, &mut out).expect("can be sent");
    (handshake, out)
}

/// Returns the result of `text` as the response, and checks that it does not depend on the chunks.
fn result(request: &ClientRequest, text: impl AsRef<[u8]>) -> Result<Response, HandshakeError> {
    let receive = |step| {
        let mut handshake = begin(request.clone()).0;
        for chunk in text.as_ref().chunks(step) {
            if let Some(response) = handshake.receive(chunk)?.1 {
                return Ok(Some(response));
            }
        }
        Ok(None)
    };
    let whole = receive(usize::MAX);
    for step in [1, 2, 5, 64] {
        assert_eq!(receive(step), whole, "in chunks of {step}");
    }
    whole.map(|response| response.expect("the response is complete"))
}

fn rejected(text: impl AsRef<[u8]>) -> HandshakeError {
    result(&request(), text).expect_err("must be rejected")
}

#[test]
fn the_request_matches_the_example_of_the_rfc() {
    let (_, out) = begin(ClientRequest {
        headers: vec![("Origin".into(), "http://example.com".into())],
        deflate: Some(DeflateOptions::default()),
        ..with_protocols()
    });
    assert_eq!(
        String::from_utf8(out).expect("ASCII"),
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Origin: http://example.com\r\n\r\n"
    );
}

#[test]
fn the_response_of_the_rfc_opens_the_connection() {
    let response =
        result(&with_protocols(), answer("Sec-WebSocket-Protocol: superchat\r\nX: y\r\n"))
            .expect("valid");
    assert_eq!(response.protocol.as_deref(), Some("superchat"));
    assert_eq!(response.deflate, None);
    assert_eq!(response.headers.get("x"), Some("y"));
    assert_eq!(response.headers.iter().count(), 5);
    // No sub-protocol chosen: the caller decides whether that is acceptable.
    assert_eq!(result(&with_protocols(), answer("")).expect("valid").protocol, None);
    let text = answer("").replace("Upgrade: websocket", "upgrade:WEBSOCKET");
    let text = text.replace("Connection: Upgrade", "connection: keep-alive,\tupgrade ");
    assert!(result(&request(), text).is_ok());
}

#[test]
fn bytes_after_the_response_are_not_consumed() {
    let text = answer("");
    let bytes = [text.as_bytes(), b"\x81\x00"].concat();
    let (used, response) = begin(request()).0.receive(&bytes).expect("valid");
    assert_eq!(used, text.len());
    assert!(response.is_some());
}

#[test]
fn each_header_of_the_response_is_checked() {
    let without = |line| answer("").replace(line, "");
    assert_eq!(rejected(without("Upgrade: websocket\r\n")), HandshakeError::Upgrade);
    assert_eq!(rejected(answer("").replace("websocket", "h2c")), HandshakeError::Upgrade);
    assert_eq!(rejected(answer("").replace("websocket", "websocket, x")), HandshakeError::Upgrade);
    assert_eq!(rejected(without("Connection: Upgrade\r\n")), HandshakeError::Connection);
    assert_eq!(
        rejected(answer("").replace("Connection: Upgrade", "Connection: close")),
        HandshakeError::Connection
    );
    assert_eq!(
        rejected(without("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")),
        HandshakeError::Accept
    );
    // Base64 is case-sensitive.
    assert_eq!(rejected(answer("").replace("s3pPLM", "S3pPLM")), HandshakeError::Accept);
    for (line, name) in [
        ("Upgrade: websocket\r\n", "Upgrade"),
        ("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "Sec-WebSocket-Accept"),
    ] {
        assert_eq!(rejected(answer(line)), HandshakeError::Repeated(name));
    }
}

#[test]
fn a_sub_protocol_must_have_been_offered() {
    let chosen = |request: &ClientRequest, lines: &str| {
        result(request, answer(lines)).expect_err("must be rejected")
    };
    let chat = "Sec-WebSocket-Protocol: chat\r\n";
    assert_eq!(chosen(&request(), chat), HandshakeError::Protocol("chat".into()));
    for name in ["Chat", "other", "", "chat, superchat"] {
        let line = format!("Sec-WebSocket-Protocol: {name}\r\n");
        assert_eq!(chosen(&with_protocols(), &line), HandshakeError::Protocol(name.into()));
    }
    let twice = HandshakeError::Repeated("Sec-WebSocket-Protocol");
    assert_eq!(chosen(&with_protocols(), &chat.repeat(2)), twice);
    let long = format!("Sec-WebSocket-Protocol: {}\r\n", "x".repeat(1000));
    assert_eq!(chosen(&request(), &long), HandshakeError::Protocol("x".repeat(128)));
}

#[test]
fn an_extension_must_have_been_offered() {
    let line = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let not_offered = HandshakeError::Extension("permessage-deflate".into());
    assert_eq!(rejected(answer(line)), not_offered);
    let chosen = |lines: &str| result(&with_deflate(), answer(lines));
    assert!(chosen(line).expect("offered").deflate.is_some());
    assert_eq!(chosen("").expect("valid").deflate, None);
    assert_eq!(chosen(&line.repeat(2)), Err(not_offered.clone()));
    assert_eq!(chosen(&line.replace("deflate", "deflate; x")), Err(not_offered));
    assert_eq!(
        chosen(&line.replace("permessage-deflate", "x")),
        Err(HandshakeError::Extension("x".into()))
    );
    assert_eq!(chosen(&line.replace("deflate", "deflate;")), Err(HandshakeError::ExtensionSyntax));
    let eight = line.replace("deflate\r", "deflate; client_max_window_bits=8\r");
    assert_eq!(
        chosen(&eight).expect("valid").deflate.map(|deflate| deflate.window_bits()),
        Some(8)
    );
}

#[test]
fn other_statuses_are_rejections() {
    let rejection = |status: u16, reason: &str| HandshakeError::Rejected {
        status,
        reason: reason.into(),
        text_len: 0,
    };
    assert_eq!(
        rejected("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n"),
        rejection(403, "Forbidden")
    );
    assert_eq!(rejected("HTTP/1.0 500 \r\n\r\n"), rejection(500, ""));
    assert_eq!(rejected("HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n"), rejection(301, "Moved"));
    let long = format!("HTTP/1.1 400 {}\r\n\r\n", "x".repeat(1000));
    assert_eq!(rejected(long), rejection(400, &"x".repeat(128)));
    assert_eq!(
        rejection(301, "Moved").to_string(),
        "the server sent a redirect, which is not followed: 301 Moved"
    );
    assert_eq!(rejected(answer("").replace("HTTP/1.1", "HTTP/1.0")), HandshakeError::NotHttp);
}

#[test]
fn a_rejection_reports_the_first_line_of_its_body() {
    let text = |body: &str| {
        let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; x\r\n";
        match rejected(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())) {
            HandshakeError::Rejected { status: 503, reason, .. } => reason,
            error => panic!("{error}"),
        }
    };
    assert_eq!(text("the server is full\n"), "the server is full");
    assert_eq!(text("\u{1b}[31mone\r\ntwo"), "[31mone");
    assert_eq!(text(""), "Service Unavailable");
    assert_eq!(text("\n"), "Service Unavailable");
    assert_eq!(text(&"x".repeat(2000)), "x".repeat(128));
    assert_eq!(text(&"x".repeat(5000)), "Service Unavailable", "longer than is read");
    // The connection ends before the text is complete.
    let (mut handshake, _) = begin(request());
    let cut =
        "HTTP/1.1 403 No\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nnot for you";
    assert_eq!(handshake.receive(cut.as_bytes()).map(|(used, _)| used), Ok(cut.len()));
    let error = handshake.handle_end().expect("refused");
    assert_eq!(error.to_string(), "the server refused the connection: 403 not for you");
    assert!(begin(request()).0.handle_end().is_none());
}

#[test]
fn responses_that_are_not_http_or_too_long_are_rejected() {
    assert_eq!(rejected("\x15\x03\x01"), HandshakeError::Tls);
    assert_eq!(rejected("SSH-2.0-x\r\n"), HandshakeError::NotHttp);
    assert_eq!(rejected("HTTP/2 101\r\n\r\n"), HandshakeError::NotHttp);
    assert_eq!(rejected(answer("no colon\r\n")), HandshakeError::NotHttp);
    assert_eq!(rejected(answer("X: a\r\n b\r\n")), HandshakeError::NotHttp);
    assert_eq!(rejected(answer("").replace("\r\n", "\n")), HandshakeError::LineEnd);
    assert_eq!(rejected(answer(&"X: y\r\n".repeat(MAX_HEADERS))), HandshakeError::TooLong);
    let long = format!("X: {}\r\n", "a".repeat(MAX_HEADER_SECTION));
    assert_eq!(rejected(answer(&long)), HandshakeError::TooLong);
    assert_eq!(rejected("H".repeat(10_000_000)), HandshakeError::TooLong);
    let latin = [b"HTTP/1.1 101 x\r\nX: \xE9\r\n\r\n".as_slice()].concat();
    assert_eq!(rejected(latin), HandshakeError::NotHttp);
}

#[test]
fn invalid_requests_are_not_sent() {
    let invalid = |request| {
        let mut out = Vec::new();
        let error = ClientHandshake::new(request, NONCE, &mut out).expect_err("must be rejected");
        assert_eq!(out, b"");
        error
    };
    let split = "x\r\nX: y\r\n\r\nGET / HTTP/1.1";
    for host in ["", "a b", "a/b", "a\r\nb", "a@b", "é.example", split] {
        assert_eq!(invalid(ClientRequest { host: host.into(), ..request() }), InvalidRequest::Host);
    }
    for target in ["", "x", "/a b", "/é", "/a#b", "/a\r\nX: y", "/\0", "/\x7F", "http://x/"] {
        let request = ClientRequest { target: target.into(), ..request() };
        assert_eq!(invalid(request), InvalidRequest::Target, "{target:?}");
    }
    for name in ["", "a b", "a,b", "é", split] {
        let request = ClientRequest { protocols: vec![name.into()], ..request() };
        assert_eq!(invalid(request), InvalidRequest::Protocol(name.into()));
    }
    let twice = ClientRequest { protocols: vec!["a".into(), "b".into(), "a".into()], ..request() };
    assert_eq!(invalid(twice), InvalidRequest::RepeatedProtocol("a".into()));
    let header = |name: &str, value: &str| {
        invalid(ClientRequest { headers: vec![(name.into(), value.into())], ..request() })
    };
    for (name, value) in [("", "x"), ("a b", "x"), ("X:", "y"), (split, "x"), ("X", split)] {
        assert_eq!(header(name, value), InvalidRequest::Header(name.into()));
    }
    for value in ["a\nb", "a\rb", "a\0b", "\x1B[31m"] {
        assert_eq!(header("X", value), InvalidRequest::Header("X".into()));
    }
    for name in ["host", "UPGRADE", "Connection", "sec-websocket-key", "Content-Length"] {
        assert_eq!(header(name, "x"), InvalidRequest::HandshakeHeader(name.into()));
    }
}

/// Both roles of this crate against each other.
#[test]
fn client_and_server_agree() {
    for deflate in [None, Some(DeflateOptions::default())] {
        let offers = deflate.is_some();
        let (mut client, bytes) = begin(ClientRequest {
            deflate,
            headers: vec![("Cookie".into(), "a=b; c".into())],
            ..with_protocols()
        });
        let (used, request) = ServerHandshake::new().receive(&bytes).expect("valid");
        let request = request.and_then(IncomingRequest::upgrade).expect("whole");
        assert_eq!(used, bytes.len());
        assert_eq!((request.path(), request.query()), ("/chat", "room=1"));
        assert_eq!(request.header("cookie"), Some("a=b; c"));
        let options = DeflateOptions { context_takeover: false, ..DeflateOptions::default() };
        let negotiated = request.negotiate_deflate(&options);
        assert_eq!(negotiated.is_some(), offers);
        let mut out = Vec::new();
        let extra = [
            ("X-Server", "lodewire"),
            ("Upgrade", "h2c"),
            ("sec-websocket-accept", "x"),
            ("X-Bad", "a\r\nX: b"),
            ("X Bad", "a"),
        ];
        let extra = extra.map(|(name, value)| (name.to_owned(), value.to_owned()));
        request.accept(Some("superchat"), negotiated.as_ref(), &extra, &mut out);
        let (used, response) = client.receive(&out).expect("valid");
        let response = response.expect("whole");
        assert_eq!(used, out.len());
        assert_eq!(response.protocol.as_deref(), Some("superchat"));
        assert_eq!(response.headers.get("x-server"), Some("lodewire"));
        assert_eq!(response.headers.iter().count(), if offers { 6 } else { 5 });
        assert_eq!(response.deflate.is_some(), offers);
        if let (Some(server), Some(client)) = (negotiated, response.deflate) {
            assert!(!server.context_takeover() && !client.peer_context_takeover());
            assert!(server.peer_context_takeover() && client.context_takeover());
        }
    }
}

use super::*;
use lodewire_websocket::{IncomingRequest, ServerHandshake};

fn proxies(header: ProxyHeader, trusted: &[&str]) -> Proxies {
    let trusted: Vec<_> = trusted.iter().map(|text| (*text).to_owned()).collect();
    Proxies::new(header, &trusted).expect("networks")
}

fn request(lines: &str) -> Request {
    let text = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    );
    let (_, request) = ServerHandshake::new().receive(text.as_bytes()).expect("a request");
    request.and_then(IncomingRequest::upgrade).expect("a complete request")
}

fn client(proxies: &Proxies, remote: &str, lines: &str) -> Result<String, u16> {
    let remote = SocketAddr::new(remote.parse().expect("an address"), 5000);
    let client = proxies.client_of(&request(lines), remote);
    client.map(|address| address.to_string()).map_err(|rejection| rejection.status.code())
}

#[test]
fn trusted_networks_are_parsed() {
    let list = ["10.0.0.0/8".to_owned(), "::1".to_owned(), "127.0.0.1".to_owned()];
    let proxies = Proxies::new(ProxyHeader::ProxyProtocol, &list).expect("networks");
    for (ip, trusted) in [
        ("10.200.1.1", true),
        ("::ffff:10.1.1.1", true),
        ("11.0.0.1", false),
        ("127.0.0.1", true),
        ("127.0.0.2", false),
        ("::1", true),
    ] {
        let greeting = proxies.expected_preamble(ip.parse().expect("an address"));
        let expected =
            if trusted { ExpectedPreamble::ProxyProtocol } else { ExpectedPreamble::Refused };
        assert_eq!(greeting, expected, "{ip}");
    }
    for bad in ["", "proxy.example", "10.0.0.0/33", "10.0.0.1:80"] {
        let list = [bad.to_owned()];
        assert_eq!(Proxies::new(ProxyHeader::None, &list), Err(bad));
    }
}

#[test]
fn without_a_proxy_header_forwarded_addresses_are_ignored() {
    let no_proxy = Proxies::default();
    assert_eq!(no_proxy.expected_preamble([1, 2, 3, 4].into()), ExpectedPreamble::None);
    let address = client(&no_proxy, "1.2.3.4", "X-Forwarded-For: 5.6.7.8\r\n");
    assert_eq!(address.as_deref(), Ok("1.2.3.4:5000"));
}

#[test]
fn x_forwarded_for_is_evaluated_from_its_end() {
    let ours = proxies(ProxyHeader::XForwardedFor, &["10.0.0.0/8", "fd00::/8"]);
    for (lines, expected) in [
        ("X-Forwarded-For: 9.9.9.9\r\n", Ok("9.9.9.9:5000")),
        ("x-forwarded-for: 6.6.6.6, 9.9.9.9\r\n", Ok("9.9.9.9:5000")),
        ("X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.1.1.1\r\n", Ok("9.9.9.9:5000")),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 9.9.9.9,fd00::7\r\n", Ok("9.9.9.9:5000")),
        ("X-Forwarded-For: 10.9.9.9, 10.1.1.1\r\n", Ok("10.9.9.9:5000")),
        ("X-Forwarded-For: nobody, 2001:db8::1\r\n", Ok("[2001:db8::1]:5000")),
        ("X-Forwarded-For: [2001:db8::1]\r\n", Ok("[2001:db8::1]:5000")),
        ("X-Forwarded-For: [2001:db8::1]:77\r\n", Ok("[2001:db8::1]:5000")),
        ("X-Forwarded-For: 9.9.9.9:1234\r\n", Ok("9.9.9.9:5000")),
        ("X-Forwarded-For: ::ffff:9.9.9.9\r\n", Ok("9.9.9.9:5000")),
        ("", Err(400)),
        ("X-Forwarded-For:\r\n", Err(400)),
        ("X-Forwarded-For: unknown\r\n", Err(400)),
        ("X-Forwarded-For: 9.9.9.9,\r\n", Err(400)),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(client(&ours, "10.0.0.1", lines), expected, "{lines}");
    }
    assert_eq!(client(&ours, "9.9.9.9", "X-Forwarded-For: 10.0.0.1\r\n"), Err(403));
}

#[test]
fn headers_of_both_versions_are_parsed() {
    let v1 = b"PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\nGET";
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x09\x09\x09\x09\x0a\0\0\x01\x0f\xa0\0\x50GET";
    for header in [&v1[..], &v2[..]] {
        let complete = header.len() - 3;
        for len in 1..complete {
            assert!(matches!(parse_header(&header[..len]), Ok(None)), "{len}");
        }
        let source = "9.9.9.9:4000".parse().expect("an address");
        assert_eq!(parse_header(header).expect("good"), Some((Some(source), complete)));
    }
}

#[test]
fn a_local_header_has_no_address() {
    let v1 = b"PROXY UNKNOWN\r\n";
    assert_eq!(parse_header(v1).expect("good"), Some((None, v1.len())));
    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    assert_eq!(parse_header(v2).expect("good"), Some((None, v2.len())));
}

#[test]
fn invalid_and_too_long_headers_are_rejected() {
    for bad in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00",
        b"PROXY TCP4 9.9.9.9 10.0.0.1 4000 65536\r\n",
        b"PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\r",
    ] {
        assert!(parse_header(bad).is_err(), "{bad:?}");
    }
    let endless = [b"PROXY ".as_slice(), &[b'A'; 200]].concat();
    assert!(parse_header(&endless).is_err());
    // An excessive length: 65,535 bytes of TLVs.
    let mut long = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec();
    assert!(matches!(parse_header(&long), Ok(None)));
    long.resize(MAX_PROXY_HEADER, 0);
    assert!(parse_header(&long).is_err());
}

/// The parser is a library, which must not panic for any input.
#[test]
fn random_headers_do_not_panic() {
    let seeds: [&[u8]; 3] = [
        b"PROXY TCP6 2001:db8::1 2001:db8::2 4000 80\r\n",
        b"PROXY UNKNOWN whatever\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..200_000_usize {
        let mut bytes = seeds[round % 3].to_vec();
        for _ in 0..random() % 4 {
            let at = usize::try_from(random() % bytes.len() as u64).expect("small");
            bytes[at] = random().to_le_bytes()[0];
        }
        bytes.truncate(usize::try_from(random() % 64).expect("small"));
        if let Ok(Some((_, used))) = parse_header(&bytes) {
            assert!(used <= bytes.len());
        }
    }
}

#[test]
fn a_partial_header_is_read_so_that_the_next_read_would_block() {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let mut proxy = std::net::TcpStream::connect(address).expect("listens");
    let (accepted, _) = listener.accept().expect("a connection");
    accepted.set_nonblocking(true).expect("a socket");
    let tcp = TcpStream::from_std(accepted);
    let (mut partial, mut buffer) = (Box::<[u8]>::default(), [0; 4096]);
    let header = b"PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\n";
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    for sent in 1..header.len() {
        proxy.write_all(&header[sent - 1..sent]).expect("sent");
        while partial.len() < sent {
            let read = read_header(&tcp, &mut partial, &mut buffer).expect("no error");
            assert!(read.is_none() && std::time::Instant::now() < end);
        }
        let left = tcp.peek(&mut buffer).expect_err("all is taken");
        assert_eq!(left.kind(), ErrorKind::WouldBlock);
    }
    proxy.write_all(&[&header[header.len() - 1..], b"GET /"].concat()).expect("sent");
    let source = loop {
        if let Some(source) = read_header(&tcp, &mut partial, &mut buffer).expect("no error") {
            break source;
        }
        assert!(std::time::Instant::now() < end);
    };
    assert_eq!(source, Some("9.9.9.9:4000".parse().expect("an address")));
    let left = tcp.peek(&mut buffer).expect("the request");
    assert_eq!(&buffer[..left], b"GET /", "what follows is left");
}

//! A server behind a load balancer: whose connection it is, and how the server is.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::websocket::{Config, Proxies, ProxyHeader, Server, ServerEvent};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// How long anything is waited for: it only ends a hang.
const PATIENCE: Duration = Duration::from_mins(5);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

fn config() -> Config {
    Config { handshake_timeout: PATIENCE, ..Config::default() }
}

fn listen(config: Config) -> Server {
    Server::listen(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, config).expect("a free port")
}

fn behind(header: ProxyHeader, trusted: &str) -> Server {
    let proxies = Proxies::new(header, &[trusted.to_owned()]).expect("a network");
    listen(Config { proxies, ..config() })
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("a server");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// What the server says to `sent`, to the end of the connection or of the answer's header section.
fn answer(server: &Server, sent: &[u8]) -> String {
    let mut stream = connect(server);
    // A connection that is refused may be gone already.
    let _ = stream.write_all(sent);
    told(&mut stream)
}

fn told(stream: &mut TcpStream) -> String {
    let mut told = Vec::new();
    let mut byte = [0];
    while !told.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        told.push(byte[0]);
    }
    String::from_utf8(told).expect("ASCII")
}

fn address_of_the_one_client(server: &mut Server) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        server.poll();
        if let Some(event) = server.next_event() {
            let ServerEvent::Connected(id) = event else {
                unreachable!("one client connects: {event:?}");
            };
            return server.peer(id).expect("it is there").remote().to_string();
        }
        assert!(Instant::now() < end, "nobody connects");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_proxy_protocol_tells_who_it_is_however_it_is_cut() {
    let v1 = b"PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\n".to_vec();
    let v2 =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x09\x09\x09\x09\x0a\0\0\x01\x0f\xa0\0\x50".to_vec();
    for header in [v1, v2] {
        for cut in [0, 7, header.len() - 1, header.len()] {
            let mut server = behind(ProxyHeader::ProxyProtocol, "127.0.0.0/8");
            let mut stream = connect(&server);
            stream.set_nodelay(true).expect("a socket");
            let all = [&header, REQUEST.as_bytes(), b"\r\n"].concat();
            stream.write_all(&all[..cut]).expect("sent");
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(&all[cut..]).expect("sent");
            assert!(told(&mut stream).starts_with("HTTP/1.1 101 "), "cut at {cut}");
            assert_eq!(address_of_the_one_client(&mut server), "9.9.9.9:4000");
        }
    }
}

#[test]
fn without_the_expected_header_nobody_comes_in() {
    let server = behind(ProxyHeader::ProxyProtocol, "127.0.0.1");
    assert_eq!(answer(&server, format!("{REQUEST}\r\n").as_bytes()), "");
    let elsewhere = behind(ProxyHeader::ProxyProtocol, "10.0.0.0/8");
    let good = format!("PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\n{REQUEST}\r\n");
    assert_eq!(answer(&elsewhere, good.as_bytes()), "");
    let server = behind(ProxyHeader::XForwardedFor, "127.0.0.1");
    let told = answer(&server, format!("{REQUEST}\r\n").as_bytes());
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    let elsewhere = behind(ProxyHeader::XForwardedFor, "10.0.0.0/8");
    let good = format!("{REQUEST}X-Forwarded-For: 9.9.9.9\r\n\r\n");
    let told = answer(&elsewhere, good.as_bytes());
    assert!(told.starts_with("HTTP/1.1 403 "), "{told}");
}

#[test]
fn a_header_of_the_request_tells_who_it_is() {
    let mut server = behind(ProxyHeader::XForwardedFor, "127.0.0.1");
    let mut stream = connect(&server);
    let request = format!("{REQUEST}X-Forwarded-For: 6.6.6.6, 9.9.9.9\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    assert!(told(&mut stream).starts_with("HTTP/1.1 101 "));
    assert!(address_of_the_one_client(&mut server).starts_with("9.9.9.9:"));
}

#[test]
fn a_silent_proxy_is_not_waited_for_for_ever() {
    let trusted = ["127.0.0.1".to_owned()];
    let proxies = Proxies::new(ProxyHeader::ProxyProtocol, &trusted);
    let server = listen(Config {
        proxies: proxies.expect("an address"),
        handshake_timeout: Duration::from_millis(50),
        ..Config::default()
    });
    let mut stream = connect(&server);
    stream.write_all(b"PROXY TCP4 9.9").expect("sent");
    // The end of the connection, which may be a reset, and not that of our own wait.
    let ended = stream.read(&mut [0; 16]);
    let is_over = match &ended {
        Ok(len) => *len == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(is_over, "{ended:?}");
}

fn health(server: &Server) -> String {
    let told = answer(server, b"GET /health HTTP/1.0\r\n\r\n");
    told.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_balancer_is_told_how_the_server_is() {
    let config = || Config { health_path: Some("/health".into()), ..config() };
    let server = listen(config());
    assert_eq!(health(&server), "200");
    server.set_draining(true);
    assert_eq!(health(&server), "503");
    let request = format!("{REQUEST}\r\n");
    assert!(answer(&server, request.as_bytes()).starts_with("HTTP/1.1 101 "), "taken all the same");
    server.set_draining(false);
    server.set_refusing(true);
    assert_eq!(health(&server), "503");
    server.set_refusing(false);
    assert_eq!(health(&server), "200");
    let full = listen(Config { max_clients: 1, ..config() });
    let mut only = connect(&full);
    only.write_all(request.as_bytes()).expect("sent");
    assert!(told(&mut only).starts_with("HTTP/1.1 101 "));
    assert_eq!(health(&full), "503");
    // Without a path it is a WebSocket server and nothing else.
    assert_eq!(health(&listen(self::config())), "505");
}

#[test]
fn a_game_that_hangs_is_not_well() {
    let mut server = listen(Config {
        health_path: Some("/health".into()),
        health_timeout: Some(Duration::from_millis(200)),
        ..config()
    });
    // Where the machine is slow, the game may be too late once more.
    let mut is_well = |polls: bool, wanted: &str| {
        let end = Instant::now() + PATIENCE;
        loop {
            if polls {
                server.poll();
            }
            if health(&server) == wanted {
                break;
            }
            assert!(Instant::now() < end, "it is not {wanted}");
        }
    };
    is_well(true, "200");
    is_well(false, "503");
    is_well(true, "200");
}

//! A server behind a load balancer: client addresses and health checks.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::websocket::{Config, Proxies, ProxyHeader, Server, ServerEvent};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

fn config() -> Config {
    Config { handshake_timeout: TIMEOUT, ..Config::default() }
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
    stream.set_read_timeout(Some(TIMEOUT)).expect("a socket");
    stream
}

/// Returns the server's response to `sent`, up to the end of the connection or of the header section.
fn answer(server: &Server, sent: &[u8]) -> String {
    let mut stream = connect(server);
    // A rejected connection may be closed already.
    let _ = stream.write_all(sent);
    read_response(&mut stream)
}

fn read_response(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    let mut byte = [0];
    while !response.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        response.push(byte[0]);
    }
    String::from_utf8(response).expect("ASCII")
}

fn address_of_the_only_client(server: &mut Server) -> String {
    let end = Instant::now() + TIMEOUT;
    loop {
        server.poll();
        if let Some(event) = server.next_event() {
            let ServerEvent::Connected(id) = event else {
                unreachable!("one client connects: {event:?}");
            };
            return server.peer(id).expect("the peer exists").remote().to_string();
        }
        assert!(Instant::now() < end, "no client connects");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_proxy_protocol_sets_the_client_address_in_any_chunks() {
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
            assert!(read_response(&mut stream).starts_with("HTTP/1.1 101 "), "cut at {cut}");
            assert_eq!(address_of_the_only_client(&mut server), "9.9.9.9:4000");
        }
    }
}

#[test]
fn connections_without_the_expected_proxy_header_are_rejected() {
    let server = behind(ProxyHeader::ProxyProtocol, "127.0.0.1");
    assert_eq!(answer(&server, format!("{REQUEST}\r\n").as_bytes()), "");
    let elsewhere = behind(ProxyHeader::ProxyProtocol, "10.0.0.0/8");
    let good = format!("PROXY TCP4 9.9.9.9 10.0.0.1 4000 80\r\n{REQUEST}\r\n");
    assert_eq!(answer(&elsewhere, good.as_bytes()), "");
    let server = behind(ProxyHeader::XForwardedFor, "127.0.0.1");
    let response = answer(&server, format!("{REQUEST}\r\n").as_bytes());
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    let elsewhere = behind(ProxyHeader::XForwardedFor, "10.0.0.0/8");
    let good = format!("{REQUEST}X-Forwarded-For: 9.9.9.9\r\n\r\n");
    let response = answer(&elsewhere, good.as_bytes());
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
}

#[test]
fn x_forwarded_for_sets_the_client_address() {
    let mut server = behind(ProxyHeader::XForwardedFor, "127.0.0.1");
    let mut stream = connect(&server);
    let request = format!("{REQUEST}X-Forwarded-For: 6.6.6.6, 9.9.9.9\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    assert!(read_response(&mut stream).starts_with("HTTP/1.1 101 "));
    assert!(address_of_the_only_client(&mut server).starts_with("9.9.9.9:"));
}

#[test]
fn an_incomplete_proxy_header_times_out() {
    let trusted = ["127.0.0.1".to_owned()];
    let proxies = Proxies::new(ProxyHeader::ProxyProtocol, &trusted);
    let server = listen(Config {
        proxies: proxies.expect("an address"),
        handshake_timeout: Duration::from_millis(50),
        ..Config::default()
    });
    let mut stream = connect(&server);
    stream.write_all(b"PROXY TCP4 9.9").expect("sent");
    // The end of the connection, possibly a reset, not a timeout of this read.
    let ended = stream.read(&mut [0; 16]);
    let is_over = match &ended {
        Ok(len) => *len == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    assert!(is_over, "{ended:?}");
}

fn health(server: &Server) -> String {
    let response = answer(server, b"GET /health HTTP/1.0\r\n\r\n");
    response.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn health_checks_report_draining_refusing_and_full_servers() {
    let config = || Config { health_path: Some("/health".into()), ..config() };
    let server = listen(config());
    assert_eq!(health(&server), "200");
    server.set_draining(true);
    assert_eq!(health(&server), "503");
    let request = format!("{REQUEST}\r\n");
    assert!(
        answer(&server, request.as_bytes()).starts_with("HTTP/1.1 101 "),
        "clients are still accepted"
    );
    server.set_draining(false);
    server.set_refusing(true);
    assert_eq!(health(&server), "503");
    server.set_refusing(false);
    assert_eq!(health(&server), "200");
    let full = listen(Config { max_clients: 1, ..config() });
    let mut only = connect(&full);
    only.write_all(request.as_bytes()).expect("sent");
    assert!(read_response(&mut only).starts_with("HTTP/1.1 101 "));
    assert_eq!(health(&full), "503");
    // Without a health path the request is not a health check.
    assert_eq!(health(&listen(self::config())), "505");
}

#[test]
fn a_health_check_fails_when_the_game_does_not_poll() {
    let mut server = listen(Config {
        health_path: Some("/health".into()),
        health_timeout: Some(Duration::from_millis(200)),
        ..config()
    });
    // On a slow machine the game may poll too late again.
    let mut wait_for_status = |polls: bool, wanted: &str| {
        let end = Instant::now() + TIMEOUT;
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
    wait_for_status(true, "200");
    wait_for_status(false, "503");
    wait_for_status(true, "200");
}

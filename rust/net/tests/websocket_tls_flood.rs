//! Unfinished and finished TLS handshakes.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::Bind;
use lodewire_net::certificates::TrustAnchors;
use lodewire_net::tls::{ClientTls, ServerTls};
use lodewire_net::websocket::{
    Client, ClientConfig, ClientEvent, Config, Server, Settings, WebSocketUrl,
};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Number of handshakes that may be unfinished at once, and that may follow per second.
const BURST: usize = 1024;
const FOLLOW: u128 = 64;

fn listen() -> Server {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let (key, pem) = (made.signing_key.serialize_pem(), made.cert.pem());
    let tls = Some(ServerTls::from_pem(&key, &pem, "").expect("a pair"));
    Server::listen(Bind::Any, 0, Config { tls, ..Config::default() }).expect("a free port")
}

/// Performs a TLS handshake and sends an opening request. Returns true if it was answered.
fn joins(server: &Server, ip: IpAddr) -> bool {
    let target = WebSocketUrl::parse(&format!("wss://localhost:{}/", server.local_port()));
    let tls = Some(ClientTls::new(TrustAnchors::Insecure).expect("a trust"));
    let config = ClientConfig {
        settings: Settings::default(),
        protocols: Vec::new(),
        headers: Vec::new(),
        timeout: TIMEOUT,
        tls,
    };
    let mut client = Client::connect(&target.expect("a URL"), &[ip], config).expect("it starts");
    loop {
        client.poll();
        match client.next_event() {
            Some(ClientEvent::Established) => return true,
            Some(ClientEvent::Failed(_)) => return false,
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Returns a ClientHello with X25519 and ECDSA, for TLS 1.2 only.
fn hello() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xC0, 0x2B, 1, 0]);
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 29, // supported groups: X25519
        0, 11, 0, 2, 1, 0, // uncompressed points
        0, 13, 0, 4, 0, 2, 4, 3, // ECDSA with SHA-256
    ];
    body.extend(u16::try_from(extensions.len()).expect("short").to_be_bytes());
    body.extend(extensions);
    let len = u8::try_from(body.len()).expect("short");
    let mut record = vec![22, 3, 1, 0, len + 4, 1, 0, 0, len];
    record.extend(body);
    record
}

/// Sends a ClientHello and disconnects. Returns true if the server has sent its ServerHello.
fn leaves_unfinished(server: &Server, hello: &[u8]) -> bool {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port()));
    let mut stream = stream.expect("it listens");
    stream.set_read_timeout(Some(TIMEOUT)).expect("an option");
    let mut first = [0];
    let answered = stream.write_all(hello).is_ok()
        && stream.read(&mut first).is_ok_and(|len| len == 1 && first == [22]);
    let _ = stream.shutdown(Shutdown::Both);
    answered
}

#[test]
fn unfinished_handshakes_per_address_are_bounded_and_other_addresses_connect() {
    let server = listen();
    let hello = hello();
    let begin = Instant::now();
    assert!(leaves_unfinished(&server, &hello), "the hello is answered");
    let answered = 1 + (0..3 * BURST).filter(|_| leaves_unfinished(&server, &hello)).count();
    let followed = begin.elapsed().as_millis() * FOLLOW / 1000;
    let most = BURST + usize::try_from(followed).expect("few") + 1;
    assert!(answered <= most, "{answered} of at most {most}");
    assert!(answered >= BURST, "{answered}: a burst is answered");
    if TcpStream::connect((Ipv6Addr::LOCALHOST, server.local_port())).is_ok() {
        assert!(joins(&server, Ipv6Addr::LOCALHOST.into()), "another address");
    }
}

#[test]
fn finished_handshakes_do_not_count() {
    let server = listen();
    for number in 0..BURST + 200 {
        assert!(joins(&server, Ipv4Addr::LOCALHOST.into()), "{number}");
    }
}

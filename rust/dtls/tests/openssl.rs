//! Interoperability with OpenSSL's command line in both roles: cipher suites, groups, kinds of keys, MTUs.

#![expect(clippy::expect_used, clippy::panic, reason = "a test")]

mod certified_keys;

use certified_keys::{Kind, PinnedCertificate, TestKey, cached_key};
use lodewire_dtls::{
    Alert, ClientConfig, ClientHelloVerification, Connection, CookieGenerator, Error, Limits,
    ServerConfig, State,
};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Time limit of all waits, which only ends a hang.
const TIMEOUT: Duration = Duration::from_mins(5);

/// A running `openssl`.
struct OpenSsl {
    child: Child,
    lines: Receiver<String>,
    printed: String,
}

impl OpenSsl {
    /// Returns `None` if OpenSSL is not installed.
    fn start(arguments: &[String]) -> Option<Self> {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Some(Self { child, lines, printed: String::new() })
    }

    fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        // In one write: OpenSSL sends what it reads at once as one packet.
        input.write_all(format!("{line}\n").as_bytes()).expect("it runs");
    }

    /// Returns the port that a server has printed.
    fn port(&mut self) -> u16 {
        let end = Instant::now() + TIMEOUT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("a port");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                return address.parse::<SocketAddr>().expect("an address").port();
            }
        }
    }

    fn has_printed(&mut self, what: &str) -> bool {
        for line in self.lines.try_iter() {
            self.printed += &line;
            self.printed.push('\n');
        }
        let has = self.printed.contains(what);
        if has {
            self.printed.clear();
        }
        has
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection with its socket.
struct Endpoint {
    socket: UdpSocket,
    connection: Connection,
    to: SocketAddr,
}

impl Endpoint {
    /// Serves the connection until `done` returns true.
    fn run(&mut self, mut done: impl FnMut(&mut Connection) -> bool) {
        let end = Instant::now() + TIMEOUT;
        let mut buffer = vec![0; 65_536];
        self.socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket");
        loop {
            if done(&mut self.connection) {
                break;
            }
            let state = self.connection.state();
            assert!(Instant::now() < end && !matches!(state, State::Failed(_)), "{state:?}");
            if let Ok((len, from)) = self.socket.recv_from(&mut buffer)
                && from == self.to
            {
                self.connection.handle_datagram(Instant::now(), &mut buffer[..len]);
            }
            while let Some(job) = self.connection.poll_job() {
                self.connection.handle_job_output(Instant::now(), job.run());
            }
            if self.connection.poll_timeout().is_some_and(|at| at <= Instant::now()) {
                self.connection.handle_timeout(Instant::now());
            }
            self.flush();
        }
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(datagram) = self.connection.poll_transmit() {
            self.socket.send_to(&datagram, self.to).expect("sent");
        }
    }
}

/// Exchanges packets of these lengths both ways, each a line with its newline.
fn talk(end: &mut Endpoint, other: &mut OpenSsl, lengths: &[usize]) {
    for &len in lengths {
        let line = "7".repeat(len - 1);
        let packet = format!("{line}\n").into_bytes();
        end.connection.send(&packet).expect("connected");
        end.run(|_| other.has_printed(&format!("{line}\n")));
        other.type_line(&line);
        // OpenSSL's client reads 8 KiB at a time, and sends them as one packet.
        let mut got = Vec::new();
        end.run(|connection| {
            got.extend(std::iter::from_fn(|| connection.receive()).flatten());
            got.len() >= len
        });
        assert!(got == packet, "{len} bytes are others");
    }
}

fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
}

/// Writes the certificate and the key to files for `openssl`.
fn files(test_key: &TestKey, name: &str) -> [PathBuf; 2] {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let [certificate, key] = ["crt", "key"].map(|end| folder.join(format!("{name}.{end}")));
    fs::write(&certificate, &test_key.certificate_pem).expect("written");
    fs::write(&key, &test_key.key_pem).expect("written");
    [certificate, key]
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Connects our client to a server of OpenSSL, with further options.
fn client_of(kind: Kind, options: &str, limits: Limits, lengths: &[usize]) {
    let test_key = cached_key(kind);
    let [certificate, key] =
        files(&test_key, &format!("server-{kind:?}-{}", options.replace(['/', ' '], "_")));
    let arguments = format!(
        "s_server -dtls1_2 -listen -accept 127.0.0.1:0 -cert {} -key {} {options}",
        certificate.display(),
        key.display()
    );
    let Some(mut server) = OpenSsl::start(&words(&arguments)) else {
        println!("no openssl on this machine");
        return;
    };
    let port = server.port();
    let config = ClientConfig {
        verifier: PinnedCertificate::of(&test_key.certified_key),
        server_name: Some("game.example".to_owned()),
        certified_key: None,
        limits,
    };
    let connection = Connection::connect(Instant::now(), config).expect("random bytes");
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut client = Endpoint { socket: socket(), connection, to };
    client.run(|connection| connection.state() == &State::Connected);
    talk(&mut client, &mut server, lengths);
    client.connection.close();
    client.flush();
}

/// Connects a client of OpenSSL to our server.
fn server_of(kind: Kind, options: &str, limits: Limits, lengths: &[usize]) {
    let test_key = cached_key(kind);
    let socket = socket();
    let port = socket.local_addr().expect("a port").port();
    let arguments = format!("s_client -dtls1_2 -connect 127.0.0.1:{port} {options}");
    let Some(mut client) = OpenSsl::start(&words(&arguments)) else {
        println!("no openssl on this machine");
        return;
    };
    let certified_key = Arc::clone(&test_key.certified_key);
    let config = ServerConfig { certified_key, client_verifier: None, limits };
    let mut cookies = CookieGenerator::new(Instant::now()).expect("random bytes");
    let mut buffer = [0; 4096];
    socket.set_read_timeout(Some(TIMEOUT)).expect("a socket");
    let (connection, to) = loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("a hello");
        match cookies.verify_client_hello(Instant::now(), from, &buffer[..len]) {
            ClientHelloVerification::Ignored => panic!("a ClientHello was ignored"),
            ClientHelloVerification::HelloVerifyRequest(answer) => {
                socket.send_to(&answer, from).expect("sent");
            }
            ClientHelloVerification::Verified(hello) => {
                let accepted = Connection::accept(Instant::now(), config, hello);
                break (accepted.expect("an acceptable ClientHello"), from);
            }
        }
    };
    let mut server = Endpoint { socket, connection, to };
    server.run(|connection| connection.state() == &State::Connected);
    talk(&mut server, &mut client, lengths);
    server.connection.close();
    server.flush();
}

const FEW: &[usize] = &[2, 1000];

const SUITES: [(&str, Kind); 6] = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", Kind::P256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", Kind::P256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", Kind::P384),
    ("ECDHE-RSA-AES128-GCM-SHA256", Kind::Rsa2048),
    ("ECDHE-RSA-AES256-GCM-SHA384", Kind::Rsa2048),
    ("ECDHE-RSA-CHACHA20-POLY1305", Kind::Rsa4096),
];

#[test]
fn all_cipher_suites_interoperate_in_both_roles() {
    for (suite, kind) in SUITES {
        client_of(kind, &format!("-cipher {suite}"), Limits::default(), FEW);
        server_of(kind, &format!("-cipher {suite}"), Limits::default(), FEW);
    }
}

#[test]
fn all_groups_interoperate_in_both_roles() {
    for group in ["X25519", "P-256", "P-384"] {
        client_of(Kind::Rsa2048, &format!("-groups {group}"), Limits::default(), FEW);
        server_of(Kind::Rsa2048, &format!("-groups {group}"), Limits::default(), FEW);
    }
}

#[test]
fn small_mtus_interoperate_in_both_roles() {
    for mtu in [508, 700, 1200] {
        let limits = Limits { mtu, ..Limits::default() };
        client_of(Kind::Rsa2048, &format!("-mtu {mtu}"), limits, FEW);
        server_of(Kind::Rsa2048, &format!("-mtu {mtu}"), limits, FEW);
    }
}

#[test]
fn max_fragment_length_is_respected() {
    for len in [512, 1024, 2048, 4096] {
        server_of(Kind::Rsa2048, &format!("-maxfraglen {len}"), Limits::default(), &[2, 400]);
    }
}

#[test]
fn dtls_1_0_client_gets_protocol_version_alert() {
    let test_key = cached_key(Kind::P256);
    let socket = socket();
    let port = socket.local_addr().expect("a port").port();
    // DTLS 1.0 signs with SHA-1, which only security level 0 allows.
    let arguments =
        format!("s_client -dtls1 -cipher ALL:@SECLEVEL=0 -msg -connect 127.0.0.1:{port}");
    let Some(mut client) = OpenSsl::start(&words(&arguments)) else {
        println!("no openssl on this machine");
        return;
    };
    let certified_key = Arc::clone(&test_key.certified_key);
    let config = ServerConfig { certified_key, client_verifier: None, limits: Limits::default() };
    let mut cookies = CookieGenerator::new(Instant::now()).expect("random bytes");
    let mut buffer = [0; 4096];
    socket.set_read_timeout(Some(TIMEOUT)).expect("a socket");
    loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("a hello");
        let answer = match cookies.verify_client_hello(Instant::now(), from, &buffer[..len]) {
            ClientHelloVerification::Ignored => panic!("a ClientHello was ignored"),
            ClientHelloVerification::HelloVerifyRequest(answer) => answer,
            ClientHelloVerification::Verified(hello) => {
                let rejection = Connection::accept(Instant::now(), config, hello).err();
                let rejection = rejection.expect("an older version");
                assert!(matches!(
                    rejection.cause,
                    Error::PeerMisbehaved(Alert::PROTOCOL_VERSION, _)
                ));
                socket.send_to(&rejection.response.expect("an alert"), from).expect("sent");
                break;
            }
        };
        socket.send_to(&answer, from).expect("sent");
    }
    let end = Instant::now() + TIMEOUT;
    while !client.has_printed("fatal protocol_version") {
        assert!(Instant::now() < end, "it got no alert: {}", client.printed);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn packets_of_every_size_interoperate_in_both_roles() {
    let mut lengths: Vec<_> = (0..199).map(|index| 2 + index * 82).collect();
    lengths.push(16_384);
    client_of(Kind::P256, "", Limits::default(), &lengths);
    server_of(Kind::P256, "", Limits::default(), &lengths);
}

//! WebSocket servers with sockets: how much memory the whole process holds for their clients. What the I/O thread allocates
//! and executes is not counted by the byte: it has a thread of its own.

use crate::meter::Meter;
use crate::row::Row;
use flate2::{Compress, Compression, FlushCompress};
use lodewire_net::Bind;
use lodewire_net::websocket::{Config, DeflateOptions, Limits, Server, ServerEvent, Settings};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
/// A message of a byte.
const MESSAGE: &[u8] = &[0x82, 0x81, 0, 0, 0, 0, 7];
/// Timeout of a client: it only ends a hang.
const HANG: Duration = Duration::from_mins(5);

/// The number of clients that fill a server, and its total receive buffer.
const CLIENTS: usize = 8;
const TOTAL: usize = 4 << 20;
/// The additional memory for each client, as documented.
const BEYOND: usize = 128 << 10;
/// The amount that the clients send at the smallest size, in KiB, before compression.
const SENT: usize = 80;
/// The memory of an inflater.
const INFLATER: usize = 64 << 10;
/// The length of a message that is compressed: a little more than a power of two.
const INFLATED: usize = 33 << 10;

/// The rows of servers with sockets.
pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "websocket server: connections that come and go",
            size: 2,
            allocated: 5,
            instructions: 1000,
            held: 64 << 10,
            run: come_and_go,
        },
        Row {
            name: "websocket server: messages of many, of which the game takes none",
            size: SENT,
            allocated: 1,
            instructions: 1000,
            held: TOTAL + CLIENTS * BEYOND + (256 << 10),
            run: |size, meter| {
                // Of 1 KiB, with a mask that changes nothing.
                let mut message = [0x82, 0x80 | 126, 4, 0, 0, 0, 0, 0].to_vec();
                message.resize(1032, 7);
                fill(&message, size, meter);
            },
        },
        Row {
            name: "websocket server: compressed messages of many, of which the game takes none",
            size: SENT,
            allocated: 1,
            // The client writes little, and waits.
            instructions: 10_000,
            held: TOTAL + CLIENTS * (BEYOND + INFLATER) + (256 << 10),
            run: |size, meter| fill(&compressed(), size * 1024 / INFLATED, meter),
        },
    ]
}

fn listen(limits: Limits) -> Server {
    let deflate = Some(DeflateOptions::default());
    let settings = Settings { limits, deflate, ..Settings::default() };
    let config = Config { settings, ..Config::default() };
    Server::listen(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0, config).expect("a free port")
}

/// A client that has joined.
fn join(server: &Server) -> TcpStream {
    let mut stream =
        TcpStream::connect((Ipv4Addr::LOCALHOST, server.local_port())).expect("it listens");
    stream.set_read_timeout(Some(HANG)).expect("an option");
    stream.write_all(REQUEST).expect("sent");
    let mut answer = [0; 512];
    let mut len = 0;
    while !answer[..len].ends_with(b"\r\n\r\n") {
        len += stream.read(&mut answer[len..]).expect("an answer");
    }
    stream
}

/// One joins, sends a message and goes, until the game was told.
fn visit(server: &mut Server) {
    let mut stream = join(server);
    stream.write_all(MESSAGE).expect("sent");
    drop(stream);
    let end = Instant::now() + HANG;
    while Instant::now() < end {
        server.poll();
        while let Some(event) = server.next_event() {
            match event {
                ServerEvent::Data(id) => {
                    server.peer(id).and_then(|peer| peer.receive());
                }
                ServerEvent::Disconnected { .. } => return,
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn come_and_go(size: usize, meter: &mut Meter) {
    let mut server = listen(Limits::default());
    visit(&mut server);
    meter.run(size * (REQUEST.len() + MESSAGE.len()), || {
        for _ in 0..size {
            visit(&mut server);
        }
    });
    meter.check(server.peer_slots() == 0 && server.buffered_in() == 0, || {
        "what has gone counts".into()
    });
}

/// A message of zeros, as it stands in a frame that is compressed.
fn compressed() -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut payload = Vec::with_capacity(1024);
    let zeros = vec![0; INFLATED];
    compress.compress_vec(&zeros, &mut payload, FlushCompress::Sync).expect("room");
    // RFC 7692 section 7.2.1: the end of the last block is left out.
    payload.truncate(payload.len() - 4);
    let len = u8::try_from(payload.len()).ok().filter(|len| *len < 126).expect("short");
    [&[0xC2, 0x80 | len, 0, 0, 0, 0], payload.as_slice()].concat()
}

/// Clients that send a message `times` times in all, or until nothing more is taken.
fn fill(message: &[u8], times: usize, meter: &mut Meter) {
    let server = listen(Limits { in_total: TOTAL, ..Limits::default() });
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| join(&server)).collect();
    for client in &clients {
        client.set_nonblocking(true).expect("an option");
    }
    let messages = message.repeat(times.div_ceil(CLIENTS));
    let mut written = [0; CLIENTS];
    meter.run(messages.len() * CLIENTS, || {
        // Nothing is taken for as long as no client may write: then the rest is for the kernel to keep.
        let mut idle = 0;
        while idle < 200 {
            idle += 1;
            for (client, written) in clients.iter_mut().zip(&mut written) {
                match client.write(&messages[*written..]) {
                    Ok(0) => {}
                    Ok(len) => {
                        *written += len;
                        idle = 0;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    meter.check(server.buffered_in() <= TOTAL + CLIENTS * BEYOND, || {
        format!("{} held", server.buffered_in())
    });
}

//! WebSocket: opening requests, and frames of clients.

use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;
use lodewire_net::websocket::{Proxies, ProxyHeader, parse_proxy_header};
use lodewire_websocket::{
    Connection, DeflateOptions, Event, IncomingRequest, MAX_HEADER_SECTION, MAX_HEADERS,
    ServerHandshake,
};

/// The longest message in these rows.
const LONGEST: usize = 64 << 10;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// The rows of WebSocket without compression.
pub(super) fn rows() -> Vec<Row> {
    [requests(), frames()].into_iter().flatten().collect()
}

fn requests() -> Vec<Row> {
    let row = |name, size, instructions, run| Row {
        name,
        size,
        // A parameter of an extension may have two bytes, and takes forty.
        allocated: 60,
        instructions,
        held: 256 << 10,
        run,
    };
    vec![
        // The size is the number of requests, each as long as it may be.
        row("websocket: requests of many headers", 1, 900, |size, meter| {
            let mut lines = String::new();
            for number in 7..MAX_HEADERS {
                lines.push('x');
                lines.push_str(&number.to_string());
                lines.push_str(": a\r\n");
            }
            ask(&[REQUEST, &lines, "\r\n"].concat(), size, meter);
        }),
        row("websocket: requests with too many headers", 1, 900, |size, meter| {
            let lines = "a:\r\n".repeat(1000);
            ask(&[REQUEST, &lines, "\r\n"].concat(), size, meter);
        }),
        row("websocket: requests with long lists", 1, 200, |size, meter| {
            ask(&lists("Connection: ", "a,"), size, meter);
        }),
        row("websocket: requests with many sub-protocols", 1, 600, |size, meter| {
            ask(&lists("Sec-WebSocket-Protocol: ", "a,"), size, meter);
        }),
        row("websocket: requests with many extensions", 1, 400, |size, meter| {
            let offer = "permessage-deflate;a,";
            ask(&lists("Sec-WebSocket-Extensions: ", offer), size, meter);
        }),
        row("websocket: extensions of many parameters", 1, 400, |size, meter| {
            ask(&lists("Sec-WebSocket-Extensions: permessage-deflate", ";a"), size, meter);
        }),
        row("websocket: requests in bytes", 1, 300, in_bytes),
        row("websocket: X-Forwarded-For, long", 1, 400, |size, meter| {
            forwarded(&lists("X-Forwarded-For: ", "10.0.0.1,"), size, meter);
        }),
        row("websocket: headers of the PROXY protocol", 1, 100, proxy_headers),
    ]
}

/// A request as long as it may be, with a line that repeats a part.
fn lists(start: &str, part: &str) -> String {
    let room = MAX_HEADER_SECTION - REQUEST.len() - start.len() - 8;
    let list = part.repeat(room / part.len());
    format!("{REQUEST}{start}{list}a\r\n\r\n")
}

/// Handles a request like a server.
fn open(request: &str) -> Option<lodewire_websocket::Request> {
    let asked =
        ServerHandshake::with_health_path(Some("/health".into())).receive(request.as_bytes());
    let request = asked.ok()?.1.and_then(IncomingRequest::upgrade)?;
    let deflate = request.negotiate_deflate(&DeflateOptions::default());
    let protocol = request.protocols().find(|protocol| *protocol == "game");
    request.accept(protocol, deflate.as_ref(), &[], &mut Vec::new());
    Some(request)
}

fn ask(request: &str, size: usize, meter: &mut Meter) {
    meter.run(request.len() * size, || {
        for _ in 0..size {
            open(request);
        }
    });
}

/// A request that comes byte by byte.
fn in_bytes(size: usize, meter: &mut Meter) {
    let request = lists("a: ", "a");
    meter.run(request.len() * size, || {
        for _ in 0..size {
            let mut handshake = ServerHandshake::new();
            for byte in request.as_bytes() {
                if handshake.receive(std::slice::from_ref(byte)).is_err() {
                    break;
                }
            }
        }
    });
}

fn forwarded(request: &str, size: usize, meter: &mut Meter) {
    let trusted = ["10.0.0.0/8".to_owned()];
    let proxies = Proxies::new(ProxyHeader::XForwardedFor, &trusted).expect("a network");
    meter.run(request.len() * size, || {
        for _ in 0..size {
            if let Some(request) = open(request) {
                let _ = proxies.client_of(&request, ([10, 0, 0, 1], 5000).into());
            }
        }
    });
}

/// A header of version 2 with as much behind its addresses as it may have.
fn proxy_headers(size: usize, meter: &mut Meter) {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    let more = 1900;
    header.extend(u16::try_from(12 + more).expect("short").to_be_bytes());
    header.extend([1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 0, 90]);
    header.extend([4, 0, 0].repeat(more / 3 + 1).iter().take(more));
    meter.run(header.len() * size, || {
        for _ in 0..size {
            assert!(matches!(parse_proxy_header(&header), Ok(Some(_))));
        }
    });
}

fn frames() -> Vec<Row> {
    let row = |name, size, allocated, instructions, run| Row {
        name,
        size,
        allocated,
        instructions,
        held: 2 * LONGEST + (32 << 10),
        run,
    };
    vec![
        row("websocket: empty messages", 200, 1, 100, |size, meter| {
            send(&frame(0x82, b"").repeat(size), size, meter);
        }),
        row("websocket: messages of a byte", 200, 1, 100, |size, meter| {
            send(&frame(0x82, b"x").repeat(size), size, meter);
        }),
        row("websocket: empty fragments", 200, 2, 100, |size, meter| {
            send(&frame(0x00, b"").repeat(size), size, meter);
        }),
        row("websocket: fragments of a byte", 200, 4, 100, |size, meter| {
            send(&frame(0x00, b"x").repeat(size), size, meter);
        }),
        row("websocket: frames that come in bytes", 100, 4, 800, |size, meter| {
            send(&frame(0x82, &[7; 20]).repeat(size), 1, meter);
        }),
        row("websocket: text of long characters, in bytes", 100, 4, 1000, |size, meter| {
            send(&frame(0x81, "𝔘𝔘𝔘𝔘𝔘".as_bytes()).repeat(size), 1, meter);
        }),
        row("websocket: frames that claim 60 KiB", 20, 8, 100, claims),
        row("websocket: pings of 125 bytes", 10, 3, 30, |size, meter| {
            send(&frame(0x89, &[7; 125]).repeat(size), size, meter);
        }),
        row("websocket: pings in bytes", 10, 8, 700, |size, meter| {
            send(&frame(0x89, &[7; 125]).repeat(size), 1, meter);
        }),
        row("websocket: noise", 200, 4, 300, noise),
    ]
}

/// A frame of a client's, whose mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// Has a server's connection take bytes in steps, and answer pings.
fn take(connection: &mut Connection, bytes: &mut [u8], step: usize) {
    let mut out = Vec::new();
    for piece in bytes.chunks_mut(step.max(1)) {
        let mut at = 0;
        while at < piece.len() {
            let Ok((used, event)) = connection.receive(&mut piece[at..]) else { return };
            at += used;
            if let Some(Event::Ping(payload)) = event {
                let payload = payload.to_vec();
                out.clear();
                connection.pong(&payload, &mut out);
            }
        }
    }
}

fn send(bytes: &[u8], step: usize, meter: &mut Meter) {
    let mut connection = Connection::server(LONGEST);
    let is_fragment = bytes[0] == 0;
    if is_fragment {
        take(&mut connection, &mut frame(0x02, b""), 64);
    }
    let mut bytes = bytes.to_vec();
    meter.run(bytes.len(), || take(&mut connection, &mut bytes, step));
}

/// Connections of which each claims a long message and sends a byte of it.
fn claims(size: usize, meter: &mut Meter) {
    let mut frame = [0x82, 0x80 | 126, 0xEA, 0x60, 0, 0, 0, 0, 7].repeat(size);
    let mut connections: Vec<_> = (0..size).map(|_| Connection::server(LONGEST)).collect();
    meter.run(frame.len(), || {
        for (connection, frame) in connections.iter_mut().zip(frame.chunks_mut(9)) {
            take(connection, frame, 64);
        }
    });
}

fn noise(size: usize, meter: &mut Meter) {
    let mut random = Random::new(8);
    let mut bytes = random.bytes(size * 10);
    meter.run(bytes.len(), || {
        for bytes in bytes.chunks_mut(50) {
            take(&mut Connection::server(LONGEST), bytes, 7);
        }
    });
}

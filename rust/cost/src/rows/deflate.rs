//! WebSocket: compressed messages that cost much to inflate.

use crate::meter::Meter;
use crate::random::Random;
use crate::row::Row;
use flate2::{Compress, Compression, FlushCompress};
use lodewire_websocket::{
    Connection, DeflateOptions, Event, IncomingRequest, MessageKind, NegotiatedDeflate,
    ServerHandshake,
};

/// The longest message in these rows.
const LONGEST: usize = 64 << 10;
/// An inflater with its window, and a message.
const HELD: usize = 512 << 10;

/// The rows of permessage-deflate.
pub(super) fn rows() -> Vec<Row> {
    let row = |name, size, allocated, instructions, run| Row {
        name,
        size,
        allocated,
        instructions,
        held: HELD,
        run,
    };
    vec![
        // A dynamic block has a table of codes, which costs more to build than its bytes to read.
        row("deflate: dynamic blocks", 10, 14, 500, |size, meter| {
            inflate(&dynamic_blocks(20), size, meter);
        }),
        row("deflate: empty stored blocks", 10, 6, 200, |size, meter| {
            inflate(&[0, 0, 0, 0xFF, 0xFF].repeat(20), size, meter);
        }),
        row("deflate: empty fixed blocks", 10, 6, 600, |size, meter| {
            // Three of the ten bits each: a block's type and the end of the block.
            inflate(&[0x02, 0x08, 0x20, 0x80, 0x00].repeat(20), size, meter);
        }),
        row("deflate: messages of a byte, each for itself", 10, 200, 2000, |size, meter| {
            let mut connection = connection(&agreed("; client_no_context_takeover"));
            let mut bytes = frame(&compressed(b"a")).repeat(10 * size);
            meter.run(bytes.len(), || take(&mut connection, &mut bytes));
        }),
        row("deflate: zeros up to the limit of a message", 1, 3000, 6000, |size, meter| {
            inflate(&compressed(&vec![0; LONGEST - 1]), size, meter);
        }),
        row("deflate: zeros beyond the limit, in new connections", 1, 3000, 3000, bombs),
        row("deflate: noise, in new connections", 10, 2000, 3000, noise),
    ]
}

/// Returns a message in its form on the wire.
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut compressor = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(message.len() + 1024);
    compressor.compress_vec(message, &mut out, FlushCompress::Sync).expect("it can be compressed");
    // RFC 7692 section 7.2.1: the end of the last block is left out.
    out.truncate(out.len() - 4);
    out
}

/// Blocks with dynamic codes, each with few bytes of content.
fn dynamic_blocks(count: usize) -> Vec<u8> {
    let mut random = Random::new(9);
    let mut compressor = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(64 << 10);
    for _ in 0..count {
        let content: Vec<u8> = (0..200).map(|_| b'a' + random.below(12) as u8).collect();
        compressor
            .compress_vec(&content, &mut out, FlushCompress::Partial)
            .expect("it can be compressed");
    }
    compressor.compress_vec(&[], &mut out, FlushCompress::Sync).expect("it can be compressed");
    out.truncate(out.len() - 4);
    out
}

/// A compressed message of a client's, whose mask changes nothing.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xC2];
    if payload.len() < 126 {
        frame.push(0x80 | payload.len() as u8);
    } else {
        frame.push(0x80 | 126);
        frame.extend((payload.len() as u16).to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Returns what a server negotiates with a client that offers these parameters.
fn agreed(parameters: &str) -> NegotiatedDeflate {
    let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate";
    let request = [request, parameters, "\r\n\r\n"].concat();
    let asked = ServerHandshake::new().receive(request.as_bytes()).expect("it is valid").1;
    let request = asked.and_then(IncomingRequest::upgrade).expect("it is whole");
    request.negotiate_deflate(&DeflateOptions::default()).expect("it is acceptable")
}

fn connection(agreed: &NegotiatedDeflate) -> Connection {
    let mut connection = Connection::server(LONGEST);
    connection.set_deflate(agreed.clone());
    connection
}

/// Has a connection take bytes, and says how many bytes of messages came.
fn take(connection: &mut Connection, bytes: &mut [u8]) -> usize {
    let (mut at, mut came) = (0, 0);
    while at < bytes.len() {
        let Ok((used, event)) = connection.receive(&mut bytes[at..]) else { break };
        at += used;
        if let Some(Event::Message { kind: MessageKind::Binary, payload }) = event {
            came += payload.len();
        }
    }
    came
}

/// Sends one message many times, in one connection.
fn inflate(payload: &[u8], size: usize, meter: &mut Meter) {
    let mut connection = connection(&agreed(""));
    take(&mut connection, &mut frame(&compressed(b"The inflater is there now.")));
    let mut bytes = frame(payload).repeat(size);
    meter.run(bytes.len(), || take(&mut connection, &mut bytes));
}

fn bombs(size: usize, meter: &mut Meter) {
    let agreed = agreed("");
    let mut bytes = frame(&compressed(&vec![0; 1 << 20]));
    meter.run(bytes.len() * size, || {
        for _ in 0..size {
            take(&mut connection(&agreed), &mut bytes);
        }
    });
}

fn noise(size: usize, meter: &mut Meter) {
    let agreed = agreed("");
    let mut random = Random::new(10);
    let mut frames: Vec<_> = (0..size).map(|_| frame(&random.bytes(200))).collect();
    let received = frames.iter().map(Vec::len).sum();
    meter.run(received, || {
        for frame in &mut frames {
            take(&mut connection(&agreed), frame);
        }
    });
}

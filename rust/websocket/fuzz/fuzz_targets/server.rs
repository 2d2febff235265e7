//! A server's connections, from request to close, in any order, with and without compression: the allocations per
//! received byte, and the memory held per connection, are bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, live, spent};
use lodewire_websocket::{
    Connection, DeflateOptions, Event, IncomingRequest, Message, ServerHandshake,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum message length.
const LIMIT: usize = 4096;
const PLACES: usize = 16;
/// Maximum allocation per received byte, and once. A short frame may stand for a long message.
const ALLOCATED: u64 = 3000;
const ALLOCATED_ONCE: u64 = 256 << 10;
/// Maximum memory per connection: a request, an inflater and a compressor with their windows, and a message.
const KEPT: usize = 512 << 10;

enum Place {
    Opening(ServerHandshake),
    Open(Box<Connection>),
}

/// Returns a request with extensions from the input.
fn request(choice: u8) -> Vec<u8> {
    let extensions = match choice % 4 {
        0 => "",
        1 => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        2 => "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n",
        _ => "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n",
    };
    format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
    )
    .into_bytes()
}

/// Returns a frame of a client with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if payload.len() < 126 {
        frame.push(0x80 | payload.len() as u8);
    } else {
        frame.extend([0x80 | 126, 0, payload.len() as u8]);
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Receives bytes and answers. Returns true if the connection is still open.
fn take(place: &mut Place, bytes: &mut [u8], out: &mut Vec<u8>) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        match place {
            Place::Opening(handshake) => match handshake.receive(&bytes[at..]) {
                Ok((used, None)) => at += used,
                Ok((used, Some(IncomingRequest::Upgrade(request)))) => {
                    at += used;
                    let deflate = request.negotiate_deflate(&DeflateOptions::default());
                    request.accept(None, deflate.as_ref(), &[], out);
                    let mut connection = Connection::server(LIMIT);
                    deflate.into_iter().for_each(|deflate| connection.set_deflate(deflate));
                    *place = Place::Open(Box::new(connection));
                }
                Ok((_, Some(_))) | Err(_) => return false,
            },
            Place::Open(connection) => match connection.receive(&mut bytes[at..]) {
                Ok((used, event)) => {
                    at += used;
                    match event {
                        Some(Event::Message { payload, .. }) => assert!(payload.len() <= LIMIT),
                        Some(Event::Ping(payload)) => {
                            let payload = payload.to_vec();
                            connection.pong(&payload, out);
                        }
                        Some(Event::Close(_)) => return false,
                        Some(Event::Pong(_)) | None => {}
                    }
                }
                Err(_) => return false,
            },
        }
    }
    true
}

fuzz_target!(|data: &[u8]| {
    let mut places: [Option<Place>; PLACES] = Default::default();
    let (mut received, mut allocated) = (0, 0);
    let begin = live();
    let mut out = Vec::new();
    let mut rest = data;
    while let Some((&[what, who, len], after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(after.len().min(len.into()));
        rest = after;
        let slot = &mut places[usize::from(who) % PLACES];
        let mut bytes = match what & 7 {
            0 => request(who >> 4),
            1 => payload.to_vec(),
            2 => {
                *slot = None;
                continue;
            }
            3 => {
                // The game sends.
                if let Some(Place::Open(connection)) = slot {
                    out.clear();
                    connection.send(Message::Binary(payload), &mut out);
                }
                continue;
            }
            4 => frame(0x80 | what >> 4, payload),
            5 => frame(what >> 4, payload),
            _ => frame(0xC0 | what >> 4 & 3, payload),
        };
        received += bytes.len();
        out.clear();
        let before = spent();
        let place = slot.get_or_insert_with(|| Place::Opening(ServerHandshake::new()));
        if !take(place, &mut bytes, &mut out) {
            *slot = None;
        }
        allocated += spent().since(before).bytes;
        let most = received as u64 * ALLOCATED + ALLOCATED_ONCE;
        assert!(allocated <= most, "{allocated} bytes were allocated for {received}");
        assert!(live().saturating_sub(begin) <= PLACES * KEPT, "too much is kept");
    }
});

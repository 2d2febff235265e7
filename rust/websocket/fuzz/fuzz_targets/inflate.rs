//! Compressed messages from a peer, in chunks of two sizes: no panic, the same events, text is UTF-8, and nothing over
//! the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_websocket::{
    Connection, DeflateOptions, Event, IncomingRequest, MessageKind, NegotiatedDeflate, Role,
    ServerHandshake,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum allocation per received byte, and once.
const ALLOCATED: u64 = 1000;
const ALLOCATED_ONCE: u64 = 256 << 10;

const LIMIT: usize = 4096;

/// Returns what a server negotiates for the offer `parameters`.
fn agreed(parameters: &str) -> NegotiatedDeflate {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n\r\n"
    );
    let (_, request) = ServerHandshake::new().receive(request.as_bytes()).expect("valid");
    let request = request.and_then(IncomingRequest::upgrade).expect("whole");
    request.negotiate_deflate(&DeflateOptions::default()).expect("acceptable")
}

fn events(role: Role, deflate: &NegotiatedDeflate, bytes: &[u8], step: usize) -> Vec<String> {
    let mut connection = match role {
        Role::Client => Connection::client(LIMIT, || Some([0; 4])),
        Role::Server => Connection::server(LIMIT),
    };
    connection.set_deflate(deflate.clone());
    let mut seen = Vec::new();
    let mut allocated = 0;
    for chunk in bytes.chunks(step) {
        let mut chunk = chunk.to_vec();
        let mut at = 0;
        while at < chunk.len() {
            let before = spent();
            let result = connection.receive(&mut chunk[at..]);
            allocated += spent().since(before).bytes;
            let most = bytes.len() as u64 * ALLOCATED + ALLOCATED_ONCE;
            assert!(allocated <= most, "{allocated} bytes were allocated for {}", bytes.len());
            match result {
                Ok((used, event)) => {
                    assert!(used > 0 || event.is_some(), "no progress");
                    at += used;
                    if let Some(Event::Message { kind, payload }) = &event {
                        assert!(payload.len() <= LIMIT);
                        assert!(*kind == MessageKind::Binary || str::from_utf8(payload).is_ok());
                    }
                    seen.extend(event.map(|event| format!("{event:?}")));
                }
                Err(_) => {
                    // Which of two errors is reported may depend on the chunks; that there is an error does not.
                    seen.push("error".to_owned());
                    return seen;
                }
            }
        }
    }
    seen
}

/// Encodes the bytes as frames of a peer: the first bytes of each select its header, so that the fuzzer need not find
/// masks and lengths to reach the compressed data.
fn frames(role: Role, bytes: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let [first, len, after @ ..] = rest {
        let len = usize::from(*len).min(after.len());
        let (payload, after) = after.split_at(len);
        let masked = if role == Role::Server { 0x80 } else { 0 };
        frames.push(*first & 0xC2 | if first & 1 == 0 { 0x01 } else { 0 });
        if len < 126 {
            frames.push(masked | len as u8);
        } else {
            frames.extend([masked | 126, 0, len as u8]);
        }
        if role == Role::Server {
            frames.extend([0; 4]);
        }
        frames.extend_from_slice(payload);
        rest = after;
    }
    frames
}

fuzz_target!(|data: &[u8]| {
    let [choice, step, bytes @ ..] = data else {
        return;
    };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let parameters = match choice >> 1 & 3 {
        0 => "",
        1 => "; client_no_context_takeover; server_no_context_takeover",
        2 => "; client_max_window_bits=9; server_max_window_bits=10",
        _ => "; server_no_context_takeover; client_max_window_bits",
    };
    let deflate = agreed(parameters);
    let bytes = if choice & 8 == 0 { frames(role, bytes) } else { bytes.to_vec() };
    let whole = events(role, &deflate, &bytes, bytes.len().max(1));
    assert_eq!(whole, events(role, &deflate, &bytes, usize::from(*step).max(1)));
});

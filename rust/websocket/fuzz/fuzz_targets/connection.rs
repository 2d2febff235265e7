//! Frames from a peer, in chunks of two sizes: no panic, the same events, and text is UTF-8.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_websocket::{Connection, Event, MessageKind, Role};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum allocation per received byte, and once.
const ALLOCATED: u64 = 16;
const ALLOCATED_ONCE: u64 = 8 << 10;

fn events(role: Role, bytes: &[u8], step: usize) -> Vec<String> {
    let mut connection = match role {
        Role::Client => Connection::client(4096, || Some([0; 4])),
        Role::Server => Connection::server(4096),
    };
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
                        assert!(payload.len() <= 4096);
                        assert!(*kind == MessageKind::Binary || str::from_utf8(payload).is_ok());
                    }
                    seen.extend(event.map(|event| format!("{event:?}")));
                }
                Err(error) => {
                    seen.push(format!("{error:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let step = usize::from(choice >> 1).max(1);
    assert_eq!(events(role, bytes, bytes.len().max(1)), events(role, bytes, step));
});

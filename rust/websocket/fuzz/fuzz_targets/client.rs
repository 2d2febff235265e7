//! A server's response and the bytes after it, in chunks of two sizes: no panic, and the same result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_websocket::{ClientHandshake, ClientRequest, Connection, DeflateOptions};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum allocation per received byte, and once.
const ALLOCATED: u64 = 3000;
const ALLOCATED_ONCE: u64 = 256 << 10;

fn result(bytes: &[u8], step: usize) -> Vec<String> {
    let request = ClientRequest {
        host: "x".to_owned(),
        target: "/".to_owned(),
        protocols: vec!["a".to_owned(), "b".to_owned()],
        deflate: Some(DeflateOptions::default()),
        ..ClientRequest::default()
    };
    let mut handshake =
        ClientHandshake::new(request, *b"the sample nonce", &mut Vec::new()).expect("valid");
    let mut connection: Option<Connection> = None;
    let mut seen = Vec::new();
    let mut allocated = 0;
    let most = bytes.len() as u64 * ALLOCATED + ALLOCATED_ONCE;
    for chunk in bytes.chunks(step) {
        let mut chunk = chunk.to_vec();
        let mut at = 0;
        while at < chunk.len() {
            if let Some(connection) = &mut connection {
                let before = spent();
                let result = connection.receive(&mut chunk[at..]);
                allocated += spent().since(before).bytes;
                assert!(allocated <= most, "{allocated} bytes were allocated for {}", bytes.len());
                match result {
                    Ok((used, event)) => {
                        assert!(used > 0 || event.is_some(), "no progress");
                        at += used;
                        seen.extend(event.map(|event| format!("{event:?}")));
                    }
                    Err(_) => {
                        seen.push("error".to_owned());
                        return seen;
                    }
                }
                continue;
            }
            let before = spent();
            let result = handshake.receive(&chunk[at..]);
            allocated += spent().since(before).bytes;
            assert!(allocated <= most, "{allocated} bytes were allocated for {}", bytes.len());
            match result {
                Ok((used, response)) => {
                    at += used;
                    if let Some(response) = response {
                        seen.push(format!("{:?} {:?}", response.protocol, response.deflate));
                        let mut open = Connection::client(4096, || Some([0; 4]));
                        response.deflate.into_iter().for_each(|deflate| open.set_deflate(deflate));
                        connection = Some(open);
                    } else {
                        assert_eq!(at, chunk.len(), "an incomplete response consumes all bytes");
                    }
                }
                Err(error) => {
                    assert!(error.to_string().len() < 1024);
                    seen.push(format!("{error:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

fuzz_target!(|data: &[u8]| {
    let [step, bytes @ ..] = data else {
        return;
    };
    let whole = result(bytes, bytes.len().max(1));
    assert_eq!(whole, result(bytes, usize::from(*step).max(1)));
});

//! What a proxy says of a connection: no panic, nothing read beyond its end, and no change of mind when more comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_net::websocket::{Proxies, ProxyHeader, parse_proxy_header};
use lodewire_websocket::{IncomingRequest, ServerHandshake};
use std::net::SocketAddr;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that may be allocated for a byte received, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 16 << 10;

fn assert_cheap(allocated: u64, received: usize) {
    let most = received as u64 * ALLOCATED + ALLOCATED_ONCE;
    assert!(allocated <= most, "{allocated} bytes were allocated for {received}");
}

fuzz_target!(|data: &[u8]| {
    let before = spent();
    let parsed = parse_proxy_header(data);
    assert_cheap(spent().since(before).bytes, data.len());
    if let Ok(Some((source, used))) = parsed {
        assert!(used <= data.len());
        // Neither what follows nor the lack of it changes anything.
        assert!(
            matches!(parse_proxy_header(&data[..used]), Ok(Some(same)) if same == (source, used))
        );
        for len in 0..used {
            assert!(!matches!(parse_proxy_header(&data[..len]), Ok(Some(_))), "cut at {len}");
        }
    }
    let Ok(value) = std::str::from_utf8(data) else { return };
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         X-Forwarded-For: {value}\r\n\r\n"
    );
    let asked = ServerHandshake::new().receive(request.as_bytes());
    let Ok((_, Some(IncomingRequest::Upgrade(request)))) = asked else { return };
    let trusted = ["10.0.0.0/8".to_owned(), "::1".to_owned()];
    let proxies = Proxies::new(ProxyHeader::XForwardedFor, &trusted).expect("networks");
    let remote: SocketAddr = ([10, 0, 0, 1], 5000).into();
    let before = spent();
    let client = proxies.client_of(&request, remote);
    assert_cheap(spent().since(before).bytes, data.len());
    if let Ok(client) = client {
        assert_eq!(client.port(), remote.port());
        let nobody: SocketAddr = ([11, 0, 0, 1], 5000).into();
        assert!(proxies.client_of(&request, nobody).is_err(), "who is not trusted is not heard");
    }
});

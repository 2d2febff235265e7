//! An opening request, in chunks of two sizes: no panic, the same result, and no line break in the response.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lodewire_cost::{Counting, spent};
use lodewire_websocket::{DeflateOptions, HandshakeRejection, IncomingRequest, ServerHandshake};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum allocation per received byte, and once.
const ALLOCATED: u64 = 64;
const ALLOCATED_ONCE: u64 = 4 << 10;

fn result(bytes: &[u8], step: usize) -> Option<Result<IncomingRequest, HandshakeRejection>> {
    let mut allocated = 0;
    let mut handshake = ServerHandshake::with_health_path(Some("/health".into()));
    for chunk in bytes.chunks(step) {
        let before = spent();
        let result = handshake.receive(chunk);
        allocated += spent().since(before).bytes;
        let most = bytes.len() as u64 * ALLOCATED + ALLOCATED_ONCE;
        assert!(allocated <= most, "{allocated} bytes were allocated for {}", bytes.len());
        match result {
            Ok((_, None)) => {}
            Ok((_, Some(request))) => return Some(Ok(request)),
            Err(rejection) => return Some(Err(rejection)),
        }
    }
    None
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let whole = result(bytes, bytes.len().max(1));
    assert_eq!(whole, result(bytes, usize::from(choice).max(1)));
    if let Some(Ok(IncomingRequest::Upgrade(request))) = whole {
        assert!(request.path().starts_with('/'));
        assert!(!request.query().contains('\n'));
        let deflate = request.negotiate_deflate(&DeflateOptions::default());
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        for protocol in request.protocols().map(Some).chain([None]) {
            let mut answer = Vec::new();
            request.accept(protocol, deflate.as_ref(), &headers, &mut answer);
            assert_eq!(answer.windows(4).filter(|end| end == b"\r\n\r\n").count(), 1);
        }
    }
});

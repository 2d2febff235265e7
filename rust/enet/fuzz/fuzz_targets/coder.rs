//! The checks of every compressor.

use lodewire_cost::{Counting, spent};
use lodewire_enet::{Compression, Compressor};
use std::cell::RefCell;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Maximum number of bytes allocated by decompressing a datagram, in addition to four times its limit.
const ALLOCATED: u64 = 64 << 10;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor>> = const { RefCell::new(None) };
}

/// Decompresses `data` within limits, and checks that compression round-trips. The compressor is reused, as by a host.
pub fn run(mode: Compression, data: &[u8]) {
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = slot.get_or_insert_with(|| Compressor::new(mode).expect("a mode"));
        for limit in [1, 128, 4096] {
            let mut output = b"before".to_vec();
            let before = spent();
            let done = compressor.decompress(data, &mut output, limit);
            let allocated = spent().since(before).bytes;
            let most = 4 * limit as u64 + ALLOCATED;
            assert!(allocated <= most, "{allocated} bytes were allocated for {}", data.len());
            assert!(output.starts_with(b"before"));
            assert_eq!(done, output.len() > 6);
            assert!(output.len() <= 6 + limit);
        }
        let data = &data[..data.len().min(4096)];
        let (mut compressed, mut back) = (Vec::new(), Vec::new());
        if compressor.compress(data, &mut compressed) {
            assert!(!compressed.is_empty() && compressed.len() < data.len());
            assert!(compressor.decompress(&compressed, &mut back, 4096));
            assert!(back.starts_with(data));
            // FastLZ requires 16 bytes, padded with zeros.
            assert!(back.len() == data.len() || (mode == Compression::FastLz && back.len() == 16));
        }
    });
}

//! A one-element pool of idle compressors.
//!
//! A new compressor allocates about 270 KiB and takes 70 us, mostly for the memory; a reset takes a few. Without
//! context takeover each message would need a new one.

use flate2::{Compress, Compression};
use std::sync::{Mutex, PoisonError};

struct Idle {
    window_bits: u8,
    level: u32,
    compress: Compress,
}

static COMPRESSOR_POOL: Mutex<Option<Idle>> = Mutex::new(None);

/// Takes a reset compressor from the pool, or creates one. `window_bits` is 9 to 15, `level` 0 to 9.
pub(super) fn take(window_bits: u8, level: u32) -> Compress {
    let idle = COMPRESSOR_POOL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take_if(|idle| idle.window_bits == window_bits && idle.level == level);
    match idle {
        Some(idle) => idle.compress,
        None => Compress::new_with_window_bits(Compression::new(level), false, window_bits),
    }
}

/// Resets a compressor and puts it into the pool.
pub(super) fn put(window_bits: u8, level: u32, mut compress: Compress) {
    compress.reset();
    let idle = Idle { window_bits, level, compress };
    let old = COMPRESSOR_POOL.lock().unwrap_or_else(PoisonError::into_inner).replace(idle);
    // Freed after the lock is released.
    drop(old);
}

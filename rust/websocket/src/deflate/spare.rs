//! One compressor that nobody uses, kept for the next message.
//!
//! A new one takes some 270 KiB and 70 us, mostly the kernel's for the memory; one that is only reset takes a few. Without
//! context takeover that would be the price of each message.

use flate2::{Compress, Compression};
use std::sync::{Mutex, PoisonError};

struct Spare {
    window_bits: u8,
    level: u32,
    compress: Compress,
}

static SPARE: Mutex<Option<Spare>> = Mutex::new(None);

/// A compressor that has seen nothing. `window_bits` is 9 to 15, `level` 0 to 9.
pub(super) fn take(window_bits: u8, level: u32) -> Compress {
    let spare = SPARE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take_if(|spare| spare.window_bits == window_bits && spare.level == level);
    match spare {
        Some(spare) => spare.compress,
        None => Compress::new_with_window_bits(Compression::new(level), false, window_bits),
    }
}

/// Gives one back, in whatever state.
pub(super) fn give_back(window_bits: u8, level: u32, mut compress: Compress) {
    compress.reset();
    let spare = Spare { window_bits, level, compress };
    let old = SPARE.lock().unwrap_or_else(PoisonError::into_inner).replace(spare);
    // Its memory is freed without the lock.
    drop(old);
}

//! Decompresses hostile input, and compresses arbitrary input.
#![no_main]

mod coder;

use libfuzzer_sys::fuzz_target;
use lodewire_enet::Compression;

fuzz_target!(|data: &[u8]| coder::run(Compression::RangeCoder, data));

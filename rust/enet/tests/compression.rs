//! Tests of compression and decompression in each mode.

#![expect(clippy::cast_possible_truncation, clippy::expect_used, reason = "a test")]

use lodewire_enet::{Compression, Compressor};
use rusty_enet::Compressor as _;

/// The modes that the crate is built with.
const MODES: &[Compression] = &[
    Compression::RangeCoder,
    #[cfg(feature = "fastlz")]
    Compression::FastLz,
    #[cfg(feature = "zlib")]
    Compression::Zlib,
    #[cfg(feature = "zstd")]
    Compression::Zstd,
];

fn compressor(mode: Compression) -> Compressor {
    Compressor::new(mode).expect("a mode that compresses")
}

/// Returns a generator of pseudorandom numbers.
fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    }
}

/// Returns samples of many kinds: noise, zeros, text, similar positions.
fn samples() -> Vec<Vec<u8>> {
    let mut next = numbers(7);
    let mut samples = Vec::new();
    for len in [1, 2, 3, 15, 16, 17, 40, 64, 100, 300, 576, 1000, 1392, 4000] {
        samples.push(vec![0; len]);
        samples.push((0..len).map(|_| next(256) as u8).collect());
        samples.push((0..len).map(|_| b"etaoin shrdlu"[next(13)]).collect());
        samples.push((0..len).map(|index| [1, 0, next(3) as u8, 0x40][index % 4]).collect());
        samples.push("player moves to 10, 20; ".bytes().cycle().take(len).collect());
    }
    samples
}

#[test]
fn compression_round_trips() {
    for &mode in MODES {
        let mut compressor = compressor(mode);
        let mut shortened = 0;
        for sample in samples() {
            let mut compressed = b"before".to_vec();
            if !compressor.compress(&sample, &mut compressed) {
                assert_eq!(compressed, b"before", "{mode:?}");
                continue;
            }
            shortened += 1;
            assert!(compressed.len() - 6 < sample.len());
            let mut back = b"before".to_vec();
            assert!(compressor.decompress(&compressed[6..], &mut back, 4096), "{mode:?}");
            // FastLZ requires 16 bytes, and the engine pads with zeros.
            let padding = match mode {
                #[cfg(feature = "fastlz")]
                Compression::FastLz => 16_usize.saturating_sub(sample.len()),
                _ => 0,
            };
            assert_eq!(&back[..6], b"before");
            assert_eq!(&back[6..back.len() - padding], sample, "{mode:?}");
        }
        assert!(shortened > 20, "{mode:?}: {shortened}");
    }
}

#[test]
fn decompression_stops_at_the_limit() {
    for &mode in MODES {
        let mut compressor = compressor(mode);
        let mut compressed = Vec::new();
        assert!(compressor.compress(&[7; 2000], &mut compressed));
        let mut back = Vec::new();
        assert!(!compressor.decompress(&compressed, &mut back, 1999), "{mode:?}");
        assert!(back.is_empty() && back.capacity() <= 4096, "{mode:?}: {}", back.capacity());
        assert!(compressor.decompress(&compressed, &mut back, 2000), "{mode:?}");
        assert_eq!(back, [7; 2000]);
    }
}

#[test]
fn damaged_input_is_decompressed_within_the_limit() {
    let mut next = numbers(11);
    for &mode in MODES {
        let mut compressor = compressor(mode);
        for sample in samples() {
            let mut compressed = Vec::new();
            if !compressor.compress(&sample, &mut compressed) {
                continue;
            }
            for _ in 0..50 {
                let mut damaged = compressed.clone();
                let at = next(damaged.len());
                damaged[at] ^= 1 << next(8);
                damaged.truncate(1 + next(damaged.len()));
                let mut back = Vec::new();
                compressor.decompress(&damaged, &mut back, 1000);
                assert!(back.len() <= 1000);
            }
        }
        let mut back = Vec::new();
        assert!(!compressor.decompress(&[], &mut back, 1000), "{mode:?}");
    }
}

/// Compares with the recorded output of ENet's coder.
#[test]
fn range_coder_matches_recorded_output_of_enet() {
    let hex = |text: &str| -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len()).step_by(2).map(digit).collect()
    };
    let steps: Vec<u8> = (0..8).cycle().take(48).collect();
    for (plain, wanted) in [
        (
            &b"the quick brown fox jumps over the lazy dog, the quick brown fox"[..],
            "74f2d13dfbad9d388be1119456e38f50f8785554c57f58f44407fda8c7b9233c29006294052d6ddb0615c7eff01fcea7",
        ),
        (&[0; 64][..], "0103e85a2adc44"),
        (&steps[..], "0103f1068d92914234522ea6f3ed240fce"),
    ] {
        let mut compressor = compressor(Compression::RangeCoder);
        let (mut compressed, mut back) = (Vec::new(), Vec::new());
        assert!(compressor.compress(plain, &mut compressed));
        assert_eq!(compressed, hex(wanted));
        assert!(compressor.decompress(&compressed, &mut back, 4096));
        assert_eq!(back, plain);
    }
}

/// Compares with a port of ENet's coder, including values in an order that makes ENet's trees deep.
#[test]
fn range_coder_matches_rusty_enet() {
    let mut samples = samples();
    for step in [1, 3, 255] {
        samples.push((0..4000_u32).map(|index| (index * step) as u8).collect());
        samples.push((0..2000_u32).flat_map(|index| [7, (index * step) as u8]).collect());
        samples.push(
            (0..2000_u16).flat_map(|index| index.wrapping_mul(step as u16).to_be_bytes()).collect(),
        );
    }
    let mut theirs = rusty_enet::RangeCoder::new();
    let mut ours = compressor(Compression::RangeCoder);
    for sample in samples {
        let mut wanted = vec![0; sample.len()];
        let len = theirs.compress(&[&sample], sample.len(), &mut wanted);
        wanted.truncate(len);
        let mut compressed = Vec::new();
        if !ours.compress(&sample, &mut compressed) {
            assert!(len == 0 || len >= sample.len());
            continue;
        }
        assert_eq!(compressed, wanted);
        let mut back = Vec::new();
        assert!(ours.decompress(&wanted, &mut back, 4096));
        assert_eq!(back, sample);
    }
}

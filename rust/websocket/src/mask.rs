//! Masking (RFC 6455 section 5.3): a client XORs the payload of each frame with a random key.

/// The masking key of a frame (RFC 6455 section 5.3). A client must derive it from a strong source of entropy
/// (RFC 6455 section 10.3).
pub type MaskKey = [u8; 4];

/// XORs `payload` with `key`, starting at `offset` bytes into the frame. The operation is its own inverse.
pub fn apply_mask(payload: &mut [u8], key: MaskKey, offset: usize) {
    let mut key = key;
    key.rotate_left(offset % 4);
    // A block of constant size lets the compiler use SIMD.
    let mut block = [0_u8; 32];
    for (i, byte) in block.iter_mut().enumerate() {
        *byte = key[i % 4];
    }
    let mut chunks = payload.chunks_exact_mut(block.len());
    for chunk in &mut chunks {
        for (byte, mask) in chunk.iter_mut().zip(&block) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(&block) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_in_chunks_equals_masking_at_once() {
        let original: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let key = [0x12, 0x34, 0x56, 0x78];
        let mut whole = original.clone();
        apply_mask(&mut whole, key, 0);
        for (i, (masked, plain)) in whole.iter().zip(&original).enumerate() {
            assert_eq!(*masked, plain ^ key[i % 4]);
        }
        for cut in [1, 2, 3, 4, 5, 31, 32, 33, 500] {
            let mut chunks = original.clone();
            let mut offset = 0;
            for chunk in chunks.chunks_mut(cut) {
                apply_mask(chunk, key, offset);
                offset += chunk.len();
            }
            assert_eq!(chunks, whole, "in chunks of {cut}");
        }
    }
}

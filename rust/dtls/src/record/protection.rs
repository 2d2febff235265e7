//! Record protection with AEADs (RFC 6347 section 4.1.2.1, RFC 5288, RFC 7905).

use super::header::{ContentType, Header, VERSION};
use crate::crypto::{Aead, KeyBlock, Side};
use crate::error::Error;
use aws_lc_rs::aead::{Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};

/// Maximum number of 16-byte blocks that one AES-GCM key encrypts: those of the full-size records in the limit of
/// RFC 8446 section 5.5.
const CONFIDENTIALITY_LIMIT: u64 = 1 << 34;
/// Maximum number of records that fail authentication with one key (RFC 9147 section 4.5.3).
const INTEGRITY_LIMIT: u64 = 1 << 36;
/// Number of records in an epoch: sequence numbers have 48 bits.
const MAX_RECORDS: u64 = 1 << 48;

/// The key of one direction.
struct Key {
    aead: Aead,
    secret: LessSafeKey,
    iv: [u8; NONCE_LEN],
}

impl Key {
    fn new(block: &KeyBlock, side: Side) -> Result<Self, Error> {
        let aead = block.suite.aead();
        let (key, fixed) = block.write_key(side);
        let key = UnboundKey::new(aead.algorithm(), key)
            .map_err(|_| Error::Internal("key of the wrong length"))?;
        let mut iv = [0; NONCE_LEN];
        iv[..fixed.len()].copy_from_slice(fixed);
        Ok(Self { aead, secret: LessSafeKey::new(key), iv })
    }

    /// Returns the nonce of a record: the fixed part, combined with the epoch and sequence number. With AES-GCM, four bytes
    /// are fixed and the others zero, so that XOR appends the explicit part (RFC 5288 section 3); with ChaCha20-Poly1305,
    /// all are fixed (RFC 7905 section 2).
    fn nonce(&self, number: [u8; 8]) -> Nonce {
        let mut nonce = self.iv;
        let tail = &mut nonce[NONCE_LEN - 8..];
        tail.iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Returns the additional data: epoch, sequence number, type, version and length (RFC 5246 section 6.2.3.3).
fn additional_data(header: &Header, len: usize) -> Aad<[u8; Header::LEN]> {
    let mut bytes = [0; Header::LEN];
    let encoded = header.encode(len);
    bytes[..8].copy_from_slice(&encoded[3..11]);
    bytes[8..11].copy_from_slice(&encoded[..3]);
    bytes[11..].copy_from_slice(&encoded[11..]);
    Aad::from(bytes)
}

/// Encrypts own records.
pub(crate) struct RecordEncrypter {
    key: Key,
    sequence: u64,
    blocks: u64,
}

impl RecordEncrypter {
    pub(crate) fn new(block: &KeyBlock, side: Side) -> Result<Self, Error> {
        Ok(Self { key: Key::new(block, side)?, sequence: 0, blocks: 0 })
    }

    /// Returns how much longer a record is than its content.
    pub(crate) fn overhead(&self) -> usize {
        Header::LEN + self.key.aead.explicit_nonce_len() + MAX_TAG_LEN
    }

    /// Appends an encrypted record of epoch 1 to `out`.
    pub(crate) fn encrypt(
        &mut self,
        content_type: ContentType,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.blocks >= CONFIDENTIALITY_LIMIT || self.sequence >= MAX_RECORDS {
            return Err(Error::AeadLimitReached);
        }
        let header = Header { content_type, version: VERSION, epoch: 1, sequence: self.sequence };
        let number = header.epoch_and_sequence().to_be_bytes();
        let explicit = &number[..self.key.aead.explicit_nonce_len()];
        let len = explicit.len() + plaintext.len() + MAX_TAG_LEN;
        out.reserve(Header::LEN + len);
        out.extend_from_slice(&header.encode(len));
        out.extend_from_slice(explicit);
        let begin = out.len();
        out.extend_from_slice(plaintext);
        let aad = additional_data(&header, plaintext.len());
        let tag = self
            .key
            .secret
            .seal_in_place_separate_tag(self.key.nonce(number), aad, &mut out[begin..])
            .map_err(|_| Error::Internal("encryption failed"))?;
        out.extend_from_slice(tag.as_ref());
        self.sequence += 1;
        if self.key.aead != Aead::ChaCha20Poly1305 {
            self.blocks += plaintext.len() as u64 / 16 + 2;
        }
        Ok(())
    }
}

/// Decrypts the peer's records.
pub(crate) struct RecordDecrypter {
    key: Key,
    failures: u64,
}

impl RecordDecrypter {
    pub(crate) fn new(block: &KeyBlock, side: Side) -> Result<Self, Error> {
        Ok(Self { key: Key::new(block, side)?, failures: 0 })
    }

    /// Decrypts a record in place. Returns `None` if it is not authentic.
    pub(crate) fn decrypt<'a>(
        &mut self,
        header: &Header,
        fragment: &'a mut [u8],
    ) -> Result<Option<&'a [u8]>, Error> {
        let explicit = self.key.aead.explicit_nonce_len();
        let Some(len) = fragment.len().checked_sub(explicit + MAX_TAG_LEN) else { return Ok(None) };
        let mut number = header.epoch_and_sequence().to_be_bytes();
        let (nonce, encrypted) = fragment.split_at_mut(explicit);
        number[..explicit].copy_from_slice(nonce);
        let aad = additional_data(header, len);
        if let Ok(content) = self.key.secret.open_in_place(self.key.nonce(number), aad, encrypted) {
            return Ok(Some(content));
        }
        self.failures += 1;
        if self.failures > INTEGRITY_LIMIT { Err(Error::AeadLimitReached) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests;

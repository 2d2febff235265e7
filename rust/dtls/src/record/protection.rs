//! Sealed records: AEAD (RFC 6347 section 4.1.2.1, RFC 5288, RFC 7905).

use super::header::{ContentType, Header, VERSION};
use crate::crypto::{Aead, KeyBlock, Side};
use crate::error::Error;
use aws_lc_rs::aead::{Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};

/// How many blocks of 16 bytes one AES-GCM key seals: as many as full-size records in the limit of RFC 8446 section 5.5.
const MOST_BLOCKS: u64 = 1 << 34;
/// How many forged records one key stands (RFC 9147 section 4.5.3).
const MOST_FORGED: u64 = 1 << 36;
/// The numbers of an epoch have 48 bits.
const MOST_RECORDS: u64 = 1 << 48;

/// A key of one direction.
struct Key {
    aead: Aead,
    secret: LessSafeKey,
    iv: [u8; NONCE_LEN],
}

impl Key {
    fn new(block: &KeyBlock, side: Side) -> Result<Self, Error> {
        let aead = block.suite.aead();
        let (key, fixed) = block.of(side);
        let key = UnboundKey::new(aead.algorithm(), key)
            .map_err(|_| Error::Internal("a key of the wrong length"))?;
        let mut iv = [0; NONCE_LEN];
        iv[..fixed.len()].copy_from_slice(fixed);
        Ok(Self { aead, secret: LessSafeKey::new(key), iv })
    }

    /// The nonce of a record: its number beside the fixed part, or added to it.
    fn nonce(&self, number: [u8; 8]) -> Nonce {
        let mut nonce = self.iv;
        let tail = &mut nonce[NONCE_LEN - 8..];
        tail.iter_mut().zip(number).for_each(|(byte, number)| *byte ^= number);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The additional data: what of the header is not sealed.
fn additional(header: &Header, len: usize) -> Aad<[u8; Header::LEN]> {
    let mut bytes = [0; Header::LEN];
    let encoded = header.encode(len);
    bytes[..8].copy_from_slice(&encoded[3..11]);
    bytes[8..11].copy_from_slice(&encoded[..3]);
    bytes[11..].copy_from_slice(&encoded[11..]);
    Aad::from(bytes)
}

/// Seals the records that are sent.
pub(crate) struct Sealer {
    key: Key,
    sequence: u64,
    blocks: u64,
}

impl Sealer {
    pub(crate) fn new(block: &KeyBlock, side: Side) -> Result<Self, Error> {
        Ok(Self { key: Key::new(block, side)?, sequence: 0, blocks: 0 })
    }

    /// How many bytes a record has beyond what it carries.
    pub(crate) fn overhead(&self) -> usize {
        Header::LEN + self.key.aead.explicit_nonce_len() + MAX_TAG_LEN
    }

    /// Writes a record of epoch 1 onto the end of `out`.
    pub(crate) fn seal(
        &mut self,
        content_type: ContentType,
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if self.blocks >= MOST_BLOCKS || self.sequence >= MOST_RECORDS {
            return Err(Error::KeyExhausted);
        }
        let header = Header { content_type, version: VERSION, epoch: 1, sequence: self.sequence };
        let number = header.number().to_be_bytes();
        let explicit = &number[..self.key.aead.explicit_nonce_len()];
        let len = explicit.len() + plaintext.len() + MAX_TAG_LEN;
        out.reserve(Header::LEN + len);
        out.extend_from_slice(&header.encode(len));
        out.extend_from_slice(explicit);
        let begin = out.len();
        out.extend_from_slice(plaintext);
        let aad = additional(&header, plaintext.len());
        let tag = self
            .key
            .secret
            .seal_in_place_separate_tag(self.key.nonce(number), aad, &mut out[begin..])
            .map_err(|_| Error::Internal("a record could not be sealed"))?;
        out.extend_from_slice(tag.as_ref());
        self.sequence += 1;
        if self.key.aead != Aead::ChaCha20Poly1305 {
            self.blocks += plaintext.len() as u64 / 16 + 2;
        }
        Ok(())
    }
}

/// Opens the records that come.
pub(crate) struct Opener {
    key: Key,
    forged: u64,
}

impl Opener {
    pub(crate) fn new(block: &KeyBlock, side: Side) -> Result<Self, Error> {
        Ok(Self { key: Key::new(block, side)?, forged: 0 })
    }

    /// What a record carries, opened where it is; none if it is not authentic.
    pub(crate) fn open<'a>(
        &mut self,
        header: &Header,
        fragment: &'a mut [u8],
    ) -> Result<Option<&'a [u8]>, Error> {
        let explicit = self.key.aead.explicit_nonce_len();
        let Some(len) = fragment.len().checked_sub(explicit + MAX_TAG_LEN) else { return Ok(None) };
        let mut number = header.number().to_be_bytes();
        let (nonce, sealed) = fragment.split_at_mut(explicit);
        number[..explicit].copy_from_slice(nonce);
        let aad = additional(header, len);
        if let Ok(content) = self.key.secret.open_in_place(self.key.nonce(number), aad, sealed) {
            return Ok(Some(content));
        }
        self.forged += 1;
        if self.forged > MOST_FORGED { Err(Error::KeyExhausted) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests;

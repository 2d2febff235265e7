//! Cipher suites: only ECDHE with AEADs (RFC 5289, RFC 7905).

use super::signature::SignatureAlgorithm;
use aws_lc_rs::{aead, digest, hmac};

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CipherSuite {
    EcdheEcdsaAes128GcmSha256 = 0xC02B,
    EcdheEcdsaAes256GcmSha384 = 0xC02C,
    EcdheRsaAes128GcmSha256 = 0xC02F,
    EcdheRsaAes256GcmSha384 = 0xC030,
    EcdheRsaChaCha20Poly1305Sha256 = 0xCCA8,
    EcdheEcdsaChaCha20Poly1305Sha256 = 0xCCA9,
}

/// The AEAD of a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aead {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

impl CipherSuite {
    /// All cipher suites, the preferred first.
    pub(crate) const ALL: [Self; 6] = [
        Self::EcdheEcdsaAes128GcmSha256,
        Self::EcdheRsaAes128GcmSha256,
        Self::EcdheEcdsaAes256GcmSha384,
        Self::EcdheRsaAes256GcmSha384,
        Self::EcdheEcdsaChaCha20Poly1305Sha256,
        Self::EcdheRsaChaCha20Poly1305Sha256,
    ];

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| *suite as u16 == number)
    }

    pub(crate) fn aead(self) -> Aead {
        match self {
            Self::EcdheEcdsaAes128GcmSha256 | Self::EcdheRsaAes128GcmSha256 => Aead::Aes128Gcm,
            Self::EcdheEcdsaAes256GcmSha384 | Self::EcdheRsaAes256GcmSha384 => Aead::Aes256Gcm,
            Self::EcdheRsaChaCha20Poly1305Sha256 | Self::EcdheEcdsaChaCha20Poly1305Sha256 => {
                Aead::ChaCha20Poly1305
            }
        }
    }

    /// Returns the signature algorithm of the server's key.
    pub(crate) fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::EcdheEcdsaAes128GcmSha256
            | Self::EcdheEcdsaAes256GcmSha384
            | Self::EcdheEcdsaChaCha20Poly1305Sha256 => SignatureAlgorithm::Ecdsa,
            Self::EcdheRsaAes128GcmSha256
            | Self::EcdheRsaAes256GcmSha384
            | Self::EcdheRsaChaCha20Poly1305Sha256 => SignatureAlgorithm::Rsa,
        }
    }

    fn is_sha384(self) -> bool {
        self.aead() == Aead::Aes256Gcm
    }

    /// Returns the hash of the transcript.
    pub(crate) fn digest(self) -> &'static digest::Algorithm {
        if self.is_sha384() { &digest::SHA384 } else { &digest::SHA256 }
    }

    /// Returns the hash of the pseudo-random function (RFC 5246 section 5).
    pub(crate) fn hmac(self) -> hmac::Algorithm {
        if self.is_sha384() { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 }
    }
}

impl Aead {
    pub(crate) fn algorithm(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }

    /// Returns how many bytes of the nonce come from the key block: four (RFC 5288 section 3), or all (RFC 7905 section 2).
    pub(crate) fn fixed_iv_len(self) -> usize {
        if self == Self::ChaCha20Poly1305 { aead::NONCE_LEN } else { 4 }
    }

    /// Returns how many bytes of the nonce are sent in the record.
    pub(crate) fn explicit_nonce_len(self) -> usize {
        if self == Self::ChaCha20Poly1305 { 0 } else { 8 }
    }
}

//! Certificate pinning.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use std::fmt;
use std::str::FromStr;
use x509_parser::prelude::X509Certificate;

/// The SHA-256 of a certificate, or of its public key (its `SubjectPublicKeyInfo`, which survives a renewal), each as DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; SHA256_OUTPUT_LEN]);

/// The error of a pin that does not have 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePinError;

impl Pin {
    /// Returns true if the certificate, or its public key, matches the pin.
    pub(super) fn matches(&self, der: &[u8], certificate: &X509Certificate<'_>) -> bool {
        let key = certificate.tbs_certificate.subject_pki.raw;
        [der, key].into_iter().any(|data| digest(&SHA256, data).as_ref() == self.0)
    }
}

impl FromStr for Pin {
    type Err = ParsePinError;

    /// Parses 64 hexadecimal digits, with or without colons, as `openssl x509 -fingerprint -sha256` prints them.
    fn from_str(text: &str) -> Result<Self, ParsePinError> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(ParsePinError))
            .collect::<Result<_, _>>()?;
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |a, b| a << 4 | b)).collect();
        if digits.len() != 2 * SHA256_OUTPUT_LEN {
            return Err(ParsePinError);
        }
        bytes.try_into().map(Self).map_err(|_| ParsePinError)
    }
}

impl fmt::Display for ParsePinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pin must have 64 hexadecimal digits")
    }
}

impl std::error::Error for ParsePinError {}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

//! Errors of TLS configurations.

use std::fmt;

/// The error of a key, a certificate, a name or a revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// The text contains no valid private key.
    NoKey,
    /// The text contains no certificate, or a malformed one.
    NoCertificate,
    /// A certificate revocation list is malformed.
    BadRevocationList,
    /// The private key does not belong to the certificate.
    Mismatch,
    /// The key usage of the certificate does not allow signatures, which every handshake needs.
    NotForSignatures,
    /// The kind or size of the key is not supported.
    UnsupportedKey,
    /// The name is neither a host name nor an IP address.
    BadName,
    /// Another error, in the words of the library.
    Other(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "the private key cannot be read: it must be PKCS#1, SEC1 or PKCS#8",
            Self::NoCertificate => "the certificate cannot be read",
            Self::BadRevocationList => "the certificate revocation list cannot be read",
            Self::Mismatch => "the private key does not belong to the certificate",
            Self::NotForSignatures => "the certificate's key usage lacks digitalSignature",
            Self::UnsupportedKey => {
                "the private key is of an unsupported kind: use RSA of 2048 to 4096 bits, or EC on P-256 or P-384"
            }
            Self::BadName => "the host name is not valid",
            Self::Other(reason) => reason,
        })
    }
}

impl std::error::Error for TlsError {}

//! Why a key, a certificate or a name cannot be used.

use std::fmt;

/// What is wrong with what TLS was set up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// There is no private key in the text, or none that can be read.
    NoKey,
    /// There is no certificate in the text, or one that cannot be read.
    NoCertificate,
    /// A list of revoked certificates cannot be read.
    BadRevocationList,
    /// The private key is not the one of the certificate.
    Mismatch,
    /// The key usage of the certificate does not allow signatures, which every handshake needs.
    NotForSignatures,
    /// The kind or size of the key is not supported.
    UnsupportedKey,
    /// The name is neither a host's name nor an address.
    BadName,
    /// Something else, in the words of the library.
    Other(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "the private key cannot be read: it must be PKCS#1, SEC1 or PKCS#8",
            Self::NoCertificate => "the certificate cannot be read",
            Self::BadRevocationList => "the list of revoked certificates cannot be read",
            Self::Mismatch => "the private key does not belong to the certificate",
            Self::NotForSignatures => "the certificate's key usage is without digitalSignature",
            Self::UnsupportedKey => {
                "the private key is of an unsupported kind: use RSA of 2048 to 4096 bits, or EC on P-256 or P-384"
            }
            Self::BadName => "the host's name is not valid",
            Self::Other(why) => why,
        })
    }
}

impl std::error::Error for TlsError {}

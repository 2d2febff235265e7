//! The cryptography of TLS 1.2, on `aws-lc-rs`.

mod group;
mod prf;
mod signature;
mod suite;

pub(crate) use group::{KeyShare, NamedGroup};
pub(crate) use prf::{KeyBlock, MasterSecret, Side};
pub use signature::{KeyError, SigningKey};
pub(crate) use signature::{
    SIGNATURE_SCHEMES, SignatureAlgorithm, SignatureScheme, check_signing_certificate,
    verify_signature,
};
pub(crate) use suite::{Aead, CipherSuite};

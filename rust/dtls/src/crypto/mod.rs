//! What the handshake needs of cryptography. All of it is `aws-lc-rs`'s; here is how TLS 1.2 uses it.

mod group;
mod prf;
mod signature;
mod suite;

pub(crate) use group::{Group, KeyShare};
pub(crate) use prf::{KeyBlock, MasterSecret, Side};
pub(crate) use signature::{Authentication, SCHEMES, Scheme, check_key, verify};
pub use signature::{KeyError, SigningKey};
pub(crate) use suite::{Aead, Suite};

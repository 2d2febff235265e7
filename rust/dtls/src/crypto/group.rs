//! The named groups of the key exchange (RFC 8422 section 5.1.1).

use crate::alert::Alert;
use crate::error::Error;
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use zeroize::Zeroizing;

/// The first byte of an uncompressed point.
pub(super) const UNCOMPRESSED: u8 = 4;

/// A named group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedGroup {
    Secp256r1 = 23,
    Secp384r1 = 24,
    X25519 = 29,
}

impl NamedGroup {
    /// All groups, the preferred first.
    pub(crate) const ALL: [Self; 3] = [Self::X25519, Self::Secp256r1, Self::Secp384r1];

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|group| *group as u16 == number)
    }

    /// Returns true if the encoding of a public key is allowed: an uncompressed point or, for X25519, one coordinate
    /// (RFC 8422 section 5.4.1). The library accepts more.
    fn is_well_formed(self, public: &[u8]) -> bool {
        match self {
            Self::Secp256r1 => public.len() == 65 && public[0] == UNCOMPRESSED,
            Self::Secp384r1 => public.len() == 97 && public[0] == UNCOMPRESSED,
            Self::X25519 => public.len() == 32,
        }
    }

    fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::Secp256r1 => &agreement::ECDH_P256,
            Self::Secp384r1 => &agreement::ECDH_P384,
            Self::X25519 => &agreement::X25519,
        }
    }
}

/// An ephemeral key pair, from the system's randomness.
pub(crate) struct KeyShare {
    pub(crate) group: NamedGroup,
    private: PrivateKey,
    pub(crate) public: Vec<u8>,
}

impl KeyShare {
    pub(crate) fn new(group: NamedGroup) -> Result<Self, Error> {
        let failed = |_| Error::Internal("failed to generate an ephemeral key");
        let private = PrivateKey::generate(group.algorithm()).map_err(failed)?;
        let public = private.compute_public_key().map_err(failed)?.as_ref().to_vec();
        Ok(Self { group, private, public })
    }

    /// Derives the secret that is shared with the owner of `public`.
    pub(crate) fn derive_shared_secret(&self, public: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let invalid =
            Error::PeerMisbehaved(Alert::ILLEGAL_PARAMETER, "invalid public key for group");
        if !self.group.is_well_formed(public) {
            return Err(invalid);
        }
        let public = UnparsedPublicKey::new(self.group.algorithm(), public);
        agreement::agree(&self.private, public, invalid, |secret| {
            Ok(Zeroizing::new(secret.to_vec()))
        })
    }
}

impl std::fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyShare").field("group", &self.group).finish_non_exhaustive()
    }
}

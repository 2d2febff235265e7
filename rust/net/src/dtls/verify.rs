//! The certificate verifier for `lodewire-dtls`.

use crate::certificates::{Usage, Verifier};
use lodewire_dtls::{CertificateError, CertificateVerifier};
use rustls_pki_types::{CertificateDer, UnixTime};

/// Verifies peers with a [`Verifier`].
#[derive(Debug)]
pub(super) struct PolicyVerifier {
    pub(super) verifier: Verifier,
    pub(super) usage: Usage,
    /// The name that certificates must be valid for, if it is checked.
    pub(super) name: Option<String>,
}

impl CertificateVerifier for PolicyVerifier {
    fn verify(&self, chain: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        let (leaf, intermediates) = chain.split_first().ok_or(CertificateError::Missing)?;
        let name = self.name.as_deref();
        self.verifier.verify(leaf, intermediates, self.usage, name, UnixTime::now())
    }
}

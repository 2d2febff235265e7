//! The rules for certificates, as DTLS asks for them.

use crate::certificates::{Usage, Verifier};
use lodewire_dtls::{CertificateError, CertificateVerifier};
use rustls_pki_types::{CertificateDer, UnixTime};

/// Accepts whom a [`Verifier`] accepts.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) verifier: Verifier,
    pub(super) usage: Usage,
    /// Who it has to be, if that is checked.
    pub(super) name: Option<String>,
}

impl CertificateVerifier for Known {
    fn verify(&self, chain: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        let (leaf, intermediates) = chain.split_first().ok_or(CertificateError::Missing)?;
        let name = self.name.as_deref();
        self.verifier.verify(leaf, intermediates, self.usage, name, UnixTime::now())
    }
}

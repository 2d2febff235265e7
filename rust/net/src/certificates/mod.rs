//! Whose certificates are accepted (RFC 5280, RFC 6125): the rules that wss and DTLS share, with what games need beyond
//! them: a certificate that a server made for itself, and that the game ships with.

mod name;
mod pin;
mod verifier;

pub use pin::Pin;
pub(crate) use verifier::{Usage, Verifier};

use crate::tls::TlsError;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

/// Whose word is taken for who the other side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Anyone's: no certificate is checked, so anybody between can read and change everything.
    Anyone,
    /// That of these certificates (PEM): each stands for itself, and for those that it has signed.
    Given(&'a str),
    /// That of authorities: those in this PEM text or, when it has none, those that browsers know (Mozilla's list).
    Authorities(&'a str),
}

/// What a certificate is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whose word is taken.
    pub trust: Trust<'a>,
    /// Lists of what authorities have revoked, as PEM.
    pub revocation_lists: &'a str,
    /// If there are any, the certificate must be one of these, whoever vouches for it.
    pub pins: &'a [Pin],
}

impl<'a> Rules<'a> {
    /// The word of `trust` is enough.
    pub fn of(trust: Trust<'a>) -> Self {
        Self { trust, revocation_lists: "", pins: &[] }
    }
}

/// A certificate as PEM.
pub fn to_pem(certificate: &[u8]) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", certificate))
}

/// Every certificate in a PEM text, which may hold other things too.
pub(crate) fn read_certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate)
}

/// Every list in a PEM text. A text without any is a mistake, which must not pass for "nothing is revoked".
fn read_revocation_lists(
    pem: &str,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::BadRevocationList)?;
    if lists.is_empty() && !pem.trim().is_empty() {
        return Err(TlsError::BadRevocationList);
    }
    Ok(lists)
}

#[cfg(test)]
mod tests;

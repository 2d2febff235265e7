//! Certificate verification (RFC 5280, RFC 6125) for both wss and DTLS, with what games need in addition: a self-signed
//! certificate that the game ships.

mod name;
mod pin;
mod verifier;

pub use pin::Pin;
pub(crate) use verifier::{Usage, Verifier};

use crate::tls::TlsError;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

/// The certificates that a peer's certificate must be issued by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustAnchors<'a> {
    /// None: certificates are not verified, so the connection is open to man-in-the-middle attacks.
    Insecure,
    /// These certificates (PEM). Each is trusted itself, and as an issuer.
    Custom(&'a str),
    /// The root certificates in this PEM text or, if it contains none, those of Mozilla.
    Roots(&'a str),
}

/// The rules that a certificate is verified against.
#[derive(Clone, Copy, Debug)]
pub struct VerificationPolicy<'a> {
    /// The trust anchors.
    pub anchors: TrustAnchors<'a>,
    /// Certificate revocation lists, as PEM.
    pub revocation_lists: &'a str,
    /// If not empty, the certificate must match one of these pins, in addition to the trust anchors.
    pub pins: &'a [Pin],
}

impl<'a> VerificationPolicy<'a> {
    /// Creates a policy without revocation lists and pins.
    pub fn new(anchors: TrustAnchors<'a>) -> Self {
        Self { anchors, revocation_lists: "", pins: &[] }
    }
}

/// Encodes a certificate as PEM.
pub fn to_pem(certificate: &[u8]) -> String {
    pem::encode(&pem::Pem::new("CERTIFICATE", certificate))
}

/// Decodes all certificates in a PEM text, which may contain other items too.
pub(crate) fn read_certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate)
}

/// Decodes all revocation lists in a PEM text. A text without any is an error: it must not mean "nothing is revoked".
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

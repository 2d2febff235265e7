//! The verification of certificate chains.

use super::{
    Pin, TrustAnchors, VerificationPolicy, name, read_certificates, read_revocation_lists,
};
use crate::tls::TlsError;
use lodewire_dtls::CertificateError;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The purpose of a certificate (extended key usage).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    Server,
    Client,
}

/// Verifies certificate chains against a [`VerificationPolicy`].
#[derive(Debug)]
pub(crate) struct Verifier {
    /// The trust anchors; `None` accepts every chain.
    anchors: Option<Vec<TrustAnchor<'static>>>,
    /// Certificates that the game ships, and trusts themselves.
    custom: Vec<CertificateDer<'static>>,
    revoked: Vec<CertRevocationList<'static>>,
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Decodes the certificates and revocation lists of a policy.
    ///
    /// # Errors
    /// [`TlsError::NoCertificate`] or [`TlsError::BadRevocationList`].
    pub(crate) fn new(policy: VerificationPolicy<'_>) -> Result<Self, TlsError> {
        let to_anchors = |certificates: &[CertificateDer<'static>]| {
            let anchor = |der| anchor_from_trusted_cert(der).ok().map(|anchor| anchor.to_owned());
            certificates.iter().filter_map(anchor).collect()
        };
        let (anchors, custom) = match policy.anchors {
            TrustAnchors::Insecure => (None, Vec::new()),
            TrustAnchors::Custom(pem) => {
                let custom = read_certificates(pem)?;
                if custom.is_empty() {
                    return Err(TlsError::NoCertificate);
                }
                (Some(to_anchors(&custom)), custom)
            }
            TrustAnchors::Roots(pem) => {
                // A system's bundle of hundreds may contain a malformed one.
                let bundle = read_certificates(pem).unwrap_or_default();
                let roots = if bundle.is_empty() {
                    webpki_roots::TLS_SERVER_ROOTS.to_vec()
                } else {
                    to_anchors(&bundle)
                };
                (Some(roots), Vec::new())
            }
        };
        let read = |der| OwnedCertRevocationList::from_der(der).map(Into::into);
        let lists = read_revocation_lists(policy.revocation_lists)?;
        Ok(Self {
            anchors,
            custom,
            revoked: lists
                .iter()
                .map(|der| read(der))
                .collect::<Result<_, _>>()
                .map_err(|_| TlsError::BadRevocationList)?,
            pins: policy.pins.to_vec(),
            algorithms: crate::tls::provider().signature_verification_algorithms,
        })
    }

    /// Verifies a chain at the time `now`, and that it is valid for `name`, if one is required.
    ///
    /// # Errors
    /// The reason why the chain is not accepted.
    pub(crate) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        name: Option<&str>,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        if self.anchors.is_none() && self.pins.is_empty() {
            return Ok(());
        }
        let (_, certificate) =
            X509Certificate::from_der(end_entity).map_err(|_| CertificateError::Malformed)?;
        // Every supported key exchange signs the handshake, so this holds for all trust anchors (RFC 5246 section 7.4.2).
        let usages = certificate.key_usage().map_err(|_| CertificateError::Malformed)?;
        if usages.is_some_and(|usages| !usages.value.digital_signature()) {
            return Err(CertificateError::NotForSignatures);
        }
        if let Some(anchors) = &self.anchors {
            if self.custom.iter().any(|custom| custom == end_entity) {
                // The game ships this certificate, so no issuer is needed; but it must not have expired.
                check_validity(&certificate, now)?;
            } else {
                self.check_chain(anchors, end_entity, intermediates, usage, now)?;
            }
            if let Some(name) = name {
                name::check(end_entity, &certificate, name, !self.custom.is_empty())?;
            }
        }
        let is_pinned = || self.pins.iter().any(|pin| pin.matches(end_entity, &certificate));
        if self.pins.is_empty() || is_pinned() { Ok(()) } else { Err(CertificateError::NotPinned) }
    }

    fn check_chain(
        &self,
        anchors: &[TrustAnchor<'_>],
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(certificate_error)?;
        let usage = match usage {
            Usage::Server => KeyUsage::server_auth(),
            Usage::Client => KeyUsage::client_auth(),
        };
        let lists: Vec<_> = self.revoked.iter().collect();
        // A game ships the lists of its own authorities: certificates without one are not revoked, and the lists do not
        // expire before the game's next release.
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Ignore)
                .build()
        });
        leaf.verify_for_usage(
            self.algorithms.all,
            anchors,
            intermediates,
            now,
            usage,
            revocation,
            None,
        )
        .map(drop)
        .map_err(certificate_error)
    }
}

fn certificate_error(error: webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotValidYet,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::CertRevoked => CertificateError::Revoked,
        E::BadDer | E::BadDerTime => CertificateError::Malformed,
        // Godot's self-signed certificates are marked as authorities.
        E::CaUsedAsEndEntity => CertificateError::Other(
            "self-signed; pass it to the peer as a trusted certificate".to_owned(),
        ),
        other => CertificateError::Other(other.to_string()),
    }
}

fn check_validity(
    certificate: &X509Certificate<'_>,
    now: UnixTime,
) -> Result<(), CertificateError> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        Err(CertificateError::NotValidYet)
    } else if now > validity.not_after.timestamp() {
        Err(CertificateError::Expired)
    } else {
        Ok(())
    }
}

//! Whether a chain of certificates is accepted.

use super::{Pin, Rules, Trust, name, read_certificates, read_revocation_lists};
use crate::tls::TlsError;
use lodewire_dtls::CertificateError;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    Server,
    Client,
}

/// Holds chains of certificates against [`Rules`].
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Who vouches; `None` when nobody has to.
    trusted: Option<Vec<TrustAnchor<'static>>>,
    /// Certificates that the game ships.
    given: Vec<CertificateDer<'static>>,
    revoked: Vec<CertRevocationList<'static>>,
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Reads the rules.
    ///
    /// # Errors
    /// A certificate that is given, or a list, cannot be read.
    pub(crate) fn new(rules: Rules<'_>) -> Result<Self, TlsError> {
        let anchors = |certificates: &[CertificateDer<'static>]| {
            let anchor = |der| anchor_from_trusted_cert(der).ok().map(|anchor| anchor.to_owned());
            certificates.iter().filter_map(anchor).collect()
        };
        let (trusted, given) = match rules.trust {
            Trust::Anyone => (None, Vec::new()),
            Trust::Given(pem) => {
                let given = read_certificates(pem)?;
                if given.is_empty() {
                    return Err(TlsError::NoCertificate);
                }
                (Some(anchors(&given)), given)
            }
            Trust::Authorities(pem) => {
                // A system's bundle may have one that cannot be read among hundreds that can.
                let bundle = read_certificates(pem).unwrap_or_default();
                let trusted = if bundle.is_empty() {
                    webpki_roots::TLS_SERVER_ROOTS.to_vec()
                } else {
                    anchors(&bundle)
                };
                (Some(trusted), Vec::new())
            }
        };
        let read = |der| OwnedCertRevocationList::from_der(der).map(Into::into);
        let lists = read_revocation_lists(rules.revocation_lists)?;
        Ok(Self {
            trusted,
            given,
            revoked: lists
                .iter()
                .map(|der| read(der))
                .collect::<Result<_, _>>()
                .map_err(|_| TlsError::BadRevocationList)?,
            pins: rules.pins.to_vec(),
            algorithms: crate::tls::provider().signature_verification_algorithms,
        })
    }

    /// Whether `name`, if one is asked for, is who shows this chain, at the time `now`.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        name: Option<&str>,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        if self.trusted.is_none() && self.pins.is_empty() {
            return Ok(());
        }
        let (_, certificate) =
            X509Certificate::from_der(end_entity).map_err(|_| CertificateError::Malformed)?;
        // All that this is for signs in its handshake, however a certificate is trusted (RFC 5246 section 7.4.2).
        let usages = certificate.key_usage().map_err(|_| CertificateError::Malformed)?;
        if usages.is_some_and(|usages| !usages.value.digital_signature()) {
            return Err(CertificateError::NotForSignatures);
        }
        if let Some(trusted) = &self.trusted {
            if self.given.iter().any(|given| given == end_entity) {
                // The very certificate that the game ships: nobody has to vouch for it, but it must be in force.
                check_validity(&certificate, now)?;
            } else {
                self.check_chain(trusted, end_entity, intermediates, usage, now)?;
            }
            if let Some(name) = name {
                name::check(end_entity, &certificate, name, !self.given.is_empty())?;
            }
        }
        let is_pinned = || self.pins.iter().any(|pin| pin.is_of(end_entity, &certificate));
        if self.pins.is_empty() || is_pinned() { Ok(()) } else { Err(CertificateError::NotPinned) }
    }

    fn check_chain(
        &self,
        trusted: &[TrustAnchor<'_>],
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(refused)?;
        let usage = match usage {
            Usage::Server => KeyUsage::server_auth(),
            Usage::Client => KeyUsage::client_auth(),
        };
        let lists: Vec<_> = self.revoked.iter().collect();
        // A game ships the lists of its own authorities: what they do not tell of is not revoked, and they do not grow
        // old before the game does.
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Ignore)
                .build()
        });
        leaf.verify_for_usage(
            self.algorithms.all,
            trusted,
            intermediates,
            now,
            usage,
            revocation,
            None,
        )
        .map(drop)
        .map_err(refused)
    }
}

fn refused(error: webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotValidYet,
        E::UnknownIssuer => CertificateError::UnknownAuthority,
        E::CertRevoked => CertificateError::Revoked,
        E::BadDer | E::BadDerTime => CertificateError::Malformed,
        // What the engine makes when it signs for itself.
        E::CaUsedAsEndEntity => CertificateError::Other(
            "it vouches for itself alone: give it to whoever is to trust it".to_owned(),
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

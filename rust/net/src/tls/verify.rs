//! Whether a server is the one it says (RFC 5280, RFC 6125), with what games need beyond it: a certificate that a server
//! made for itself, and that the game ships with.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What a client trusts.
#[derive(Debug)]
pub(super) enum Anchors {
    /// What the game ships: authorities, or the certificates of its servers themselves.
    Given(Vec<CertificateDer<'static>>),
    /// A bundle of authorities.
    Bundle(Vec<CertificateDer<'static>>),
    /// Mozilla's authorities.
    Mozilla,
}

/// Accepts servers that the anchors vouch for.
#[derive(Debug)]
pub(super) struct KnownServer {
    trusted: Vec<TrustAnchor<'static>>,
    /// Certificates that the game ships.
    given: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl KnownServer {
    pub(super) fn new(anchors: Anchors, algorithms: WebPkiSupportedAlgorithms) -> Self {
        let read = |certificates: &[CertificateDer<'static>]| {
            let anchor = |der| anchor_from_trusted_cert(der).ok().map(|anchor| anchor.to_owned());
            certificates.iter().filter_map(anchor).collect()
        };
        let (trusted, given) = match anchors {
            Anchors::Given(given) => (read(&given), given),
            Anchors::Bundle(bundle) => (read(&bundle), Vec::new()),
            Anchors::Mozilla => (webpki_roots::TLS_SERVER_ROOTS.to_vec(), Vec::new()),
        };
        Self { trusted, given, algorithms }
    }
}

impl ServerCertVerifier for KnownServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (_, certificate) = X509Certificate::from_der(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if self.given.iter().any(|given| given == end_entity) {
            // The very certificate that the game ships: nobody has to vouch for it, but it must be in force.
            check_validity(&certificate, now)?;
        } else {
            let leaf = EndEntityCert::try_from(end_entity).map_err(refused)?;
            leaf.verify_for_usage(
                self.algorithms.all,
                &self.trusted,
                intermediates,
                now,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .map_err(refused)?;
        }
        let common_name = !self.given.is_empty();
        check_name(end_entity, &certificate, server_name, common_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn refused(error: webpki::Error) -> Error {
    use webpki::Error as E;
    Error::InvalidCertificate(match error {
        E::CertExpired { .. } => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotValidYet,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        E::BadDer | E::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

fn check_validity(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    let why = if now < validity.not_before.timestamp() {
        CertificateError::NotValidYet
    } else if now > validity.not_after.timestamp() {
        CertificateError::Expired
    } else {
        return Ok(());
    };
    Err(Error::InvalidCertificate(why))
}

/// The name must be among the certificate's alternative ones. One without any is matched by its common name, as the
/// engine's own certificates need it; but only where the game itself said whom to trust: authorities no longer check it.
fn check_name(
    der: &CertificateDer<'_>,
    certificate: &X509Certificate<'_>,
    server_name: &ServerName<'_>,
    common_name: bool,
) -> Result<(), Error> {
    let mismatch = || Error::InvalidCertificate(CertificateError::NotValidForName);
    let has_names = match certificate.subject_alternative_name() {
        Ok(Some(names)) => names
            .value
            .general_names
            .iter()
            .any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_))),
        Ok(None) => false,
        Err(_) => return Err(mismatch()),
    };
    if has_names {
        let leaf = EndEntityCert::try_from(der).map_err(refused)?;
        return leaf.verify_is_valid_for_subject_name(server_name).map_err(|_| mismatch());
    }
    let wanted = server_name.to_str();
    let names = || certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    if common_name && names().any(|name| name.eq_ignore_ascii_case(&wanted)) {
        Ok(())
    } else {
        Err(mismatch())
    }
}

/// Accepts any server that has the key of the certificate it shows, whatever that says.
#[derive(Debug)]
pub(super) struct AnyServer(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests;

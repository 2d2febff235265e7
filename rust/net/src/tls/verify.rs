//! The certificate verifier for rustls, and the description of its errors.

use crate::certificates::{Usage, Verifier};
use lodewire_dtls::CertificateError as Rejection;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::sync::Arc;

/// Verifies servers with a [`Verifier`].
#[derive(Debug)]
pub(super) struct PolicyServerVerifier {
    pub(super) verifier: Verifier,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for PolicyServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = server_name.to_str();
        self.verifier
            .verify(end_entity, intermediates, Usage::Server, Some(&name), now)
            .map_err(invalid_certificate)?;
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

fn invalid_certificate(error: Rejection) -> Error {
    Error::InvalidCertificate(match error {
        Rejection::NotValidForName => CertificateError::NotValidForName,
        Rejection::Expired => CertificateError::Expired,
        Rejection::NotValidYet => CertificateError::NotValidYet,
        Rejection::UnknownIssuer => CertificateError::UnknownIssuer,
        Rejection::Revoked => CertificateError::Revoked,
        Rejection::Malformed => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

/// Describes the error of a handshake or a record to a developer.
pub(super) fn describe(error: &Error) -> String {
    let certificate = match error {
        Error::InvalidCertificate(certificate) => certificate,
        Error::AlertReceived(alert) => {
            return format!("received alert: {alert:?}");
        }
        Error::InvalidMessage(_) => {
            return "the other side does not speak TLS at this port; if it is a server of ws://, connect with ws://"
                .to_owned();
        }
        other => return other.to_string(),
    };
    let reason = match certificate {
        CertificateError::NotValidForName => Rejection::NotValidForName.to_string(),
        CertificateError::Expired => Rejection::Expired.to_string(),
        CertificateError::NotValidYet => Rejection::NotValidYet.to_string(),
        CertificateError::UnknownIssuer => Rejection::UnknownIssuer.to_string(),
        CertificateError::Revoked => Rejection::Revoked.to_string(),
        CertificateError::BadEncoding => Rejection::Malformed.to_string(),
        CertificateError::Other(OtherError(reason)) => reason.to_string(),
        other => format!("{other:?}"),
    };
    format!("the certificate is not accepted: {reason}")
}

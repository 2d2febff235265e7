//! The rules for certificates, as rustls asks for them.

use crate::certificates::{Usage, Verifier};
use lodewire_dtls::CertificateError as Refused;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::sync::Arc;

/// Accepts the servers that a [`Verifier`] accepts.
#[derive(Debug)]
pub(super) struct KnownServer {
    pub(super) verifier: Verifier,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
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
        let name = server_name.to_str();
        self.verifier
            .verify(end_entity, intermediates, Usage::Server, Some(&name), now)
            .map_err(refused)?;
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

fn refused(error: Refused) -> Error {
    Error::InvalidCertificate(match error {
        Refused::WrongName => CertificateError::NotValidForName,
        Refused::Expired => CertificateError::Expired,
        Refused::NotValidYet => CertificateError::NotValidYet,
        Refused::UnknownAuthority => CertificateError::UnknownIssuer,
        Refused::Revoked => CertificateError::Revoked,
        Refused::Malformed => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    })
}

/// The error of a handshake or a record, in words for a developer.
pub(super) fn in_words(error: &Error) -> String {
    let certificate = match error {
        Error::InvalidCertificate(certificate) => certificate,
        Error::AlertReceived(alert) => {
            return format!("the other side ended TLS with the alert {alert:?}");
        }
        Error::InvalidMessage(_) => {
            return "the other side does not speak TLS at this port; if it is a server of ws://, connect with ws://"
                .to_owned();
        }
        other => return other.to_string(),
    };
    let why = match certificate {
        CertificateError::NotValidForName => Refused::WrongName.to_string(),
        CertificateError::Expired => Refused::Expired.to_string(),
        CertificateError::NotValidYet => Refused::NotValidYet.to_string(),
        CertificateError::UnknownIssuer => Refused::UnknownAuthority.to_string(),
        CertificateError::Revoked => Refused::Revoked.to_string(),
        CertificateError::BadEncoding => Refused::Malformed.to_string(),
        CertificateError::Other(OtherError(why)) => why.to_string(),
        other => format!("{other:?}"),
    };
    format!("the certificate is not accepted: {why}")
}

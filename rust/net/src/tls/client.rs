//! TLS clients.

use super::verify::PolicyServerVerifier;
use super::{TlsError, provider};
use crate::certificates::{TrustAnchors, VerificationPolicy, Verifier};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::sync::Arc;

/// The TLS configuration of a client.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// Creates a configuration with these trust anchors.
    ///
    /// # Errors
    /// A certificate is malformed.
    pub fn new(anchors: TrustAnchors<'_>) -> Result<Self, TlsError> {
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Verifier::new(VerificationPolicy::new(anchors))?;
        let verifier = Arc::new(PolicyServerVerifier { verifier, algorithms });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Other(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Checks that certificates can be issued for `host`.
    pub(crate) fn check_name(host: &str) -> Result<(), TlsError> {
        ServerName::try_from(host).map(drop).map_err(|_| TlsError::BadName)
    }

    /// Creates a session with the server of this name, which may be an IP address.
    pub(crate) fn session(&self, host: &str) -> Result<super::Session, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::BadName)?;
        ClientConnection::new(Arc::clone(&self.0), name)
            .map(|session| Box::new(session.into()))
            .map_err(|error| TlsError::Other(error.to_string()))
    }
}

//! Whom a client trusts.

use super::verify::KnownServer;
use super::{TlsError, provider};
use crate::certificates::{Rules, Trust, Verifier};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::sync::Arc;

/// How a client does TLS.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<ClientConfig>);

impl ClientTls {
    /// A client that trusts as `trust` says.
    ///
    /// # Errors
    /// A given certificate cannot be read.
    pub fn new(trust: Trust<'_>) -> Result<Self, TlsError> {
        let provider = provider();
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Verifier::new(Rules::of(trust))?;
        let verifier = Arc::new(KnownServer { verifier, algorithms });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Other(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Whether a certificate could be for `host`.
    pub(crate) fn check_name(host: &str) -> Result<(), TlsError> {
        ServerName::try_from(host).map(drop).map_err(|_| TlsError::BadName)
    }

    /// A session with the server of this name, which may be an IP address.
    pub(crate) fn session(&self, host: &str) -> Result<super::Session, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::BadName)?;
        ClientConnection::new(Arc::clone(&self.0), name)
            .map(|session| Box::new(session.into()))
            .map_err(|error| TlsError::Other(error.to_string()))
    }
}

//! Whom a client trusts.

use super::server::read_certificates;
use super::verify::{Anchors, AnyServer, KnownServer};
use super::{TlsError, provider};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::sync::Arc;

/// Which servers a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// Any server: no certificate is checked, so anybody between can read and change everything.
    Anyone,
    /// Servers with one of these certificates (PEM), or with one that they have signed, for the name that is asked for.
    Given(&'a str),
    /// Servers with a certificate from an authority: those in this PEM text or, when it has none, those that browsers
    /// know (Mozilla's list).
    Authorities(&'a str),
}

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
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            Trust::Anyone => Arc::new(AnyServer(algorithms)),
            Trust::Given(pem) => {
                let given = read_certificates(pem)?;
                if given.is_empty() {
                    return Err(TlsError::NoCertificate);
                }
                Arc::new(KnownServer::new(Anchors::Given(given), algorithms))
            }
            Trust::Authorities(pem) => {
                // A system's bundle may have one that cannot be read among hundreds that can.
                let bundle = read_certificates(pem).unwrap_or_default();
                let anchors =
                    if bundle.is_empty() { Anchors::Mozilla } else { Anchors::Bundle(bundle) };
                Arc::new(KnownServer::new(anchors, algorithms))
            }
        };
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

//! TLS servers.

use super::{TlsError, provider};
use crate::certificates::read_certificates;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::NoServerSessionStorage;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig, ServerConnection};
use std::sync::Arc;

/// The TLS configuration of a server: a private key with its certificates.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// Decodes a private key (PKCS#1, SEC1 or PKCS#8), its certificate, and the intermediate certificates, each as PEM.
    /// `certificates` begins with the server's own; `chain` may be empty.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn from_pem(key: &str, certificates: &str, chain: &str) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::NoKey)?;
        let mut certificates = read_certificates(certificates)?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        certificates.extend(read_certificates(chain)?);
        let provider = provider();
        let signer =
            provider.key_provider.load_private_key(key).map_err(|_| TlsError::UnsupportedKey)?;
        let certified = CertifiedKey::new(certificates, signer);
        match certified.keys_match() {
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(TlsError::Mismatch);
            }
            // A key without its public half cannot be compared.
            Ok(()) | Err(rustls::Error::InconsistentKeys(_)) => {}
            Err(_) => return Err(TlsError::NoCertificate),
        }
        let resolver = rustls::sign::SingleCertAndKey::from(certified);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Other(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        // Unlike a browser, a game reconnects rarely: session resumption would cost each connection two records, and the
        // server a store of secrets.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config)))
    }

    /// Creates a session with a client that has just connected.
    pub(crate) fn session(&self) -> Result<super::Session, rustls::Error> {
        ServerConnection::new(Arc::clone(&self.0)).map(|session| Box::new(session.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        (made.signing_key.serialize_pem(), made.cert.pem())
    }

    #[test]
    fn key_of_another_certificate_is_rejected() {
        let (key, certificate) = made();
        assert!(ServerTls::from_pem(&key, &certificate, "").is_ok());
        let (_, foreign) = made();
        assert_eq!(ServerTls::from_pem(&key, &foreign, "").err(), Some(TlsError::Mismatch));
    }

    #[test]
    fn missing_key_or_certificate_is_named() {
        let (key, certificate) = made();
        assert_eq!(ServerTls::from_pem("", &certificate, "").err(), Some(TlsError::NoKey));
        assert_eq!(ServerTls::from_pem(&key, "", "").err(), Some(TlsError::NoCertificate));
        assert_eq!(ServerTls::from_pem(&key, "no PEM", "").err(), Some(TlsError::NoCertificate));
    }
}

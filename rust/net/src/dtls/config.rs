//! The configuration of servers and clients.

use super::verify::PolicyVerifier;
use crate::certificates::{Usage, VerificationPolicy, Verifier, read_certificates};
use crate::tls::TlsError;
use lodewire_dtls::{CertificateVerifier, CertifiedKey, KeyError, SigningKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The limits of a server or a client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum length of a handshake datagram, in bytes, at least 296.
    pub mtu: usize,
    /// Maximum duration of a handshake; `None` means no limit.
    pub handshake_timeout: Option<Duration>,
    /// Maximum time without anything authentic from the peer; `None` means no limit.
    pub idle_timeout: Option<Duration>,
    /// Maximum number of connections of a server, including handshakes in progress.
    pub max_peers: usize,
    /// Maximum number of handshakes in progress, in total.
    pub max_handshakes: usize,
    /// Maximum number of handshakes in progress for an IPv4 address or an IPv6 /64.
    pub max_handshakes_per_address: usize,
    /// Maximum size of the packets that are buffered for the game, per peer, where each packet counts for 64 bytes
    /// more. Packets beyond it are dropped.
    pub max_buffered_bytes: usize,
    /// Maximum size of the packets that are buffered for the game, of all peers of a server, including closed ones
    /// whose end was not reported yet.
    pub max_total_buffered_bytes: usize,
    /// Maximum size of the packets that wait for the network, per peer.
    pub max_outgoing_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mtu: 1400,
            handshake_timeout: Some(Duration::from_mins(1)),
            idle_timeout: None,
            max_peers: 4096,
            max_handshakes: 1024,
            max_handshakes_per_address: 256,
            max_buffered_bytes: 8 << 20,
            max_total_buffered_bytes: 512 << 20,
            max_outgoing_bytes: 8 << 20,
        }
    }
}

impl Limits {
    pub(super) fn to_protocol(self) -> lodewire_dtls::Limits {
        lodewire_dtls::Limits {
            mtu: self.mtu,
            handshake_timeout: self.handshake_timeout,
            max_buffered_bytes: self.max_buffered_bytes,
        }
    }
}

/// The certificate of a server, and the verification of its clients.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) certified_key: Arc<CertifiedKey>,
    pub(super) client_verifier: Option<Arc<dyn CertificateVerifier>>,
}

impl ServerConfig {
    /// Decodes a private key (PKCS#1, SEC1 or PKCS#8), its certificate, and the intermediate certificates, each as PEM.
    /// `certificates` begins with the server's own; `chain` may be empty. With `client_policy`, each client must present a
    /// certificate that this policy accepts.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(
        key: &str,
        certificates: &str,
        chain: &str,
        client_policy: Option<VerificationPolicy<'_>>,
    ) -> Result<Self, TlsError> {
        let verifier = |policy| {
            let verifier = Verifier::new(policy)?;
            let verifier = PolicyVerifier { verifier, usage: Usage::Client, name: None };
            Ok(Arc::new(verifier) as Arc<dyn CertificateVerifier>)
        };
        Ok(Self {
            certified_key: certified_key(key, certificates, chain)?,
            client_verifier: client_policy.map(verifier).transpose()?,
        })
    }

    pub(super) fn to_protocol(&self, limits: &Limits) -> lodewire_dtls::ServerConfig {
        lodewire_dtls::ServerConfig {
            certified_key: Arc::clone(&self.certified_key),
            client_verifier: self.client_verifier.clone(),
            limits: limits.to_protocol(),
        }
    }
}

/// The verification of servers, and the certificate of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    verifier: Arc<dyn CertificateVerifier>,
    server_name: Option<String>,
    certified_key: Option<Arc<CertifiedKey>>,
}

impl ClientConfig {
    /// Creates the configuration of a client for the server `name`, whose certificate is verified against `policy` and, with
    /// `check_name`, must be valid for `name`.
    ///
    /// # Errors
    /// [`TlsError`], if a certificate or revocation list of the policy is malformed.
    pub fn new(
        policy: VerificationPolicy<'_>,
        name: &str,
        check_name: bool,
    ) -> Result<Self, TlsError> {
        let verifier = PolicyVerifier {
            verifier: Verifier::new(policy)?,
            usage: Usage::Server,
            name: check_name.then(|| name.to_owned()),
        };
        // A literal address is not permitted (RFC 6066 section 3), nor is an empty name.
        let is_host_name = !name.is_empty() && name.parse::<IpAddr>().is_err();
        let server_name = is_host_name.then(|| name.to_owned());
        Ok(Self { verifier: Arc::new(verifier), server_name, certified_key: None })
    }

    /// Sets the certificate that is presented to a server that requests one. Key and certificates are PEM, as for a
    /// server.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn set_client_certificate(
        &mut self,
        key: &str,
        certificates: &str,
    ) -> Result<(), TlsError> {
        self.certified_key = Some(certified_key(key, certificates, "")?);
        Ok(())
    }

    pub(crate) fn to_protocol(&self, limits: &Limits) -> lodewire_dtls::ClientConfig {
        lodewire_dtls::ClientConfig {
            verifier: Arc::clone(&self.verifier),
            server_name: self.server_name.clone(),
            certified_key: self.certified_key.clone(),
            limits: limits.to_protocol(),
        }
    }
}

fn certified_key(
    key: &str,
    certificates: &str,
    chain: &str,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::NoKey)?;
    let mut certificates = read_certificates(certificates)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    certificates.extend(read_certificates(chain)?);
    let to_tls_error = |error| match error {
        KeyError::Unsupported => TlsError::UnsupportedKey,
        KeyError::Mismatch => TlsError::Mismatch,
        KeyError::NotForSignatures => TlsError::NotForSignatures,
    };
    let key = SigningKey::new(&key).map_err(to_tls_error)?;
    CertifiedKey::new(certificates, key).map(Arc::new).map_err(to_tls_error)
}

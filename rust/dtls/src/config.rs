//! The configuration of clients and servers.

use crate::crypto::{KeyError, SigningKey, check_signing_certificate};
use crate::error::CertificateError;
use rustls_pki_types::CertificateDer;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Verifies the certificates of peers.
pub trait CertificateVerifier: Debug + Send + Sync {
    /// Verifies a chain, which begins with the peer's own certificate. Called where the [jobs](crate::Job) run.
    ///
    /// # Errors
    /// The reason why the chain is not accepted.
    fn verify(&self, chain: &[CertificateDer<'static>]) -> Result<(), CertificateError>;
}

/// A certificate chain and the private key of its first certificate.
#[derive(Debug)]
pub struct CertifiedKey {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: SigningKey,
}

impl CertifiedKey {
    /// Combines a chain with the key of its first certificate. The key signs once, to prove that it belongs to it.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`], also if the certificate is malformed; [`KeyError::NotForSignatures`].
    pub fn new(chain: Vec<CertificateDer<'static>>, key: SigningKey) -> Result<Self, KeyError> {
        let certificate = chain.first().ok_or(KeyError::Mismatch)?;
        if !key.belongs_to(certificate) {
            return Err(KeyError::Mismatch);
        }
        match check_signing_certificate(certificate) {
            Err(CertificateError::NotForSignatures) => Err(KeyError::NotForSignatures),
            _ => Ok(Self { chain, key }),
        }
    }

    /// Returns the chain: the certificate, followed by the intermediates.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum length of a handshake datagram, in bytes: at least 296, and at most 508 from the second retransmission on.
    /// Application data is sent in datagrams as long as it needs.
    pub mtu: usize,
    /// Maximum duration of a handshake; `None` means no limit.
    pub handshake_timeout: Option<Duration>,
    /// Maximum number of received bytes that wait for the caller, where each packet counts for 64 more. Packets beyond it
    /// are dropped.
    pub max_buffered_bytes: usize,
}

impl Default for Limits {
    /// Returns 1400 bytes, one minute, and 8 MiB.
    fn default() -> Self {
        Self {
            mtu: 1400,
            handshake_timeout: Some(Duration::from_mins(1)),
            max_buffered_bytes: 8 << 20,
        }
    }
}

/// The configuration of a client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Verifies the server's certificate.
    pub verifier: Arc<dyn CertificateVerifier>,
    /// The `server_name` that is sent (RFC 6066 section 3); `None` for an IP address.
    pub server_name: Option<String>,
    /// The certificate that is presented to a server that requests one.
    pub certified_key: Option<Arc<CertifiedKey>>,
    /// The limits of the connection.
    pub limits: Limits,
}

/// The configuration of a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The server's certificate.
    pub certified_key: Arc<CertifiedKey>,
    /// Verifies the certificates of clients; `None` requests none.
    pub client_verifier: Option<Arc<dyn CertificateVerifier>>,
    /// The limits of each connection.
    pub limits: Limits,
}

//! What an endpoint is set up with.

use crate::crypto::{KeyError, SigningKey, check_key};
use crate::error::CertificateError;
use rustls_pki_types::CertificateDer;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Says whether the holder of a certificate is the one it should be.
pub trait CertificateVerifier: Debug + Send + Sync {
    /// Checks a chain, the other side's own certificate first. It is called where the [jobs](crate::Job) run.
    ///
    /// # Errors
    /// Why it is not accepted.
    fn verify(&self, chain: &[CertificateDer<'static>]) -> Result<(), CertificateError>;
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: SigningKey,
}

impl Identity {
    /// A certificate with those that vouch for it, as far as the other side needs them; and its key, which signs once for
    /// proof.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`], also if the certificate cannot be read; [`KeyError::NotForSignatures`].
    pub fn new(chain: Vec<CertificateDer<'static>>, key: SigningKey) -> Result<Self, KeyError> {
        let certificate = chain.first().ok_or(KeyError::Mismatch)?;
        if !key.belongs_to(certificate) {
            return Err(KeyError::Mismatch);
        }
        match check_key(certificate) {
            Err(CertificateError::NotForSignatures) => Err(KeyError::NotForSignatures),
            _ => Ok(Self { chain, key }),
        }
    }

    /// The certificate, and those that vouch for it.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest datagram of the handshake, in bytes; from the second repetition on 508 if that is less. No less than 296.
    /// Data goes in datagrams as long as it needs.
    pub mtu: usize,
    /// How long a handshake may take; without it there is no limit.
    pub handshake_timeout: Option<Duration>,
    /// How many bytes may wait for the caller, with 64 more for each packet. Beyond it what comes is lost, as on the network.
    pub waiting: usize,
}

impl Default for Limits {
    /// 1400 bytes, a minute, and 8 MiB.
    fn default() -> Self {
        Self { mtu: 1400, handshake_timeout: Some(Duration::from_mins(1)), waiting: 8 << 20 }
    }
}

/// How a client connects.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Who the server may be.
    pub verifier: Arc<dyn CertificateVerifier>,
    /// The name that the server is told it was asked for; none for an address.
    pub server_name: Option<String>,
    /// What the client shows to a server that asks.
    pub identity: Option<Arc<Identity>>,
    /// Its limits.
    pub limits: Limits,
}

/// How a server accepts.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What the server shows.
    pub identity: Arc<Identity>,
    /// Who the clients may be, if they have to show a certificate.
    pub client_verifier: Option<Arc<dyn CertificateVerifier>>,
    /// Its limits.
    pub limits: Limits,
}

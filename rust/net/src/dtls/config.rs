//! What the two ends are set up with.

use super::verify::Known;
use crate::certificates::{Rules, Usage, Verifier, read_certificates};
use crate::tls::TlsError;
use lodewire_dtls::{CertificateVerifier, Identity, KeyError, SigningKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How much there may be of everything.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest datagram of a handshake, in bytes, from 296 on.
    pub mtu: usize,
    /// How long a handshake may take; without it, as long as it takes.
    pub handshake_timeout: Option<Duration>,
    /// How long the other side may be silent; without it, for ever.
    pub idle_timeout: Option<Duration>,
    /// How many connections a server may have, those included that are beginning.
    pub peers: usize,
    /// How many of them may be beginning, in all.
    pub handshakes: usize,
    /// And of one IP address.
    pub handshakes_per_address: usize,
    /// How many bytes may wait for the game, per peer; what comes beyond is lost. A packet counts for 64 more.
    pub waiting: usize,
    /// The same of all peers of a server together, those included that have ended and of which the game was not told yet.
    pub waiting_in_all: usize,
    /// How many bytes may wait for the network, per peer.
    pub outgoing: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mtu: 1400,
            handshake_timeout: Some(Duration::from_mins(1)),
            idle_timeout: None,
            peers: 4096,
            handshakes: 1024,
            handshakes_per_address: 256,
            waiting: 8 << 20,
            waiting_in_all: 512 << 20,
            outgoing: 8 << 20,
        }
    }
}

impl Limits {
    pub(super) fn protocol(&self) -> lodewire_dtls::Limits {
        lodewire_dtls::Limits {
            mtu: self.mtu,
            handshake_timeout: self.handshake_timeout,
            waiting: self.waiting,
        }
    }
}

/// What a server shows to its clients, and asks of them.
#[derive(Clone, Debug)]
pub struct ServerSetup {
    pub(super) identity: Arc<Identity>,
    pub(super) client_verifier: Option<Arc<dyn CertificateVerifier>>,
}

impl ServerSetup {
    /// Reads a private key (PKCS#1, SEC1 or PKCS#8), the certificate that belongs to it, and the certificates between
    /// that and an authority, each as PEM. `certificates` begins with the server's own; `chain` may be empty. With
    /// `clients`, each client has to show a certificate that keeps to them.
    ///
    /// # Errors
    /// [`TlsError`], which says what does not fit.
    pub fn new(
        key: &str,
        certificates: &str,
        chain: &str,
        clients: Option<Rules<'_>>,
    ) -> Result<Self, TlsError> {
        let known = |rules| {
            let verifier = Verifier::new(rules)?;
            let known = Known { verifier, usage: Usage::Client, name: None };
            Ok(Arc::new(known) as Arc<dyn CertificateVerifier>)
        };
        Ok(Self {
            identity: identity(key, certificates, chain)?,
            client_verifier: clients.map(known).transpose()?,
        })
    }

    pub(super) fn config(&self, limits: &Limits) -> lodewire_dtls::ServerConfig {
        lodewire_dtls::ServerConfig {
            identity: Arc::clone(&self.identity),
            client_verifier: self.client_verifier.clone(),
            limits: limits.protocol(),
        }
    }
}

/// Whom a client trusts, and what it shows.
#[derive(Clone, Debug)]
pub struct ClientSetup {
    verifier: Arc<dyn CertificateVerifier>,
    server_name: Option<String>,
    identity: Option<Arc<Identity>>,
}

impl ClientSetup {
    /// A client that asks for the server of this `name`, and holds its certificate against `rules`: also its name, if
    /// `check_name`.
    ///
    /// # Errors
    /// A certificate or list of the rules cannot be read.
    pub fn new(rules: Rules<'_>, name: &str, check_name: bool) -> Result<Self, TlsError> {
        let known = Known {
            verifier: Verifier::new(rules)?,
            usage: Usage::Server,
            name: check_name.then(|| name.to_owned()),
        };
        // RFC 6066 section 3: an address is no name, nor is nothing.
        let is_name = !name.is_empty() && name.parse::<IpAddr>().is_err();
        let server_name = is_name.then(|| name.to_owned());
        Ok(Self { verifier: Arc::new(known), server_name, identity: None })
    }

    /// Has the client show a certificate to a server that asks for one: key and certificates as PEM, as of a server.
    ///
    /// # Errors
    /// [`TlsError`], which says what does not fit.
    pub fn identify(&mut self, key: &str, certificates: &str) -> Result<(), TlsError> {
        self.identity = Some(identity(key, certificates, "")?);
        Ok(())
    }

    pub(crate) fn config(&self, limits: &Limits) -> lodewire_dtls::ClientConfig {
        lodewire_dtls::ClientConfig {
            verifier: Arc::clone(&self.verifier),
            server_name: self.server_name.clone(),
            identity: self.identity.clone(),
            limits: limits.protocol(),
        }
    }
}

fn identity(key: &str, certificates: &str, chain: &str) -> Result<Arc<Identity>, TlsError> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| TlsError::NoKey)?;
    let mut shown = read_certificates(certificates)?;
    if shown.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    shown.extend(read_certificates(chain)?);
    let unfit = |error| match error {
        KeyError::Unsupported => TlsError::UnsupportedKey,
        KeyError::Mismatch => TlsError::Mismatch,
        KeyError::NotForSignatures => TlsError::NotForSignatures,
    };
    let key = SigningKey::new(&key).map_err(unfit)?;
    Identity::new(shown, key).map(Arc::new).map_err(unfit)
}

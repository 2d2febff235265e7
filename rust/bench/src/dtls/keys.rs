//! The keys that everybody is measured with: those of the tests.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;
use lodewire_dtls::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "p-256")]
    P256,
}

/// All kinds.
pub(crate) const KINDS: [Kind; 2] = [Kind::Rsa2048, Kind::P256];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::P256 => "P-256",
        }
    }

    /// A key and its certificate, as PEM.
    pub(crate) fn pem(self) -> (&'static str, &'static str) {
        match self {
            Self::Rsa2048 => (
                include_str!("../../../../tests/suites/websocket/keys/rsa_pkcs8.key"),
                include_str!("../../../../tests/suites/websocket/keys/rsa.crt"),
            ),
            Self::P256 => (
                include_str!("../../../../tests/suites/dtls/keys/server.key"),
                include_str!("../../../../tests/suites/dtls/keys/engine.crt"),
            ),
        }
    }

    pub(crate) fn key(self) -> Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(self.pem().0.as_bytes()).context("a key of the tests")
    }

    pub(crate) fn certificate(self) -> Result<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.pem().1.as_bytes())
            .context("a certificate of the tests")
    }

    pub(crate) fn certified_key(self) -> Result<Arc<CertifiedKey>> {
        let key = SigningKey::new(&self.key()?)?;
        Ok(Arc::new(CertifiedKey::new(vec![self.certificate()?], key)?))
    }
}

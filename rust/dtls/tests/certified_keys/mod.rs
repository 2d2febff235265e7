//! Keys with self-signed certificates.
#![allow(clippy::expect_used, dead_code, reason = "a test, which may need less than another")]

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use lodewire_dtls::{CertificateError, CertificateVerifier, CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Accepts only one certificate.
#[derive(Debug)]
pub(crate) struct PinnedCertificate(CertificateDer<'static>);

impl PinnedCertificate {
    /// Accepts the certificate of a key.
    pub(crate) fn of(certified_key: &CertifiedKey) -> Arc<Self> {
        Arc::new(Self(certified_key.chain()[0].clone()))
    }
}

impl CertificateVerifier for PinnedCertificate {
    fn verify(&self, chain: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        if chain[0] == self.0 { Ok(()) } else { Err(CertificateError::UnknownIssuer) }
    }
}

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    P256,
    P384,
    Rsa2048,
    Rsa4096,
}

/// A key and its certificate, also as PEM.
#[derive(Clone)]
pub(crate) struct TestKey {
    pub(crate) certified_key: Arc<CertifiedKey>,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

/// Returns the key of a kind, for `game.example`, which is generated once, since RSA keys are slow to generate.
pub(crate) fn cached_key(kind: Kind) -> TestKey {
    static KEYS: Mutex<BTreeMap<Kind, TestKey>> = Mutex::new(BTreeMap::new());
    let mut test_key = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    test_key.entry(kind).or_insert_with(|| new_key(kind)).clone()
}

/// Generates a key of a kind.
pub(crate) fn new_key(kind: Kind) -> TestKey {
    let key = match kind {
        Kind::P256 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        Kind::P384 => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        Kind::Rsa2048 => rsa(KeySize::Rsa2048),
        Kind::Rsa4096 => rsa(KeySize::Rsa4096),
    }
    .expect("a key");
    let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed");
    let der = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS #8");
    let key_of = SigningKey::new(&der).expect("a key");
    let certified_key = CertifiedKey::new(vec![certificate.der().clone()], key_of).expect("a pair");
    TestKey {
        certified_key: Arc::new(certified_key),
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    }
}

fn rsa(size: KeySize) -> Result<rcgen::KeyPair, rcgen::Error> {
    let pair = KeyPair::generate(size).expect("a key");
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS #8");
    let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8.as_ref());
    rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &rcgen::PKCS_RSA_SHA256)
}

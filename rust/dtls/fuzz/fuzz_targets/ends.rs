//! What a client and a server are set up with.

use lodewire_dtls::{
    CertificateError, CertificateVerifier, ClientConfig, Identity, Limits, ServerConfig, SigningKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, OnceLock};

#[derive(Debug)]
struct Anybody;

impl CertificateVerifier for Anybody {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

fn identity() -> Arc<Identity> {
    static IDENTITY: OnceLock<Arc<Identity>> = OnceLock::new();
    let make = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(Identity::new(chain, SigningKey::new(&der).unwrap()).unwrap())
    };
    Arc::clone(IDENTITY.get_or_init(make))
}

/// The limit of what waits.
pub const WAITING: usize = 10_000;

fn limits() -> Limits {
    Limits { waiting: WAITING, ..Limits::default() }
}

/// A client that shows a certificate if it is asked for one.
pub fn client() -> ClientConfig {
    ClientConfig {
        verifier: Arc::new(Anybody),
        server_name: Some("game.example".to_owned()),
        identity: Some(identity()),
        limits: limits(),
    }
}

/// A server, which may ask for certificates.
pub fn server(asks: bool) -> ServerConfig {
    let client_verifier = asks.then(|| Arc::new(Anybody) as Arc<dyn CertificateVerifier>);
    ServerConfig { identity: identity(), client_verifier, limits: limits() }
}

//! The configurations of a client and a server.

use lodewire_dtls::{
    CertificateError, CertificateVerifier, CertifiedKey, ClientConfig, Limits, ServerConfig,
    SigningKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::{Arc, OnceLock};

#[derive(Debug)]
struct AcceptAny;

impl CertificateVerifier for AcceptAny {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

fn certified_key() -> Arc<CertifiedKey> {
    static IDENTITY: OnceLock<Arc<CertifiedKey>> = OnceLock::new();
    let make = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["game.example".to_owned()]).unwrap();
        let chain = vec![params.self_signed(&key).unwrap().der().clone()];
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(CertifiedKey::new(chain, SigningKey::new(&der).unwrap()).unwrap())
    };
    Arc::clone(IDENTITY.get_or_init(make))
}

/// The size of the receive buffer.
pub const MAX_BUFFERED_BYTES: usize = 10_000;

fn limits() -> Limits {
    Limits { max_buffered_bytes: MAX_BUFFERED_BYTES, ..Limits::default() }
}

/// Returns the configuration of a client with a certificate.
pub fn client() -> ClientConfig {
    ClientConfig {
        verifier: Arc::new(AcceptAny),
        server_name: Some("game.example".to_owned()),
        certified_key: Some(certified_key()),
        limits: limits(),
    }
}

/// Returns the configuration of a server, which may request certificates.
pub fn server(asks: bool) -> ServerConfig {
    let client_verifier = asks.then(|| Arc::new(AcceptAny) as Arc<dyn CertificateVerifier>);
    ServerConfig { certified_key: certified_key(), client_verifier, limits: limits() }
}

/// Splits a datagram that is one unencrypted handshake message into two fragments; `None` if it is something else.
pub fn halves(datagram: &[u8], at: usize) -> Option<[Vec<u8>; 2]> {
    let body = datagram.get(25..)?;
    let is_whole = datagram[0] == 22
        && datagram[3..5] == [0, 0]
        && datagram[14..17] == datagram[22..25]
        && datagram[14..17] == (body.len() as u32).to_be_bytes()[1..];
    let at = at.min(body.len());
    let part = |offset: usize, part: &[u8]| {
        let mut half = datagram[..11].to_vec();
        half.extend_from_slice(&(part.len() as u16 + 12).to_be_bytes());
        half.extend_from_slice(&datagram[13..19]);
        half.extend_from_slice(&(offset as u32).to_be_bytes()[1..]);
        half.extend_from_slice(&(part.len() as u32).to_be_bytes()[1..]);
        half.extend_from_slice(part);
        half
    };
    is_whole.then(|| [part(0, &body[..at]), part(at, &body[at..])])
}

/// Adds a `max_fragment_length` of 512 bytes to a ClientHello of our client.
pub fn with_short_records(hello: &[u8]) -> Vec<u8> {
    let mut hello = hello.to_vec();
    hello.extend_from_slice(&[0, 1, 0, 1, 1]);
    let grow = |bytes: &mut [u8]| {
        let len = u16::from_be_bytes([bytes[0], bytes[1]]) + 5;
        bytes.copy_from_slice(&len.to_be_bytes());
    };
    grow(&mut hello[11..13]);
    grow(&mut hello[15..17]);
    grow(&mut hello[23..25]);
    // Version, random and session id are followed by the cookie, the cipher suites and the compression methods.
    let cookie = 25 + 35;
    let suites = cookie + 1 + usize::from(hello[cookie]);
    let compressions = suites + 2 + usize::from(hello[suites + 1]);
    let extensions = compressions + 1 + usize::from(hello[compressions]);
    grow(&mut hello[extensions..extensions + 2]);
    hello
}

//! A client and a server, and the records of attackers.

use lodewire_dtls::{
    CertificateError, CertificateVerifier, CertifiedKey, ClientConfig, ClientHelloVerification,
    Connection, CookieGenerator, Limits, ServerConfig, SigningKey, State,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// The type of handshake records.
pub(super) const HANDSHAKE: u8 = 22;
/// The type of records with packets.
pub(super) const APPLICATION_DATA: u8 = 23;
/// The type of alert records.
pub(super) const ALERT: u8 = 21;

/// The size of the receive buffer in these rows.
pub(super) const MAX_BUFFERED_BYTES: usize = 64 << 10;

#[derive(Debug)]
struct AcceptAny;

impl CertificateVerifier for AcceptAny {
    fn verify(&self, _: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        Ok(())
    }
}

/// A server and a client in memory.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) client: Connection,
    pub(super) server: Connection,
}

/// Returns the address of the client.
pub(super) fn client_address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1234))
}

impl Pair {
    /// Returns both sides after the server has sent its flight.
    pub(super) fn handshaking() -> Self {
        let now = Instant::now();
        let limits = Limits { max_buffered_bytes: MAX_BUFFERED_BYTES, ..Limits::default() };
        let config = ClientConfig {
            verifier: Arc::new(AcceptAny),
            server_name: Some("game.example".to_owned()),
            certified_key: None,
            limits,
        };
        let mut client = Connection::connect(now, config).expect("randomness");
        let mut cookies = CookieGenerator::new(now).expect("randomness");
        let server = loop {
            let datagram = client.poll_transmit().expect("a hello");
            match cookies.verify_client_hello(now, client_address(), &datagram) {
                ClientHelloVerification::HelloVerifyRequest(mut answer) => {
                    client.handle_datagram(now, &mut answer);
                }
                ClientHelloVerification::Verified(hello) => {
                    let certified_key = certified_key();
                    let config = ServerConfig { certified_key, client_verifier: None, limits };
                    break Connection::accept(now, config, hello).expect("it is acceptable");
                }
                ClientHelloVerification::Ignored => unreachable!("it is a hello"),
            }
        };
        let mut pair = Self { now, client, server };
        run_jobs(now, &mut pair.server);
        pair
    }

    /// Returns both sides after the handshake.
    pub(super) fn connected() -> Self {
        let mut pair = Self::handshaking();
        while *pair.server.state() != State::Connected || *pair.client.state() != State::Connected {
            let mut moved = 0;
            while let Some(mut datagram) = pair.server.poll_transmit() {
                pair.client.handle_datagram(pair.now, &mut datagram);
                run_jobs(pair.now, &mut pair.client);
                moved += 1;
            }
            while let Some(mut datagram) = pair.client.poll_transmit() {
                pair.server.handle_datagram(pair.now, &mut datagram);
                run_jobs(pair.now, &mut pair.server);
                moved += 1;
            }
            assert!(moved > 0, "{:?} and {:?}", pair.client.state(), pair.server.state());
        }
        pair
    }
}

fn run_jobs(now: Instant, connection: &mut Connection) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
}

fn certified_key() -> Arc<CertifiedKey> {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params =
        rcgen::CertificateParams::new(vec!["game.example".to_owned()]).expect("parameters");
    let chain = vec![params.self_signed(&key).expect("a certificate").der().clone()];
    let der = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    Arc::new(CertifiedKey::new(chain, SigningKey::new(&der).expect("a key")).expect("they fit"))
}

/// Encodes an unencrypted record, or one that claims to be encrypted.
pub(super) fn record(content_type: u8, epoch: u8, sequence: usize, content: &[u8]) -> Vec<u8> {
    let [.., a, b, c, d] = (sequence as u64).to_be_bytes();
    let mut record = vec![content_type, 0xFE, 0xFD, 0, epoch, 0, 0, a, b, c, d];
    record.extend_from_slice(&(content.len() as u16).to_be_bytes());
    record.extend_from_slice(content);
    record
}

/// Encodes a fragment of a handshake message of `length` bytes.
pub(super) fn fragment(
    kind: u8,
    sequence: u16,
    length: usize,
    offset: usize,
    bytes: &[u8],
) -> Vec<u8> {
    let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
    let mut fragment = vec![kind];
    fragment.extend(three(length));
    fragment.extend(sequence.to_be_bytes());
    fragment.extend(three(offset));
    fragment.extend(three(bytes.len()));
    fragment.extend_from_slice(bytes);
    fragment
}

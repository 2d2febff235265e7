//! Clients for `wss://`: each in a thread of its own, since only their number matters.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};

use crate::websocket::client::REQUEST;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A connection with its TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Takes any certificate: the server makes a new one each time.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client that takes any certificate, and makes a whole handshake each time.
pub(crate) fn client_config() -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let mut config = config;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Opens `count` connections, of which at most `at_once` are under way.
pub(crate) fn connect(address: SocketAddr, count: usize, at_once: usize) -> Result<Vec<TlsStream>> {
    let config = client_config()?;
    let mut streams = Vec::new();
    while streams.len() < count {
        let batch = at_once.min(count - streams.len());
        let opened = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..batch).map(|_| scope.spawn(|| open(address, Arc::clone(&config)))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a client failed"))?)
                .collect::<Result<Vec<_>>>()
        });
        streams.extend(opened?);
    }
    Ok(streams)
}

fn open(address: SocketAddr, config: Arc<ClientConfig>) -> Result<TlsStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    let client = ClientConnection::new(config, ServerName::try_from("localhost")?)?;
    let mut stream = StreamOwned::new(client, socket);
    stream.write_all(REQUEST).context("no TLS handshake")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with(b"\r\n\r\n") {
        let len = stream.read(&mut buffer).context("no answer over TLS")?;
        ensure!(len > 0, "the server has dropped a client");
        answer.extend_from_slice(&buffer[..len]);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 101 "), "the server refuses a client");
    Ok(stream)
}

//! Ours.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use lodewire_dtls::{
    CertificateError, CertificateVerifier, CertifiedKey, ClientConfig, ClientHelloVerification,
    Connection, CookieGenerator, Limits, ServerConfig, State,
};
use rustls_pki_types::CertificateDer;

use super::in_memory::{Connected, Connector};
use super::keys::Kind;

/// Makes connections of ours.
pub(crate) struct Lodewire {
    certified_key: Arc<CertifiedKey>,
    verifier: Arc<Only>,
    cookies: Mutex<CookieGenerator>,
    client: SocketAddr,
}

/// Accepts one certificate.
#[derive(Debug)]
pub(super) struct Only(CertificateDer<'static>);

impl CertificateVerifier for Only {
    fn verify(&self, chain: &[CertificateDer<'static>]) -> Result<(), CertificateError> {
        if chain.first() == Some(&self.0) { Ok(()) } else { Err(CertificateError::UnknownIssuer) }
    }
}

/// A client that trusts the certificate of a kind.
pub(crate) fn client_config(kind: Kind) -> Result<ClientConfig> {
    Ok(ClientConfig {
        verifier: Arc::new(Only(kind.certificate()?)),
        server_name: None,
        certified_key: None,
        limits: Limits::default(),
    })
}

impl Lodewire {
    pub(crate) fn new(kind: Kind) -> Result<Self> {
        let Some(cookies) = CookieGenerator::new(Instant::now()) else { bail!("no randomness") };
        Ok(Self {
            certified_key: kind.certified_key()?,
            verifier: Arc::new(Only(kind.certificate()?)),
            cookies: Mutex::new(cookies),
            client: SocketAddr::from(([10, 0, 0, 1], 1234)),
        })
    }

    fn client(&self) -> ClientConfig {
        ClientConfig {
            verifier: Arc::clone(&self.verifier) as Arc<dyn CertificateVerifier>,
            server_name: None,
            certified_key: None,
            limits: Limits::default(),
        }
    }

    fn server(&self) -> ServerConfig {
        let certified_key = Arc::clone(&self.certified_key);
        ServerConfig { certified_key, client_verifier: None, limits: Limits::default() }
    }
}

impl Connector for Lodewire {
    fn connect(&self) -> Result<Box<dyn Connected>> {
        let now = Instant::now();
        let mut client = Connection::connect(now, self.client())?;
        let mut server = None;
        while *client.state() == State::Handshaking {
            while let Some(mut datagram) = client.poll_transmit() {
                let Some(server) = &mut server else {
                    let Ok(mut cookies) = self.cookies.lock() else { bail!("a panic") };
                    match cookies.verify_client_hello(now, self.client, &datagram) {
                        ClientHelloVerification::Ignored => {}
                        ClientHelloVerification::HelloVerifyRequest(mut answer) => {
                            client.handle_datagram(now, &mut answer);
                        }
                        ClientHelloVerification::Verified(hello) => {
                            let Ok(accepted) = Connection::accept(now, self.server(), hello) else {
                                bail!("the server refuses");
                            };
                            server = Some(accepted);
                        }
                    }
                    continue;
                };
                server.handle_datagram(now, &mut datagram);
            }
            if let Some(server) = &mut server {
                work(now, server);
                while let Some(mut datagram) = server.poll_transmit() {
                    client.handle_datagram(now, &mut datagram);
                }
            }
            work(now, &mut client);
        }
        let Some(server) = server else { bail!("no server") };
        ensure!(*server.state() == State::Connected, "{:?}", client.state());
        Ok(Box::new(Both { client: Some(client), server }))
    }
}

/// Does what a connection waits for, here.
pub(super) fn work(now: Instant, connection: &mut Connection) {
    while let Some(job) = connection.poll_job() {
        connection.handle_job_output(now, job.run());
    }
}

struct Both {
    client: Option<Connection>,
    server: Connection,
}

impl Connected for Both {
    fn carry(&mut self, packet: &[u8], times: usize) -> Result<usize> {
        let Some(client) = &mut self.client else { bail!("no client") };
        for _ in 0..times {
            client.send(packet)?;
        }
        let now = Instant::now();
        let mut count = 0;
        while let Some(mut datagram) = client.poll_transmit() {
            self.server.handle_datagram(now, &mut datagram);
            while let Some(came) = self.server.receive() {
                count += usize::from(came.len() == packet.len());
            }
        }
        Ok(count)
    }

    fn drop_client(&mut self) {
        self.client = None;
    }
}

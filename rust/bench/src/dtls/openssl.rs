//! OpenSSL.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use anyhow::{Result, anyhow, bail};
use openssl::pkey::PKey;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509;

use super::in_memory::{Connected, Connector};
use super::keys::Kind;

const COOKIE: &[u8] = b"what a server remembers of nobody";

/// The suites of ours that come first.
const SUITES: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

/// Its version.
pub(crate) fn version() -> String {
    openssl::version::version().to_owned()
}

/// Makes its connections.
pub(crate) struct OpenSsl {
    client: SslContext,
    server: SslContext,
}

fn context() -> Result<SslContextBuilder> {
    let mut context = SslContext::builder(SslMethod::dtls())?;
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_cipher_list(SUITES)?;
    context.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_TICKET);
    Ok(context)
}

impl OpenSsl {
    pub(crate) fn new(kind: Kind) -> Result<Self> {
        let (key, certificate) = kind.pem();
        let mut server = context()?;
        server.set_certificate(X509::from_pem(certificate.as_bytes())?.as_ref())?;
        server.set_private_key(PKey::private_key_from_pem(key.as_bytes())?.as_ref())?;
        server.set_options(SslOptions::COOKIE_EXCHANGE);
        server.set_cookie_generate_cb(|_, room| {
            room[..COOKIE.len()].copy_from_slice(COOKIE);
            Ok(COOKIE.len())
        });
        server.set_cookie_verify_cb(|_, cookie| cookie == COOKIE);
        let mut client = context()?;
        // Nobody's chain is measured: the signatures of the handshake are checked.
        client.set_verify(SslVerifyMode::NONE);
        Ok(Self { client: client.build(), server: server.build() })
    }
}

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// The wire, as one end sees it: each write is a datagram.
#[derive(Debug)]
struct Wire {
    incoming: Queue,
    outgoing: Queue,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(datagram) = self.incoming.borrow_mut().pop_front() else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let len = datagram.len().min(buffer.len());
        buffer[..len].copy_from_slice(&datagram[..len]);
        Ok(len)
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.outgoing.borrow_mut().push_back(buffer.to_vec());
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stream(context: &SslContext, incoming: &Queue, outgoing: &Queue) -> Result<SslStream<Wire>> {
    let mut ssl = Ssl::new(context)?;
    ssl.set_mtu(1400)?;
    let wire = Wire { incoming: Rc::clone(incoming), outgoing: Rc::clone(outgoing) };
    Ok(SslStream::new(ssl, wire)?)
}

/// Returns true if a step of a handshake was the last one.
fn is_done(step: Result<(), openssl::ssl::Error>) -> Result<bool> {
    match step {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => {
            Ok(false)
        }
        Err(error) => Err(anyhow!("OpenSSL: {error}")),
    }
}

impl Connector for OpenSsl {
    fn connect(&self) -> Result<Box<dyn Connected>> {
        let (up, down) = (Queue::default(), Queue::default());
        let mut client = stream(&self.client, &down, &up)?;
        let mut server = stream(&self.server, &up, &down)?;
        for _ in 0..20 {
            let client_done = is_done(client.connect())?;
            let server_done = is_done(server.accept())?;
            if client_done && server_done {
                let room = vec![0; 20_000];
                return Ok(Box::new(Both { client: Some(client), server, room }));
            }
        }
        bail!("OpenSSL does not connect")
    }
}

struct Both {
    client: Option<SslStream<Wire>>,
    server: SslStream<Wire>,
    room: Vec<u8>,
}

impl Connected for Both {
    fn carry(&mut self, packet: &[u8], times: usize) -> Result<usize> {
        let Some(client) = &mut self.client else { bail!("no client") };
        for _ in 0..times {
            client.ssl_write(packet)?;
        }
        let mut count = 0;
        while let Ok(len) = self.server.ssl_read(&mut self.room) {
            count += usize::from(len == packet.len());
        }
        Ok(count)
    }

    fn drop_client(&mut self) {
        self.client = None;
        self.room = Vec::new();
    }
}

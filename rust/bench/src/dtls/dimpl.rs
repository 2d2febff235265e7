//! `dimpl`: in Rust too, and likewise without sockets. It has no RSA.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use dimpl::{Config, Dtls, DtlsCertificate, Output};

use super::in_memory::{Connected, Connector};
use super::keys::Kind;

/// Makes its connections.
pub(crate) struct Dimpl {
    config: Arc<Config>,
    certificate: DtlsCertificate,
}

impl Dimpl {
    /// `None` for a kind that it has not.
    pub(crate) fn new(kind: Kind) -> Result<Option<Self>> {
        if kind == Kind::Rsa2048 {
            return Ok(None);
        }
        let config =
            Config::builder().use_server_cookie(true).build().context("a configuration")?;
        let certificate = DtlsCertificate {
            certificate: kind.certificate()?.to_vec(),
            private_key: kind.key()?.secret_der().to_vec(),
        };
        Ok(Some(Self { config: Arc::new(config), certificate }))
    }
}

/// One end, and what it has to say.
struct End {
    dtls: Dtls,
    room: Vec<u8>,
    out: VecDeque<Vec<u8>>,
    received: usize,
    is_connected: bool,
}

impl End {
    fn new(dtls: Dtls) -> Self {
        Self { dtls, room: vec![0; 20_000], out: VecDeque::new(), received: 0, is_connected: false }
    }

    fn drain(&mut self) -> Result<()> {
        loop {
            match self.dtls.poll_output(&mut self.room) {
                Output::Packet(packet) => self.out.push_back(packet.to_vec()),
                Output::Connected => self.is_connected = true,
                Output::ApplicationData(_) => self.received += 1,
                Output::Timeout(_) => return Ok(()),
                Output::BufferTooSmall { .. } => bail!("too little room"),
                _ => {}
            }
        }
    }
}

impl Connector for Dimpl {
    fn connect(&self) -> Result<Box<dyn Connected>> {
        let now = Instant::now();
        let new = || Dtls::new_12(Arc::clone(&self.config), self.certificate.clone(), now);
        let (mut client, mut server) = (End::new(new()), End::new(new()));
        client.dtls.set_active(true);
        client.dtls.handle_timeout(now)?;
        server.dtls.handle_timeout(now)?;
        for _ in 0..20 {
            client.drain()?;
            while let Some(packet) = client.out.pop_front() {
                server.dtls.handle_packet(&packet)?;
            }
            server.drain()?;
            while let Some(packet) = server.out.pop_front() {
                client.dtls.handle_packet(&packet)?;
            }
            if client.is_connected && server.is_connected {
                return Ok(Box::new(Both { client: Some(client), server }));
            }
        }
        bail!("dimpl does not connect")
    }
}

struct Both {
    client: Option<End>,
    server: End,
}

impl Connected for Both {
    fn carry(&mut self, packet: &[u8], times: usize) -> Result<usize> {
        let Some(client) = &mut self.client else { bail!("no client") };
        for _ in 0..times {
            client.dtls.send_application_data(packet)?;
            client.drain()?;
        }
        self.server.received = 0;
        while let Some(packet) = client.out.pop_front() {
            self.server.dtls.handle_packet(&packet)?;
            self.server.drain()?;
        }
        Ok(self.server.received)
    }

    fn drop_client(&mut self) {
        self.client = None;
        self.server.room = Vec::new();
    }
}

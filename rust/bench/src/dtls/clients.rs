//! Clients on sockets, which put load on a server.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lodewire_dtls::{Connection, State};

use super::keys::Kind;
use super::lodewire::{client_config, work};
use super::memory::socket;

const TIMEOUT: Duration = Duration::from_secs(30);

/// One client.
pub(crate) struct Client {
    socket: UdpSocket,
    connection: Connection,
    room: Vec<u8>,
}

impl Client {
    pub(crate) fn new(server: SocketAddr, kind: Kind) -> Result<Self> {
        Self::with(Connection::connect(Instant::now(), client_config(kind)?)?, server)
    }

    fn with(connection: Connection, server: SocketAddr) -> Result<Self> {
        let socket = socket()?;
        socket.connect(server)?;
        Ok(Self { socket, connection, room: vec![0; 2048] })
    }

    /// Whoever the server is.
    pub(crate) fn trusting_anyone(server: SocketAddr) -> Result<Self> {
        let config = lodewire_dtls::ClientConfig {
            verifier: std::sync::Arc::new(Anyone),
            ..client_config(Kind::P256)?
        };
        Self::with(Connection::connect(Instant::now(), config)?, server)
    }

    pub(crate) fn state(&self) -> &State {
        self.connection.state()
    }

    /// Reads what has come, and sends what is to be sent.
    pub(crate) fn serve(&mut self) -> Result<()> {
        let now = Instant::now();
        loop {
            match self.socket.recv(&mut self.room) {
                Ok(len) => self.connection.handle_datagram(now, &mut self.room[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The server has gone: told of what was sent before.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.into()),
            }
            work(now, &mut self.connection);
        }
        self.connection.handle_timeout(now);
        self.flush();
        Ok(())
    }

    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<()> {
        self.connection.send(packet)?;
        self.flush();
        Ok(())
    }

    /// The next packet that has come.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        self.connection.receive()
    }

    fn flush(&mut self) {
        while let Some(datagram) = self.connection.poll_transmit() {
            // What finds no room is lost, as on the network.
            let _ = self.socket.send(&datagram);
        }
    }

    fn close(&mut self) {
        self.connection.close();
        self.flush();
    }
}

#[derive(Debug)]
struct Anyone;

impl lodewire_dtls::CertificateVerifier for Anyone {
    fn verify(
        &self,
        _: &[rustls_pki_types::CertificateDer<'static>],
    ) -> Result<(), lodewire_dtls::CertificateError> {
        Ok(())
    }
}

/// Many clients of one server.
pub(crate) struct Clients(Vec<Client>);

impl Clients {
    /// Has so many ask for a connection at once, and waits until all are there.
    pub(crate) fn join(server: SocketAddr, count: usize) -> Result<Self> {
        let clients = (0..count).map(|_| Client::trusting_anyone(server));
        let mut clients = Self(clients.collect::<Result<_>>()?);
        let until = Instant::now() + TIMEOUT;
        while clients.0.iter().any(|client| *client.state() == State::Handshaking) {
            clients.serve()?;
            ensure!(Instant::now() < until, "not all clients connect");
            thread::sleep(Duration::from_micros(200));
        }
        let are_there = clients.0.iter().all(|client| *client.state() == State::Connected);
        ensure!(are_there, "a client has failed");
        Ok(clients)
    }

    fn serve(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(Client::serve)
    }

    /// Each sends so many packets at once, again and again.
    pub(crate) fn send(
        &mut self,
        time: Duration,
        every: Duration,
        packets: usize,
        packet: &[u8],
    ) -> Result<()> {
        let end = Instant::now() + time;
        let mut next = Instant::now();
        while Instant::now() < end {
            for client in &mut self.0 {
                for _ in 0..packets {
                    client.send(packet)?;
                }
                client.serve()?;
            }
            next += every;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    /// All leave.
    pub(crate) fn leave(mut self) {
        self.0.iter_mut().for_each(Client::close);
    }
}

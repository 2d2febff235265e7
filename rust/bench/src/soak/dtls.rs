//! DTLS's clients, each with a socket.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lodewire_dtls::State;

use super::message::Ledger;
use crate::dtls::Client;

const TIMEOUT: Duration = Duration::from_secs(30);
/// The number of concurrent connection attempts.
const BURST: usize = 50;

pub(super) struct Clients {
    all: Vec<Client>,
    pub(super) ledger: Ledger,
}

impl Clients {
    pub(super) fn join(server: SocketAddr, count: usize) -> Result<Self> {
        let mut clients = Self { all: Vec::new(), ledger: Ledger::new(count) };
        while clients.all.len() < count {
            for _ in 0..BURST.min(count - clients.all.len()) {
                clients.all.push(Client::trusting_anyone(server)?);
            }
            let until = Instant::now() + TIMEOUT;
            while clients.all.iter().any(|client| *client.state() != State::Connected) {
                clients.serve()?;
                ensure!(Instant::now() < until, "{} DTLS peers have begun", clients.all.len());
                std::thread::sleep(Duration::from_micros(500));
            }
        }
        Ok(clients)
    }

    /// The next client sends a message.
    pub(super) fn send(&mut self) -> Result<()> {
        let index = self.ledger.next_client();
        if *self.all[index].state() == State::Connected {
            let message = self.ledger.message(index);
            self.all[index].send(&message)?;
        }
        Ok(())
    }

    /// Reads what has come.
    pub(super) fn serve(&mut self) -> Result<()> {
        for (index, client) in self.all.iter_mut().enumerate() {
            let was_connected = *client.state() == State::Connected;
            client.serve()?;
            while let Some(packet) = client.receive() {
                self.ledger.echo(index, &packet);
            }
            if was_connected && *client.state() != State::Connected {
                self.ledger.lost_connections += 1;
            }
        }
        Ok(())
    }
}

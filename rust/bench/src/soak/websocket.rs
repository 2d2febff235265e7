//! Plain WebSocket clients in one thread, which answer pings.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lodewire_websocket::{Connection, Event, Message};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::message::Ledger;
use crate::websocket::REQUEST;

const TIMEOUT: Duration = Duration::from_secs(30);
/// The number of concurrent connection attempts.
const BURST: usize = 500;
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];

pub(super) struct Clients {
    poll: Poll,
    events: Events,
    all: Vec<Client>,
    pub(super) ledger: Ledger,
    room: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    codec: Connection,
    /// The answer to the request, until it is whole.
    answer: Option<Vec<u8>>,
    unsent: Vec<u8>,
    is_open: bool,
}

impl Clients {
    pub(super) fn join(server: SocketAddr, count: usize) -> Result<Self> {
        let mut clients = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            all: Vec::new(),
            ledger: Ledger::new(count),
            room: vec![0; 16 * 1024],
        };
        while clients.all.len() < count {
            for _ in 0..BURST.min(count - clients.all.len()) {
                clients.dial(server)?;
            }
            let until = Instant::now() + TIMEOUT;
            while clients.all.iter().any(|client| client.answer.is_some()) {
                clients.serve()?;
                let open = clients.all.iter().filter(|client| client.answer.is_none()).count();
                ensure!(Instant::now() < until, "{open} WebSocket clients have joined");
            }
        }
        Ok(clients)
    }

    fn dial(&mut self, server: SocketAddr) -> Result<()> {
        let mut stream = TcpStream::connect(server)?;
        let token = Token(self.all.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, token, interest)?;
        self.all.push(Client {
            stream,
            codec: Connection::client(1 << 16, || Some(MASK)),
            answer: Some(Vec::new()),
            unsent: REQUEST.to_vec(),
            is_open: true,
        });
        Ok(())
    }

    /// The next client sends a message.
    pub(super) fn send(&mut self) {
        let index = self.ledger.next_client();
        let client = &mut self.all[index];
        if !client.is_open {
            return;
        }
        let message = self.ledger.message(index);
        client.codec.send(Message::Binary(&message), &mut client.unsent);
        client.write();
    }

    /// Reads what has come.
    pub(super) fn serve(&mut self) -> Result<()> {
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            let index = event.token().0;
            let client = &mut self.all[index];
            client.write();
            let was_open = client.is_open;
            client.read(&mut self.room, |message| self.ledger.echo(index, message));
            if was_open && !client.is_open {
                self.ledger.lost_connections += 1;
            }
        }
        Ok(())
    }
}

impl Client {
    fn write(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                // What cannot be written is told by the next read.
                Err(_) => return,
            }
        }
    }

    fn read(&mut self, room: &mut [u8], mut tell: impl FnMut(&[u8])) {
        while self.is_open {
            match self.stream.read(room) {
                Ok(0) => self.is_open = false,
                Ok(len) => self.take(&mut room[..len], &mut tell),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::NotConnected => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.is_open = false,
            }
        }
    }

    fn take(&mut self, bytes: &mut [u8], tell: &mut impl FnMut(&[u8])) {
        let mut at = 0;
        if let Some(answer) = &mut self.answer {
            while at < bytes.len() && !answer.ends_with(b"\r\n\r\n") {
                answer.push(bytes[at]);
                at += 1;
            }
            if !answer.ends_with(b"\r\n\r\n") {
                return;
            }
            self.is_open = answer.starts_with(b"HTTP/1.1 101 ");
            self.answer = None;
        }
        while at < bytes.len() {
            let Ok((used, event)) = self.codec.receive(&mut bytes[at..]) else {
                self.is_open = false;
                return;
            };
            at += used;
            match event {
                Some(Event::Message { payload, .. }) => tell(&payload),
                Some(Event::Ping(payload)) => {
                    let payload = payload.to_vec();
                    self.codec.pong(&payload, &mut self.unsent);
                    self.write();
                }
                Some(Event::Close(_)) => self.is_open = false,
                Some(Event::Pong(_)) | None => {}
            }
        }
    }
}

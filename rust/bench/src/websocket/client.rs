//! The load: many plain clients in one thread. What they send is made once, so that they cost little; what they get is
//! checked.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lodewire_websocket::{FrameHeader, Opcode, apply_mask};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// The opening request.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// For some connections to be opened.
const TIMEOUT: Duration = Duration::from_secs(20);

/// No wait for the system is longer than this.
const TURN: Duration = Duration::from_millis(10);

/// The behaviour of connected clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Nothing.
    Rest,
    /// Each sends one message, and rests when its echo has come.
    EchoOnce,
    /// Each keeps its messages under way.
    Echo,
}

/// Clients of one server.
pub(crate) struct Clients {
    address: SocketAddr,
    poll: Poll,
    all: Vec<Client>,
    message: Message,
    manner: Manner,
    buffer: Vec<u8>,
    open: usize,
    echoes: u64,
}

/// The message of every client.
struct Message {
    /// As many frames as each keeps under way.
    frames: Vec<u8>,
    frame_len: usize,
    echo: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    open: bool,
    /// So many bytes at the end of the request, or of the frames, are still to be sent.
    unsent: usize,
    /// The end of the answer to the request.
    tail: [u8; 4],
    /// So much of the next echo has come.
    received: usize,
}

impl Message {
    fn new(len: usize, under_way: usize) -> Self {
        let payload: Vec<u8> = (b'a'..=b'z').cycle().take(len).collect();
        let frame = |mask| {
            let payload_len = payload.len() as u64;
            let mut frame = Vec::new();
            FrameHeader { fin: true, rsv1: false, opcode: Opcode::Binary, mask, payload_len }
                .encode(&mut frame);
            let start = frame.len();
            frame.extend_from_slice(&payload);
            apply_mask(&mut frame[start..], mask.unwrap_or_default(), 0);
            frame
        };
        let masked = frame(Some(MASK));
        Self { frame_len: masked.len(), frames: masked.repeat(under_way), echo: frame(None) }
    }
}

impl Clients {
    /// No clients yet; their messages will have `len` bytes, and each will keep `under_way` of them going.
    pub(crate) fn new(address: SocketAddr, len: usize, under_way: usize) -> Result<Self> {
        Ok(Self {
            address,
            poll: Poll::new()?,
            all: Vec::new(),
            message: Message::new(len, under_way),
            manner: Manner::Rest,
            buffer: vec![0; 64 * 1024],
            open: 0,
            echoes: 0,
        })
    }

    /// Returns the number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Returns the number of received echoes.
    pub(crate) fn echoes(&self) -> u64 {
        self.echoes
    }

    /// Sets the behaviour of clients that connect from now on.
    pub(crate) fn set_manner(&mut self, manner: Manner) {
        self.manner = manner;
    }

    /// Adds `count` connections, of which at most `at_once` are under way, and returns when all are served.
    pub(crate) fn connect(&mut self, count: usize, at_once: usize) -> Result<()> {
        let target = self.all.len() + count;
        while self.all.len() < target {
            let batch = at_once.min(target - self.all.len());
            if !self.burst(batch, TIMEOUT)? {
                bail!("{} of {} connections came to be", self.open, self.all.len());
            }
        }
        Ok(())
    }

    /// Adds `count` connections in one go. Says whether all were served in time.
    pub(crate) fn burst(&mut self, count: usize, limit: Duration) -> Result<bool> {
        let until = Instant::now() + limit;
        let echoes = match self.manner {
            Manner::Rest => 0,
            Manner::EchoOnce | Manner::Echo => self.echoes + count as u64,
        };
        for _ in 0..count {
            self.dial(REQUEST.len())?;
        }
        let mut events = Events::with_capacity(1024);
        while self.open < self.all.len() || self.echoes < echoes {
            if Instant::now() >= until {
                return Ok(false);
            }
            self.turn(&mut events)?;
        }
        Ok(true)
    }

    /// Adds `count` connections in one go, on which nothing is said, and waits for a byte on any.
    pub(crate) fn silent_burst(&mut self, count: usize) -> Result<()> {
        let until = Instant::now() + TIMEOUT;
        for _ in 0..count {
            self.dial(0)?;
        }
        let mut events = Events::with_capacity(1024);
        loop {
            ensure!(Instant::now() < until, "the accept loop is not done");
            self.poll.poll(&mut events, Some(TURN))?;
            for event in events.iter().filter(|event| event.is_readable()) {
                if self.all[event.token().0].stream.read(&mut self.buffer).is_ok() {
                    return Ok(());
                }
            }
        }
    }

    /// Lets every connection begin to send.
    pub(crate) fn start_echoing(&mut self) -> Result<()> {
        self.manner = Manner::Echo;
        for index in 0..self.all.len() {
            self.begin(index)?;
        }
        Ok(())
    }

    /// Serves the connections for `time`; says how many echoes came.
    pub(crate) fn run(&mut self, time: Duration) -> Result<u64> {
        let before = self.echoes;
        let until = Instant::now() + time;
        let mut events = Events::with_capacity(1024);
        while Instant::now() < until {
            self.turn(&mut events)?;
        }
        Ok(self.echoes - before)
    }

    fn dial(&mut self, unsent: usize) -> Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let index = self.all.len();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(index), interest)?;
        self.all.push(Client { stream, open: false, unsent, tail: [0; 4], received: 0 });
        // On this machine a connection is often there at once.
        self.write(index)
    }

    fn turn(&mut self, events: &mut Events) -> Result<()> {
        self.poll.poll(events, Some(TURN))?;
        for event in &*events {
            let index = event.token().0;
            if event.is_writable() {
                self.write(index)?;
            }
            if event.is_readable() {
                self.read(index)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, index: usize) -> Result<()> {
        self.all[index].unsent = match self.manner {
            Manner::Rest => 0,
            Manner::EchoOnce => self.message.frame_len,
            Manner::Echo => self.message.frames.len(),
        };
        self.write(index)
    }

    fn write(&mut self, index: usize) -> Result<()> {
        let client = &mut self.all[index];
        let bytes = if client.open { &self.message.frames } else { REQUEST };
        while client.unsent > 0 {
            match client.stream.write(&bytes[bytes.len() - client.unsent..]) {
                Ok(len) => client.unsent -= len,
                Err(error) if is_early(&error) => break,
                Err(error) => return Err(error).context("a client cannot write"),
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> Result<()> {
        loop {
            let client = &mut self.all[index];
            let len = match client.stream.read(&mut self.buffer) {
                Ok(0) => bail!("the server has dropped a client"),
                Ok(len) => len,
                Err(error) if is_early(&error) => return Ok(()),
                Err(error) => return Err(error).context("a client cannot read"),
            };
            if client.open {
                let echoes = client.take(&self.buffer[..len], &self.message.echo)?;
                self.echoes += echoes as u64;
                if self.manner == Manner::Echo && echoes > 0 {
                    client.unsent += echoes * self.message.frame_len;
                    self.write(index)?;
                }
            } else if client.take_answer(&self.buffer[..len])? {
                self.open += 1;
                self.begin(index)?;
            }
            // Readiness is told at an edge, and less than was asked for is all there was.
            if len < self.buffer.len() {
                return Ok(());
            }
        }
    }
}

impl Client {
    /// Takes a part of the answer to the request. Says whether it is whole.
    fn take_answer(&mut self, bytes: &[u8]) -> Result<bool> {
        if self.received == 0 {
            ensure!(bytes.starts_with(b"HTTP/1.1 101 "), "the server refuses a client");
        }
        self.received += bytes.len();
        for byte in bytes {
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
        }
        self.open = self.tail == *b"\r\n\r\n";
        if self.open {
            self.received = 0;
        }
        Ok(self.open)
    }

    /// Takes bytes that must go on as `echo` does. Says how many echoes are whole now.
    fn take(&mut self, mut bytes: &[u8], echo: &[u8]) -> Result<usize> {
        let mut whole = 0;
        while !bytes.is_empty() {
            let len = bytes.len().min(echo.len() - self.received);
            ensure!(
                bytes[..len] == echo[self.received..][..len],
                "the echo differs from what was sent"
            );
            bytes = &bytes[len..];
            self.received += len;
            if self.received == echo.len() {
                self.received = 0;
                whole += 1;
            }
        }
        Ok(whole)
    }
}

/// Returns true if the error means "no data yet" or "not connected yet".
fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

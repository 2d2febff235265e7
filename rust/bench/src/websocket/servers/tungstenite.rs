//! tungstenite on mio, in one thread.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;

use anyhow::Result;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::server::{NoCallback, ServerHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, WebSocket};

const LISTENER: Token = Token(usize::MAX);

/// The configuration that tungstenite's documentation recommends for many connections.
const SMALL_BUFFER: usize = 4 * 1024;

type Handshake = MidHandshake<ServerHandshake<Stream, NoCallback>>;

enum Connection {
    Handshake(Box<Handshake>),
    Open(Box<WebSocket<Stream>>),
    /// Only while it is being worked on.
    Working,
}

/// A socket that can remember that a read took all there was. Its next read then asks nothing of the system: ours does
/// the same.
struct Stream {
    inner: TcpStream,
    lean: bool,
    drained: Cell<bool>,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained.get() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = self.inner.read(buffer)?;
        // The end of the stream would be told no second time.
        self.drained.set(self.lean && len > 0 && len < buffer.len());
        Ok(len)
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Serves for ever; `lean` with a small buffer, and without reads that find nothing.
pub(super) fn run(lean: bool) -> Result<()> {
    let mut listener = super::listener()?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    super::announce(listener.local_addr()?.port());
    let mut config = WebSocketConfig::default();
    if lean {
        config = config.read_buffer_size(SMALL_BUFFER);
    }
    let mut events = Events::with_capacity(1024);
    let mut connections: HashMap<Token, Connection> = HashMap::new();
    let mut last = 0;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != LISTENER {
                let Some(connection) = connections.get_mut(&event.token()) else { continue };
                if !connection.ready(event.is_read_closed()) {
                    connections.remove(&event.token());
                }
                continue;
            }
            loop {
                let mut inner = match listener.accept() {
                    Ok((inner, _)) => inner,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                };
                inner.set_nodelay(true)?;
                last += 1;
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut inner, Token(last), interest)?;
                let stream = Stream { inner, lean, drained: Cell::new(false) };
                let result = tungstenite::accept_with_config(stream, Some(config));
                if let Some(connection) = Connection::after(result) {
                    connections.insert(Token(last), connection);
                }
            }
        }
    }
}

type Accepted = Result<WebSocket<Stream>, HandshakeError<ServerHandshake<Stream, NoCallback>>>;

impl Connection {
    fn after(result: Accepted) -> Option<Self> {
        match result {
            Ok(socket) => Some(Self::Open(Box::new(socket))),
            Err(HandshakeError::Interrupted(handshake)) => {
                Some(Self::Handshake(Box::new(handshake)))
            }
            Err(HandshakeError::Failure(_)) => None,
        }
    }

    /// Returns true if it continues.
    fn ready(&mut self, ended: bool) -> bool {
        if let Self::Handshake(_) = self
            && let Self::Handshake(mut handshake) = mem::replace(self, Self::Working)
        {
            handshake.get_mut().get_mut().drained.set(false);
            let Some(connection) = Self::after(handshake.handshake()) else { return false };
            *self = connection;
        }
        let Self::Open(socket) = self else { return true };
        socket.get_mut().drained.set(false);
        // The end comes with what was sent before it.
        socket.get_mut().lean &= !ended;
        echo(socket)
    }
}

fn echo(socket: &mut WebSocket<Stream>) -> bool {
    loop {
        let result = match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.send(message),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                // What could not be written goes first when there is room.
                return match socket.flush() {
                    Err(Error::Io(error)) => error.kind() == ErrorKind::WouldBlock,
                    result => result.is_ok(),
                };
            }
            Err(_) => return false,
        }
    }
}

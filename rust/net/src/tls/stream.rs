//! A TLS session on a TCP stream.

use super::Session;
use super::verify::in_words;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

/// A TCP stream with TLS on it.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    /// Not there while a worker has it.
    session: Option<Session>,
}

/// A TCP stream that writes one buffer at a time. rustls would rather write several at once, and that is the one call of the
/// standard library which raises SIGPIPE when the peer has gone: it ends a process whose main program is not Rust's own.
struct Unvectored<'a>(&'a mut TcpStream);

impl Write for Unvectored<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a handshake needs to go on.
pub(crate) enum Step {
    /// Nothing: it is done.
    Done,
    /// Its socket, or its session, which a worker has.
    Wait,
    /// A worker: give it the session, and bring it back with [`TlsStream::put_back`].
    Work(Session),
}

impl TlsStream {
    pub(crate) fn new(tcp: TcpStream, session: Session) -> Self {
        Self { tcp, session: Some(session) }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether the handshake is still under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.is_handshaking())
    }

    /// Goes on with the handshake as far as it gets without asymmetric cryptography.
    pub(crate) fn shake_hands(&mut self) -> io::Result<Step> {
        let blocked = match self.flush() {
            Ok(()) => false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        let Some(session) = &mut self.session else {
            return Ok(Step::Wait);
        };
        if !session.is_handshaking() {
            // The last flight still has to go out before a peer can speak; `flush` sees to that.
            return Ok(if blocked { Step::Wait } else { Step::Done });
        }
        match session.read_tls(&mut self.tcp) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(self.session.take().map_or(Step::Wait, Step::Work)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Step::Wait),
            Err(error) => Err(error),
        }
    }

    /// Takes back the session that a worker had.
    ///
    /// # Errors
    /// The worker found that the peer's handshake cannot go on; an alert was sent if the socket took it.
    pub(crate) fn put_back(
        &mut self,
        session: Session,
        result: Result<(), rustls::Error>,
    ) -> io::Result<()> {
        self.session = Some(session);
        result.map_err(|error| {
            let _ = self.flush();
            io::Error::new(ErrorKind::InvalidData, in_words(&error))
        })
    }

    /// Reads what the peer has sent. [`Interrupted`](ErrorKind::Interrupted) if there may be more, though nothing has come
    /// out of what was read.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else {
            return Err(ErrorKind::WouldBlock.into());
        };
        match session.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
        if session.read_tls(&mut self.tcp)? == 0 {
            return Ok(0);
        }
        if let Err(error) = session.process_new_packets() {
            let _ = session.write_tls(&mut Unvectored(&mut self.tcp));
            return Err(io::Error::new(ErrorKind::InvalidData, in_words(&error)));
        }
        match session.reader().read(buffer) {
            // Records without content, or the part of one: whoever reads says whether it has the time to go on.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(ErrorKind::Interrupted.into())
            }
            result => result,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let Some(session) = &mut self.session else {
            return Err(ErrorKind::WouldBlock.into());
        };
        // The session takes a limited amount; so what it holds for the socket is limited too.
        let len = session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(len),
        }
    }

    /// Whether encrypted bytes wait for the socket.
    pub(crate) fn has_pending(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.wants_write())
    }

    /// Gives the socket what is encrypted.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        while session.wants_write() {
            if session.write_tls(&mut Unvectored(&mut self.tcp))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Ends this side: a `close_notify`, then the end of the stream.
    pub(crate) fn shutdown(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.send_close_notify();
        }
        let _ = self.flush();
        self.tcp.shutdown(Shutdown::Write)
    }
}

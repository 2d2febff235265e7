//! A TLS session on a TCP stream.

use super::Session;
use super::verify::describe;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

/// A TCP stream with TLS on it.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    /// `None` while a worker has it.
    session: Option<Session>,
}

/// A TCP stream without vectored writes, which rustls would use. Those are the one call of the standard library that raises
/// SIGPIPE when the peer has closed the connection, which kills a process whose `main` is not Rust's.
struct Unvectored<'a>(&'a mut TcpStream);

impl Write for Unvectored<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The next step of a handshake.
pub(crate) enum HandshakeStep {
    /// The handshake is complete.
    Complete,
    /// The handshake waits for the socket, or for a worker that has the session.
    Blocked,
    /// A worker must process the session. Return it with [`TlsStream::return_session`].
    Process(Session),
}

impl TlsStream {
    pub(crate) fn new(tcp: TcpStream, session: Session) -> Self {
        Self { tcp, session: Some(session) }
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Returns true while the handshake is in progress.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.is_handshaking())
    }

    /// Advances the handshake up to the next asymmetric cryptography.
    pub(crate) fn drive_handshake(&mut self) -> io::Result<HandshakeStep> {
        let blocked = match self.flush() {
            Ok(()) => false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        let Some(session) = &mut self.session else {
            return Ok(HandshakeStep::Blocked);
        };
        if !session.is_handshaking() {
            // The last flight must be sent before the peer can send data.
            return Ok(if blocked { HandshakeStep::Blocked } else { HandshakeStep::Complete });
        }
        match session.read_tls(&mut self.tcp) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(self.session.take().map_or(HandshakeStep::Blocked, HandshakeStep::Process)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(HandshakeStep::Blocked),
            Err(error) => Err(error),
        }
    }

    /// Returns the session from a worker.
    ///
    /// # Errors
    /// The handshake failed; the alert was sent if the socket accepted it.
    pub(crate) fn return_session(
        &mut self,
        session: Session,
        result: Result<(), rustls::Error>,
    ) -> io::Result<()> {
        self.session = Some(session);
        result.map_err(|error| {
            let _ = self.flush();
            io::Error::new(ErrorKind::InvalidData, describe(&error))
        })
    }

    /// Reads decrypted bytes. Returns [`Interrupted`](ErrorKind::Interrupted) if no bytes were decrypted, though more may be
    /// available.
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
            return Err(io::Error::new(ErrorKind::InvalidData, describe(&error)));
        }
        match session.reader().read(buffer) {
            // An empty or partial record: the caller decides whether to continue reading now.
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
        // The session accepts a limited number of bytes, so what it buffers for the socket is bounded too.
        let len = session.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(len),
        }
    }

    /// Returns true if encrypted bytes wait for the socket.
    pub(crate) fn has_pending(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.wants_write())
    }

    /// Writes encrypted bytes to the socket.
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

    /// Sends `close_notify`, and shuts down the write half.
    pub(crate) fn shutdown(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.send_close_notify();
        }
        let _ = self.flush();
        self.tcp.shutdown(Shutdown::Write)
    }
}

//! The byte stream of a connection: TCP, or TLS over TCP.

use crate::tls::{HandshakeStep, Session, TlsStream};
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::net::Shutdown;

/// Maximum length of one write. Windows buffers any amount, and blocks only the next write.
const MAX_WRITE: usize = if cfg!(windows) { 64 << 10 } else { 1 << 30 };

/// A non-blocking byte stream to a peer.
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Transport {
    /// Creates a stream, with TLS if `session` is given. `TCP_NODELAY` is set from the first byte on: with Nagle's
    /// algorithm and delayed acknowledgements each flight of a handshake would take 40 ms more.
    pub(crate) fn new(tcp: TcpStream, session: Option<Session>) -> Self {
        // Fails only on a socket that is closed already.
        let _ = tcp.set_nodelay(true);
        match session {
            Some(session) => Self::Tls(Box::new(TlsStream::new(tcp, session))),
            None => Self::Plain(tcp),
        }
    }

    /// Returns the socket.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// Returns true if the TLS handshake is in progress.
    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.is_handshaking())
    }

    /// Continues the TLS handshake.
    pub(crate) fn drive_handshake(&mut self) -> io::Result<HandshakeStep> {
        match self {
            Self::Plain(_) => Ok(HandshakeStep::Complete),
            Self::Tls(tls) => tls.drive_handshake(),
        }
    }

    /// Takes back a session from a worker.
    pub(crate) fn put_back(
        &mut self,
        session: Session,
        result: Result<(), rustls::Error>,
    ) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.return_session(session, result),
        }
    }

    /// Returns true if the stream is TCP without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Returns true if a read that does not fill its buffer has read everything. A TLS read returns one record at a
    /// time.
    pub(crate) fn short_read_is_last(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(MAX_WRITE)];
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Returns true if encrypted bytes wait for the socket.
    pub(crate) fn has_pending(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.has_pending())
    }

    /// Writes pending encrypted bytes to the socket.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Closes the write side. The peer still reads what was written before.
    pub(crate) fn shutdown(&mut self) {
        // Fails only on a socket that is closed already.
        let _ = match self {
            Self::Plain(tcp) => tcp.shutdown(Shutdown::Write),
            Self::Tls(tls) => tls.shutdown(),
        };
    }

    pub(crate) fn set_no_delay(&self, enabled: bool) {
        // As above.
        let _ = self.tcp().set_nodelay(enabled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::TrustAnchors;
    use crate::tls::ClientTls;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn tcp_nodelay_is_set_from_the_first_byte_on() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stream =
            || TcpStream::from_std(std::net::TcpStream::connect(address).expect("listens"));
        let session =
            ClientTls::new(TrustAnchors::Insecure).and_then(|tls| tls.session("localhost"));
        for session in [None, Some(session.expect("a session"))] {
            let tcp = stream();
            assert!(!tcp.nodelay().expect("an option"), "the system's default");
            assert!(Transport::new(tcp, session).tcp().nodelay().expect("an option"));
        }
    }
}

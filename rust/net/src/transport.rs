//! What a connection's bytes go through: TCP, or TLS on it.

use crate::tls::{Session, Step, TlsStream};
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::net::Shutdown;

/// The most that is written at once. Windows takes any amount into its own memory, and says only with the next write that
/// it has enough.
const MOST_WRITTEN: usize = if cfg!(windows) { 64 << 10 } else { 1 << 30 };

/// A byte stream to a peer. No call blocks.
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Transport {
    /// A stream with `session` on it, if there is one. From its first byte on, small writes leave at once: a handshake
    /// that waits for the other side's delayed acknowledgements takes 40 ms more for each of its flights.
    pub(crate) fn new(tcp: TcpStream, session: Option<Session>) -> Self {
        // It fails only on a socket that is closed already.
        let _ = tcp.set_nodelay(true);
        match session {
            Some(session) => Self::Tls(Box::new(TlsStream::new(tcp, session))),
            None => Self::Plain(tcp),
        }
    }

    /// The socket below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// Whether bytes cannot go through yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.is_handshaking())
    }

    /// Goes on with the handshake.
    pub(crate) fn shake_hands(&mut self) -> io::Result<Step> {
        match self {
            Self::Plain(_) => Ok(Step::Done),
            Self::Tls(tls) => tls.shake_hands(),
        }
    }

    /// Takes back a session that a worker had.
    pub(crate) fn put_back(
        &mut self,
        session: Session,
        result: Result<(), rustls::Error>,
    ) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.put_back(session, result),
        }
    }

    /// Whether it is TCP alone.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Whether a read that fills less than its buffer has read all there is. TLS comes record by record.
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
        let bytes = &bytes[..bytes.len().min(MOST_WRITTEN)];
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Whether bytes that were written wait for the socket.
    pub(crate) fn has_pending(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.has_pending())
    }

    /// Gives the socket what waits for it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Ends this side. The peer reads on to that point.
    pub(crate) fn shutdown(&mut self) {
        // It fails only on a socket that is closed already.
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
    use crate::certificates::Trust;
    use crate::tls::ClientTls;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn small_writes_leave_at_once_from_the_first_byte_on() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stream =
            || TcpStream::from_std(std::net::TcpStream::connect(address).expect("listens"));
        let session = ClientTls::new(Trust::Anyone).and_then(|tls| tls.session("localhost"));
        for session in [None, Some(session.expect("a session"))] {
            let tcp = stream();
            assert!(!tcp.nodelay().expect("an option"), "the system's default");
            assert!(Transport::new(tcp, session).tcp().nodelay().expect("an option"));
        }
    }
}

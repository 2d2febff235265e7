//! The system calls for datagrams: batched where the system supports it, otherwise one by one.

#[cfg(not(windows))]
use super::batched::Batched;
use mio::net::UdpSocket;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Maximum number of messages (datagrams or GRO batches) read before they are handled.
pub(super) const MAX_BATCH: usize = 32;

/// The result of [`Backend::receive`].
pub(super) struct Received {
    /// Number of messages: datagrams or GRO batches.
    pub(super) count: usize,
    /// The socket has been read until it would block: readiness is reported again.
    pub(super) is_drained: bool,
    /// The time spent handling the datagrams.
    pub(super) elapsed: Duration,
}

/// The ways to read and write.
#[derive(Debug)]
pub(super) enum Backend {
    /// Many datagrams per call.
    #[cfg(not(windows))]
    Batched(Batched),
    /// One datagram per call, on every system.
    Single,
}

impl Backend {
    /// Reads at most `batch` messages into `buffer`, and calls `on_datagram` with each datagram.
    pub(super) fn receive(
        &self,
        io: &UdpSocket,
        buffer: &mut [u8],
        batch: usize,
        on_datagram: impl FnMut(SocketAddr, &mut [u8]),
    ) -> io::Result<Received> {
        match self {
            #[cfg(not(windows))]
            Self::Batched(batched) => batched.receive(io, buffer, batch, on_datagram),
            Self::Single => Ok(receive_single(io, buffer, batch, on_datagram)),
        }
    }

    /// Sends one datagram, or several of `segment` bytes each, of which the last may be shorter.
    pub(super) fn send(
        &self,
        io: &UdpSocket,
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        match self {
            #[cfg(not(windows))]
            Self::Batched(batched) => batched.send(io, to, contents, segment),
            Self::Single => {
                for datagram in contents.chunks(segment.max(1)) {
                    io.send_to(datagram, to)?;
                }
                Ok(())
            }
        }
    }

    /// Returns the maximum number of segments in a GSO batch.
    pub(super) fn max_gso_segments(&self) -> usize {
        match self {
            #[cfg(not(windows))]
            Self::Batched(batched) => batched.max_gso_segments(),
            Self::Single => 1,
        }
    }
}

/// Reads until the socket would block: on Windows, only then is readiness reported again.
fn receive_single(
    io: &UdpSocket,
    buffer: &mut [u8],
    batch: usize,
    mut on_datagram: impl FnMut(SocketAddr, &mut [u8]),
) -> Received {
    let mut received = Received { count: 0, is_drained: false, elapsed: Duration::ZERO };
    // An error caused by a datagram sent earlier (ICMP) counts as one that was read.
    while received.count < batch && !received.is_drained {
        match io.recv_from(buffer) {
            Ok((len, from)) => {
                let begin = Instant::now();
                on_datagram(from, &mut buffer[..len]);
                received.elapsed += begin.elapsed();
            }
            Err(error) => received.is_drained = error.kind() == io::ErrorKind::WouldBlock,
        }
        received.count += usize::from(!received.is_drained);
    }
    received
}

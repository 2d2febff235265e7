//! How the system is asked for datagrams: many with one call where it can, else one by one.

#[cfg(not(windows))]
use super::batches::Batches;
use mio::net::UdpSocket;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many datagrams, or series of them, are read at most until they are handled.
pub(super) const MOST: usize = 32;

/// What a call of [`System::receive`] has read.
pub(super) struct Received {
    /// How many datagrams, or series of them.
    pub(super) count: usize,
    /// The system has nothing more: it tells when there is.
    pub(super) is_all: bool,
    /// How long it took to do what was read.
    pub(super) took: Duration,
}

/// The ways to read and write.
#[derive(Debug)]
pub(super) enum System {
    /// Many with one call.
    #[cfg(not(windows))]
    Batches(Batches),
    /// One by one, as every system can.
    Single,
}

impl System {
    /// Reads at most `batch` datagrams, or series of them, into `buffer`, and calls `take` with each datagram.
    pub(super) fn receive(
        &self,
        io: &UdpSocket,
        buffer: &mut [u8],
        batch: usize,
        take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> io::Result<Received> {
        match self {
            #[cfg(not(windows))]
            Self::Batches(batches) => batches.receive(io, buffer, batch, take),
            Self::Single => Ok(receive_single(io, buffer, batch, take)),
        }
    }

    /// Sends a datagram, or a series of them, each `segment` bytes long but the last.
    pub(super) fn send(
        &self,
        io: &UdpSocket,
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        match self {
            #[cfg(not(windows))]
            Self::Batches(batches) => batches.send(io, to, contents, segment),
            Self::Single => {
                for datagram in contents.chunks(segment.max(1)) {
                    io.send_to(datagram, to)?;
                }
                Ok(())
            }
        }
    }

    /// How many datagrams may be in a series.
    pub(super) fn longest_series(&self) -> usize {
        match self {
            #[cfg(not(windows))]
            Self::Batches(batches) => batches.longest_series(),
            Self::Single => 1,
        }
    }
}

/// Reads until the system has nothing more, which on Windows is when it tells of more: a read that would block asks it to.
fn receive_single(
    io: &UdpSocket,
    buffer: &mut [u8],
    batch: usize,
    mut take: impl FnMut(SocketAddr, &mut [u8]),
) -> Received {
    let mut received = Received { count: 0, is_all: false, took: Duration::ZERO };
    // An error that an earlier datagram of ours met counts as one that was read.
    while received.count < batch && !received.is_all {
        match io.recv_from(buffer) {
            Ok((len, from)) => {
                let begin = Instant::now();
                take(from, &mut buffer[..len]);
                received.took += begin.elapsed();
            }
            Err(error) => received.is_all = error.kind() == io::ErrorKind::WouldBlock,
        }
        received.count += usize::from(!received.is_all);
    }
    received
}

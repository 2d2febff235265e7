//! Many datagrams with one call of the system, by `quinn-udp`.

use super::options;
use super::system::{MOST, Received};
use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::time::Instant;

/// The longest that the system gives at once: one datagram, or many of one sender put together.
const LONGEST: usize = 64 << 10;

const _: () = assert!(BATCH_SIZE <= MOST, "as many as fit into the buffer");

/// A socket's state for such calls.
#[derive(Debug)]
pub(super) struct Batches {
    state: UdpSocketState,
}

impl Batches {
    /// Sets a socket up for them.
    ///
    /// # Errors
    /// The system lacks an option. Others are set then: the socket is not to be used any more.
    pub(super) fn new(io: &std::net::UdpSocket, is_ipv6: bool) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(io))?;
        options::tell_less(io, is_ipv6);
        Ok(Self { state })
    }

    pub(super) fn receive(
        &self,
        io: &UdpSocket,
        buffer: &mut [u8],
        batch: usize,
        mut take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> io::Result<Received> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let batch = batch.min(BATCH_SIZE);
        let mut slices: Vec<_> =
            buffer.chunks_exact_mut(LONGEST).take(batch).map(IoSliceMut::new).collect();
        let state = &self.state;
        let count = io.try_io(|| state.recv(UdpSockRef::from(io), &mut slices, &mut meta))?;
        let begin = Instant::now();
        for (slice, meta) in slices.iter_mut().zip(&meta).take(count) {
            let len = meta.len.min(slice.len());
            for datagram in slice[..len].chunks_mut(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
        // Where the system tells of readiness by edges, what comes later is told again; elsewhere it must be asked until it
        // has nothing.
        let is_all = count < slices.len() && cfg!(any(target_os = "linux", target_os = "android"));
        Ok(Received { count, is_all, took: begin.elapsed() })
    }

    pub(super) fn send(
        &self,
        io: &UdpSocket,
        to: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        let segment_size = (contents.len() > segment).then_some(segment);
        let sent = self.try_send(io, to, contents, segment_size);
        if sent.is_ok() || segment_size.is_none() {
            return sent;
        }
        // Not every network card, nor every system, takes a series.
        for datagram in contents.chunks(segment.max(1)) {
            let _ = self.try_send(io, to, datagram, None);
        }
        Ok(())
    }

    fn try_send(
        &self,
        io: &UdpSocket,
        to: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit =
            Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
        io.try_io(|| self.state.try_send(UdpSockRef::from(io), &transmit))
    }

    pub(super) fn longest_series(&self) -> usize {
        self.state.max_gso_segments()
    }
}

//! Receives and sends many datagrams per system call, with `quinn-udp` (`recvmmsg`, GRO, GSO).

use super::backend::{MAX_BATCH, Received};
use super::options;
use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::time::Instant;

/// Maximum length of one message: a datagram, or several of one sender that GRO has merged.
const MAX_MESSAGE: usize = 64 << 10;

const _: () = assert!(BATCH_SIZE <= MAX_BATCH, "a batch must fit into the buffer");

/// The `quinn-udp` state of a socket.
#[derive(Debug)]
pub(super) struct Batched {
    state: UdpSocketState,
}

impl Batched {
    /// Sets the socket options that batched calls need.
    ///
    /// # Errors
    /// The system lacks an option. Other options may have been set: the socket must not be used.
    pub(super) fn new(io: &std::net::UdpSocket, is_ipv6: bool) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(io))?;
        options::disable_ancillary_data(io, is_ipv6);
        Ok(Self { state })
    }

    pub(super) fn receive(
        &self,
        io: &UdpSocket,
        buffer: &mut [u8],
        batch: usize,
        mut on_datagram: impl FnMut(SocketAddr, &mut [u8]),
    ) -> io::Result<Received> {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let batch = batch.min(BATCH_SIZE);
        let mut slices: Vec<_> =
            buffer.chunks_exact_mut(MAX_MESSAGE).take(batch).map(IoSliceMut::new).collect();
        let state = &self.state;
        let count = io.try_io(|| state.recv(UdpSockRef::from(io), &mut slices, &mut meta))?;
        let begin = Instant::now();
        for (slice, meta) in slices.iter_mut().zip(&meta).take(count) {
            let len = meta.len.min(slice.len());
            for datagram in slice[..len].chunks_mut(meta.stride.max(1)) {
                on_datagram(meta.addr, datagram);
            }
        }
        // With edge-triggered readiness, later datagrams are reported again; elsewhere the socket must be read until it
        // would block.
        let is_drained =
            count < slices.len() && cfg!(any(target_os = "linux", target_os = "android"));
        Ok(Received { count, is_drained, elapsed: begin.elapsed() })
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
        // Some systems and network cards do not support GSO.
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

    pub(super) fn max_gso_segments(&self) -> usize {
        self.state.max_gso_segments()
    }
}

//! A UDP socket.

use super::backend::{Backend, MAX_BATCH, Received};
#[cfg(not(windows))]
use super::batched::Batched;
use super::options;
use crate::tcp::{Bind, BindError};
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Type};
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Size of the socket buffers, in each direction; the system may grant less.
const SOCKET_BUFFER: usize = 4 << 20;
/// Maximum number of bytes in a GSO batch.
const MAX_GSO_BYTES: usize = 60_000;

/// Handling time of one batch from which on the next batch is smaller.
const SLOW_BATCH: Duration = Duration::from_micros(250);

/// A non-blocking UDP socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) io: UdpSocket,
    backend: Backend,
    local: SocketAddr,
    /// Number of messages requested per call: few while few arrive, since each costs time to request.
    recv_batch: Cell<usize>,
}

impl Socket {
    /// Binds to `port`; 0 selects a free one.
    #[cfg(not(windows))]
    pub(crate) fn bind(bind: Bind, port: u16) -> Result<Self, BindError> {
        let io = open_any(bind, port)?;
        let is_ipv6 = io.local_addr()?.is_ipv6();
        if let Ok(batched) = Batched::new(&io, is_ipv6) {
            return Self::new(io, Backend::Batched(batched));
        }
        // Options may be set that prevent reading datagrams one by one.
        drop(io);
        Self::bind_single(bind, port)
    }

    /// Binds to `port`; 0 selects a free one. On Windows `quinn-udp` supports only GSO, and sets options that Wine
    /// lacks and that forbid fragmentation.
    #[cfg(windows)]
    pub(crate) fn bind(bind: Bind, port: u16) -> Result<Self, BindError> {
        Self::bind_single(bind, port)
    }

    /// Binds to `port`, with the backend that reads and writes datagrams one by one.
    pub(super) fn bind_single(bind: Bind, port: u16) -> Result<Self, BindError> {
        Self::new(open_any(bind, port)?, Backend::Single)
    }

    fn new(io: std::net::UdpSocket, backend: Backend) -> Result<Self, BindError> {
        let local = io.local_addr()?;
        options::allow_ip_fragmentation(&io, local.is_ipv6());
        Ok(Self { io: UdpSocket::from_std(io), backend, local, recv_batch: Cell::new(1) })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Maps an address to the socket's family: a dual-stack socket needs IPv4 addresses as IPv4-mapped ones. Returns
    /// `None` if the socket cannot send to it.
    pub(crate) fn map_address(&self, address: SocketAddr) -> Option<SocketAddr> {
        let ip = match (self.local.ip(), address.ip().to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(v4)) => v4.into(),
            (IpAddr::V6(own), IpAddr::V4(v4)) if own.is_unspecified() => v4.to_ipv6_mapped().into(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
            (IpAddr::V6(_), v6) => v6,
        };
        Some(SocketAddr::new(ip, address.port()))
    }

    /// Reads datagrams into `buffer`, and calls `on_datagram` with each. Returns true if there may be more.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        on_datagram: impl FnMut(SocketAddr, &mut [u8]),
    ) -> bool {
        let batch = self.recv_batch.get();
        let received = self.backend.receive(&self.io, buffer, batch, on_datagram);
        let Received { count, is_drained, elapsed } = match received {
            Ok(received) => received,
            // An error caused by a datagram sent earlier (ICMP): ignored, and the next read continues.
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        // If handling is slow, smaller batches are read, so that other sources are served in between.
        let is_slow = elapsed >= SLOW_BATCH;
        let more = if count < batch { count + 1 } else { (2 * batch).min(MAX_BATCH) };
        self.recv_batch.set(if is_slow { (batch / 2).max(1) } else { more });
        !is_drained
    }

    /// Sends one datagram, or several of `segment` bytes each, of which the last may be shorter. A datagram that cannot
    /// be sent is lost, as on the network.
    pub(crate) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) {
        let _ = self.backend.send(&self.io, to, contents, segment);
    }

    /// Sends datagrams to different addresses. One that cannot be sent is lost.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn send_each(&self, datagrams: &[(SocketAddr, &[u8])]) {
        super::sendmmsg::send(&self.io, datagrams);
    }

    /// Sends datagrams to different addresses, one by one.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn send_each(&self, datagrams: &[(SocketAddr, &[u8])]) {
        for &(to, datagram) in datagrams {
            self.send(to, datagram, datagram.len());
        }
    }

    /// Returns true if a GSO batch of `segments` of `segment` bytes can be extended by a datagram of `len` bytes.
    pub(super) fn can_extend_gso_batch(&self, segment: usize, segments: usize, len: usize) -> bool {
        len <= segment
            && segments < self.backend.max_gso_segments()
            && segments * segment + len <= MAX_GSO_BYTES
    }
}

fn open_any(bind: Bind, port: u16) -> io::Result<std::net::UdpSocket> {
    match bind {
        Bind::Address(address) => open(SocketAddr::new(address, port)),
        Bind::Any => match open((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(error) if crate::tcp::is_unsupported(&error) => {
                open((Ipv4Addr::UNSPECIFIED, port).into())
            }
            result => result,
        },
    }
}

fn open(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.set_broadcast(true)?;
    // The system may grant less.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    #[cfg(windows)]
    {
        lodewire_winsock::take_port_alone(&socket)?;
        // If the system refuses, such a read fails and the next one continues.
        let _ = lodewire_winsock::ignore_unreachable(&socket);
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Instant;

    /// Size of the I/O thread's datagram buffer.
    const BUFFER: usize = 1 << 20;

    const LOCAL: Bind = Bind::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// Returns a socket with each backend: that of this system, and the one that reads one by one.
    pub(in crate::udp) fn each_backend() -> [Socket; 2] {
        [Socket::bind(LOCAL, 0), Socket::bind_single(LOCAL, 0)]
            .map(|socket| socket.expect("a port"))
    }

    fn plain_socket() -> std::net::UdpSocket {
        std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
    }

    #[test]
    fn slow_handling_reduces_the_batch() {
        for socket in each_backend() {
            let sender = plain_socket();
            // Different lengths, so that GRO merges none.
            let mut len = 0;
            let mut send = |count| {
                for _ in 0..count {
                    len = len % 100 + 1;
                    sender.send_to(&[0; 100][..len], socket.local()).expect("sent");
                }
            };
            let mut buffer = vec![0; BUFFER];
            let mut read = |work: Duration| {
                let mut count = 0;
                socket.receive(&mut buffer, |_, _| {
                    count += 1;
                    if !work.is_zero() {
                        std::thread::sleep(work);
                    }
                });
                count
            };
            // Fast handling grows the batch; a thread that was preempted starts again.
            loop {
                send(8);
                if read(Duration::ZERO) >= 8 {
                    break;
                }
            }
            send(64);
            while read(2 * SLOW_BATCH) > 1 {}
            // Slow handling reduces the batch to one.
            assert_eq!(read(2 * SLOW_BATCH), 1);
            assert_eq!(read(2 * SLOW_BATCH), 1);
        }
    }

    #[test]
    fn reading_to_the_end_is_reported_with_each_backend() {
        for socket in each_backend() {
            let sender = plain_socket();
            let mut buffer = vec![0; BUFFER];
            for datagrams in [0, 1, 40] {
                for _ in 0..datagrams {
                    sender.send_to(&[7; 20], socket.local()).expect("sent");
                }
                let (mut received, end) = (0, Instant::now() + Duration::from_mins(1));
                while socket.receive(&mut buffer, |_, datagram| {
                    assert_eq!(datagram, [7; 20]);
                    received += 1;
                }) || received < datagrams
                {
                    assert!(Instant::now() < end, "{received} of {datagrams} received");
                }
                assert_eq!(received, datagrams);
            }
        }
    }

    #[test]
    fn an_icmp_error_does_not_fail_the_read_of_other_datagrams() {
        for socket in each_backend() {
            let closed_port = plain_socket().local_addr().expect("an address");
            let sender = plain_socket();
            for _ in 0..10 {
                socket.send(closed_port, &[1], 1);
            }
            sender.send_to(&[2], socket.local()).expect("sent");
            let (mut received, end) = (0, Instant::now() + Duration::from_mins(1));
            let mut buffer = vec![0; BUFFER];
            while received == 0 {
                socket.receive(&mut buffer, |_, _| received += 1);
                assert!(Instant::now() < end, "nothing received");
            }
        }
    }

    #[test]
    fn a_fragmented_datagram_arrives_whole() {
        for socket in each_backend() {
            let receiver = plain_socket();
            receiver.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
            socket.send(receiver.local_addr().expect("an address"), &[7; 16_384], 16_384);
            assert_eq!(receiver.recv(&mut vec![0; 20_000]).expect("a datagram"), 16_384);
        }
    }
}

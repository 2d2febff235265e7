//! The socket.

use super::options;
use crate::tcp::{Bind, BindError};
use mio::net::UdpSocket;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Type};
use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// What the system is asked to keep for a busy thread, each way; it may give less.
const SYSTEM_BUFFER: usize = 4 << 20;
/// The longest that the system gives at once: one datagram, or many of one sender put together.
const LONGEST: usize = 64 << 10;
/// The longest series of datagrams that the system takes at once.
const LONGEST_SERIES: usize = 60_000;

/// How long it may take to do what one call of the system has read.
const LONG: Duration = Duration::from_micros(250);

/// A UDP socket that does not block.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// How many series are asked for at once: few while few come, since each costs something to ask for.
    batch: Cell<usize>,
}

impl Socket {
    /// Binds to `port`; 0 takes one that is free.
    pub(crate) fn bind(bind: Bind, port: u16) -> Result<Self, BindError> {
        let io = match bind {
            Bind::Address(address) => open(SocketAddr::new(address, port))?,
            Bind::Any => match open((Ipv6Addr::UNSPECIFIED, port).into()) {
                Ok(io) => io,
                Err(error) if crate::tcp::is_unsupported(&error) => {
                    open((Ipv4Addr::UNSPECIFIED, port).into())?
                }
                Err(error) => return Err(error.into()),
            },
        };
        let state = UdpSocketState::new(UdpSockRef::from(&io))?;
        let local = io.local_addr()?;
        options::tell_less(&io, local.is_ipv6());
        options::allow_fragments(&io, local.is_ipv6());
        Ok(Self { io: UdpSocket::from_std(io), state, local, batch: Cell::new(1) })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The address as this socket needs it: one that speaks both families has IPv4 addresses as IPv6 ones. `None` when it
    /// cannot reach it.
    pub(crate) fn reach(&self, address: SocketAddr) -> Option<SocketAddr> {
        let ip = match (self.local.ip(), address.ip().to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(v4)) => v4.into(),
            (IpAddr::V6(own), IpAddr::V4(v4)) if own.is_unspecified() => v4.to_ipv6_mapped().into(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
            (IpAddr::V6(_), v6) => v6,
        };
        Some(SocketAddr::new(ip, address.port()))
    }

    /// Reads what has come into `buffer`, and calls `take` with each datagram. Says whether there may be more.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        mut take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> bool {
        let mut meta = [RecvMeta::default(); BATCH_SIZE];
        let batch = self.batch.get();
        let mut slices: Vec<_> =
            buffer.chunks_exact_mut(LONGEST).take(batch).map(IoSliceMut::new).collect();
        let (state, io) = (&self.state, &self.io);
        let read = io.try_io(|| state.recv(UdpSockRef::from(io), &mut slices, &mut meta));
        let count = match read {
            Ok(count) => count,
            // An error that an earlier datagram of ours met: it is of no account, and the next read goes on.
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        let all = count < slices.len();
        let begin = Instant::now();
        for (slice, meta) in slices.iter_mut().zip(&meta).take(count) {
            let len = meta.len.min(slice.len());
            for datagram in slice[..len].chunks_mut(meta.stride.max(1)) {
                take(meta.addr, datagram);
            }
        }
        // What takes long comes in small pieces, so that others have their turn between.
        let long = begin.elapsed() >= LONG;
        let more = if all { count + 1 } else { (2 * batch).min(BATCH_SIZE) };
        self.batch.set(if long { (batch / 2).max(1) } else { more });
        // Where the system tells of readiness by edges, what comes later is told anew; elsewhere it must be asked until it
        // has nothing.
        !(all && cfg!(any(target_os = "linux", target_os = "android")))
    }

    /// Sends a datagram, or a series of them, each `segment` bytes long but the last. What cannot be sent is lost, as on
    /// the network.
    pub(crate) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) {
        let segment_size = (contents.len() > segment).then_some(segment);
        if self.try_send(to, contents, segment_size).is_err() && segment_size.is_some() {
            // Not every network card, nor every system, takes a series.
            for datagram in contents.chunks(segment) {
                let _ = self.try_send(to, datagram, None);
            }
        }
    }

    /// Sends datagrams to different addresses. What cannot be sent is lost.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn send_each(&self, datagrams: &[(SocketAddr, &[u8])]) {
        super::batch::send(&self.io, datagrams);
    }

    /// The same, one by one.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn send_each(&self, datagrams: &[(SocketAddr, &[u8])]) {
        for &(to, datagram) in datagrams {
            self.send(to, datagram, datagram.len());
        }
    }

    fn try_send(
        &self,
        to: SocketAddr,
        contents: &[u8],
        segment_size: Option<usize>,
    ) -> io::Result<()> {
        let transmit =
            Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
        self.io.try_io(|| self.state.try_send(UdpSockRef::from(&self.io), &transmit))
    }

    /// Whether a series may go on with a datagram of `len` bytes, after `segments` of `segment` bytes.
    pub(super) fn may_go_on(&self, segment: usize, segments: usize, len: usize) -> bool {
        len <= segment
            && segments < self.state.max_gso_segments()
            && segments * segment + len <= LONGEST_SERIES
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
    // The system gives what it may.
    let _ = socket.set_recv_buffer_size(SYSTEM_BUFFER);
    let _ = socket.set_send_buffer_size(SYSTEM_BUFFER);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_read_in_small_pieces() {
        let socket = Socket::bind(Bind::Address(Ipv4Addr::LOCALHOST.into()), 0).expect("a port");
        let sender = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        // Of different lengths, so that the system puts none together.
        let mut len = 0;
        let mut send = |count| {
            for _ in 0..count {
                len = len % 100 + 1;
                sender.send_to(&[0; 100][..len], socket.local()).expect("sent");
            }
        };
        let mut buffer = vec![0; BATCH_SIZE * LONGEST];
        let mut read = |work: Duration| {
            let mut count = 0;
            socket.receive(&mut buffer, |_, _| {
                count += 1;
                std::thread::sleep(work);
            });
            count
        };
        send(64);
        let counts: Vec<_> = (0..5).map(|_| read(Duration::ZERO)).collect();
        assert!(counts.iter().sum::<usize>() >= 15, "{counts:?}");
        send(64);
        while read(2 * LONG) > 1 {}
        // Where each takes long, one is read at once.
        assert_eq!(read(2 * LONG), 1);
        assert_eq!(read(2 * LONG), 1);
    }
}

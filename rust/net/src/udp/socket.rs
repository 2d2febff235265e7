//! The socket.

#[cfg(not(windows))]
use super::batches::Batches;
use super::options;
use super::system::{MOST, Received, System};
use crate::tcp::{Bind, BindError};
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Type};
use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// What the system is asked to keep for a busy thread, each way; it may give less.
const SYSTEM_BUFFER: usize = 4 << 20;
/// The longest series of datagrams that the system takes at once.
const LONGEST_SERIES: usize = 60_000;

/// How long it may take to do what one call of the system has read.
const LONG: Duration = Duration::from_micros(250);

/// A UDP socket that does not block.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) io: UdpSocket,
    system: System,
    local: SocketAddr,
    /// How many series are asked for at once: few while few come, since each costs something to ask for.
    batch: Cell<usize>,
}

impl Socket {
    /// Binds to `port`; 0 takes one that is free.
    #[cfg(not(windows))]
    pub(crate) fn bind(bind: Bind, port: u16) -> Result<Self, BindError> {
        let io = open_any(bind, port)?;
        let is_ipv6 = io.local_addr()?.is_ipv6();
        if let Ok(batches) = Batches::new(&io, is_ipv6) {
            return Self::new(io, System::Batches(batches));
        }
        // Options may be set with which datagrams cannot be read one by one.
        drop(io);
        Self::bind_single(bind, port)
    }

    /// Binds to `port`; 0 takes one that is free. `quinn-udp` has nothing for this system but series that are sent, and sets
    /// options that its emulations lack and that forbid fragments.
    #[cfg(windows)]
    pub(crate) fn bind(bind: Bind, port: u16) -> Result<Self, BindError> {
        Self::bind_single(bind, port)
    }

    /// The same, for datagrams one by one.
    pub(super) fn bind_single(bind: Bind, port: u16) -> Result<Self, BindError> {
        Self::new(open_any(bind, port)?, System::Single)
    }

    fn new(io: std::net::UdpSocket, system: System) -> Result<Self, BindError> {
        let local = io.local_addr()?;
        options::allow_fragments(&io, local.is_ipv6());
        Ok(Self { io: UdpSocket::from_std(io), system, local, batch: Cell::new(1) })
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

    /// Reads what has come into `buffer`, and calls `take` with each datagram. Returns whether there may be more.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        take: impl FnMut(SocketAddr, &mut [u8]),
    ) -> bool {
        let batch = self.batch.get();
        let received = self.system.receive(&self.io, buffer, batch, take);
        let Received { count, is_all, took } = match received {
            Ok(received) => received,
            // An error that an earlier datagram of ours met: it is of no account, and the next read goes on.
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        // What takes long comes in small pieces, so that others have their turn between.
        let long = took >= LONG;
        let more = if count < batch { count + 1 } else { (2 * batch).min(MOST) };
        self.batch.set(if long { (batch / 2).max(1) } else { more });
        !is_all
    }

    /// Sends a datagram, or a series of them, each `segment` bytes long but the last. What cannot be sent is lost, as on
    /// the network.
    pub(crate) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) {
        let _ = self.system.send(&self.io, to, contents, segment);
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

    /// Returns whether a series may go on with a datagram of `len` bytes, after `segments` of `segment` bytes.
    pub(super) fn may_go_on(&self, segment: usize, segments: usize, len: usize) -> bool {
        len <= segment
            && segments < self.system.longest_series()
            && segments * segment + len <= LONGEST_SERIES
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
    // The system gives what it may.
    let _ = socket.set_recv_buffer_size(SYSTEM_BUFFER);
    let _ = socket.set_send_buffer_size(SYSTEM_BUFFER);
    #[cfg(windows)]
    {
        lodewire_winsock::take_port_alone(&socket)?;
        // Where it is refused, such a read fails, and the next one goes on.
        let _ = lodewire_winsock::ignore_unreachable(&socket);
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::time::Instant;

    /// As much as the I/O thread reads into.
    const ROOM: usize = 1 << 20;

    const LOCAL: Bind = Bind::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    /// A socket of each kind: as this system has it, and for datagrams one by one.
    pub(in crate::udp) fn of_each_kind() -> [Socket; 2] {
        [Socket::bind(LOCAL, 0), Socket::bind_single(LOCAL, 0)]
            .map(|socket| socket.expect("a port"))
    }

    fn another() -> std::net::UdpSocket {
        std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
    }

    #[test]
    fn what_takes_long_is_read_in_small_pieces() {
        for socket in of_each_kind() {
            let sender = another();
            // Of different lengths, so that the system puts none together.
            let mut len = 0;
            let mut send = |count| {
                for _ in 0..count {
                    len = len % 100 + 1;
                    sender.send_to(&[0; 100][..len], socket.local()).expect("sent");
                }
            };
            let mut buffer = vec![0; ROOM];
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
            // Where little time goes by, more and more is read at once; a thread that has to wait for a processor begins again.
            loop {
                send(8);
                if read(Duration::ZERO) >= 8 {
                    break;
                }
            }
            send(64);
            while read(2 * LONG) > 1 {}
            // Where each takes long, one is read at once.
            assert_eq!(read(2 * LONG), 1);
            assert_eq!(read(2 * LONG), 1);
        }
    }

    #[test]
    fn a_socket_that_was_read_to_its_end_says_so_on_every_system() {
        for socket in of_each_kind() {
            let sender = another();
            let mut buffer = vec![0; ROOM];
            for datagrams in [0, 1, 40] {
                for _ in 0..datagrams {
                    sender.send_to(&[7; 20], socket.local()).expect("sent");
                }
                let (mut came, end) = (0, Instant::now() + Duration::from_mins(1));
                while socket.receive(&mut buffer, |_, datagram| {
                    assert_eq!(datagram, [7; 20]);
                    came += 1;
                }) || came < datagrams
                {
                    assert!(Instant::now() < end, "{came} of {datagrams} came");
                }
                assert_eq!(came, datagrams);
            }
        }
    }

    #[test]
    fn a_datagram_that_nobody_takes_fails_no_other_ones_read() {
        for socket in of_each_kind() {
            let gone = another().local_addr().expect("an address");
            let sender = another();
            for _ in 0..10 {
                socket.send(gone, &[1], 1);
            }
            sender.send_to(&[2], socket.local()).expect("sent");
            let (mut came, end) = (0, Instant::now() + Duration::from_mins(1));
            let mut buffer = vec![0; ROOM];
            while came == 0 {
                socket.receive(&mut buffer, |_, _| came += 1);
                assert!(Instant::now() < end, "nothing comes");
            }
        }
    }

    #[test]
    fn a_long_datagram_goes_through_whole() {
        for socket in of_each_kind() {
            let receiver = another();
            receiver.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
            socket.send(receiver.local_addr().expect("an address"), &[7; 16_384], 16_384);
            assert_eq!(receiver.recv(&mut vec![0; 20_000]).expect("a datagram"), 16_384);
        }
    }
}

//! TCP listeners, and the parts of binding that UDP sockets share.

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The listen backlog: the maximum of the system, which on Linux is 4096 by default. The engine's 8 drops most of a
/// burst.
const BACKLOG: i32 = 4096;

/// The address to bind to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Every interface, IPv6 and IPv4.
    Any,
    /// A single address.
    Address(IpAddr),
}

impl Bind {
    /// Parses an IP address; `*` stands for every interface.
    pub fn parse(address: &str) -> Option<Self> {
        if address == "*" { Some(Self::Any) } else { address.parse().ok().map(Self::Address) }
    }
}

/// The error of a failed bind.
#[derive(Debug)]
pub enum BindError {
    /// Another socket uses the port.
    InUse,
    /// The process lacks the permission for the port, or the address is not one of this machine.
    Unavailable(io::Error),
    /// The system lacks a resource.
    System(io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("the port is in use"),
            Self::Unavailable(error) => match error.kind() {
                io::ErrorKind::AddrNotAvailable => {
                    f.write_str("no interface of this machine has the address")
                }
                io::ErrorKind::PermissionDenied => f.write_str("permission denied"),
                _ => write!(f, "cannot bind: {error}"),
            },
            Self::System(error) => write!(f, "failed to create a socket: {error}"),
        }
    }
}

impl std::error::Error for BindError {}

impl BindError {
    /// Returns a message that names the address, the cause and the remedy.
    pub fn explain(&self, bind: Bind, port: u16) -> String {
        let address = match bind {
            Bind::Any => String::new(),
            Bind::Address(address) => format!(" of {address}"),
        };
        let remedy = match self {
            Self::InUse => " Use another port, or 0 for one that is free.",
            Self::Unavailable(error) => match error.kind() {
                io::ErrorKind::AddrNotAvailable => " Use an address of this machine, or * for all.",
                io::ErrorKind::PermissionDenied => " Use a port above 1023, or 0.",
                _ => "",
            },
            Self::System(_) => "",
        };
        format!("port {port}{address}: {self}.{remedy}")
    }
}

impl From<io::Error> for BindError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse,
            // Windows reports this when another socket has exclusive use of the port.
            io::ErrorKind::PermissionDenied if cfg!(windows) => Self::InUse,
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::Unsupported => Self::Unavailable(error),
            _ => Self::System(error),
        }
    }
}

/// Listens on `port` (0: any free one) and returns the local address. With `reuse_port`, other processes that also set
/// it can listen on the same port, if the system supports that.
pub(crate) fn listen(
    bind: Bind,
    port: u16,
    reuse_port: bool,
) -> Result<(TcpListener, SocketAddr), BindError> {
    let listen_at = |address: SocketAddr| listen_at(address, reuse_port);
    let listener = match bind {
        Bind::Address(address) => listen_at(SocketAddr::new(address, port))?,
        Bind::Any => match listen_at((Ipv6Addr::UNSPECIFIED, port).into()) {
            Ok(listener) => listener,
            // The system has no IPv6.
            Err(error) if is_unsupported(&error) => {
                listen_at((Ipv4Addr::UNSPECIFIED, port).into())?
            }
            Err(error) => return Err(error.into()),
        },
    };
    let local = listener.local_addr()?;
    Ok((TcpListener::from_std(listener), local))
}

pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::AddrNotAvailable)
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// "Address family not supported", for which there is no [`io::ErrorKind`].
const EAFNOSUPPORT: i32 = if cfg!(windows) {
    10047
} else if cfg!(target_vendor = "apple") {
    47
} else {
    97
};

fn listen_at(address: SocketAddr, reuse_port: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // On Unix this lets a server restart while old connections are in TIME_WAIT; on Windows it would let another
    // process take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(windows)]
    lodewire_winsock::take_port_alone(&socket)?;
    if reuse_port {
        set_reuse_port(&socket)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(unix)]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

/// Not available on Windows, where SO_REUSEADDR would let any process take the port.
#[cfg(not(unix))]
fn set_reuse_port(_: &Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Returns an address with an IPv4-mapped IPv6 address converted to IPv4.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_any_address_accepts_both_families() {
        let (_listener, local) = listen(Bind::Any, 0, false).expect("a free port");
        assert_ne!(local.port(), 0);
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            if let Err(error) = std::net::TcpStream::connect((ip, local.port())) {
                assert!(ip.is_ipv6() && local.is_ipv4(), "{ip}: {error}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_port_is_shared_only_if_all_set_reuse_port() {
        let (_first, local) = listen(Bind::Any, 0, true).expect("a free port");
        assert!(listen(Bind::Any, local.port(), true).is_ok());
        assert!(matches!(listen(Bind::Any, local.port(), false), Err(BindError::InUse)));
    }

    #[test]
    fn a_bind_error_names_the_port_the_cause_and_the_remedy() {
        let address = Bind::Address(Ipv4Addr::new(192, 0, 2, 1).into());
        let error = |kind: io::ErrorKind| BindError::from(io::Error::from(kind));
        assert_eq!(
            error(io::ErrorKind::AddrInUse).explain(Bind::Any, 90),
            "port 90: the port is in use. Use another port, or 0 for one that is free."
        );
        assert_eq!(
            error(io::ErrorKind::AddrNotAvailable).explain(address, 90),
            "port 90 of 192.0.2.1: no interface of this machine has the address. Use an address of this machine, or * for all."
        );
        // Windows reports this for a port that is in use.
        #[cfg(not(windows))]
        assert_eq!(
            error(io::ErrorKind::PermissionDenied).explain(address, 90),
            "port 90 of 192.0.2.1: permission denied. Use a port above 1023, or 0."
        );
    }

    #[test]
    fn a_port_in_use_or_a_foreign_address_is_an_error() {
        let (_listener, local) = listen(Bind::Any, 0, false).expect("a free port");
        assert!(matches!(listen(Bind::Any, local.port(), false), Err(BindError::InUse)));
        let foreign = Bind::Address(Ipv4Addr::new(192, 0, 2, 1).into());
        assert!(matches!(listen(foreign, 0, false), Err(BindError::Unavailable(_))));
    }
}

//! Proxies in front of a server: who they are, and how they tell whose connection they bring.

use ipnet::IpNet;
use lodewire_websocket::{HandshakeRejection, Request, StatusCode};
use mio::net::TcpStream;
use proxy_header::ParseConfig;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};

/// The longest header of the PROXY protocol that is read, in bytes. The addresses take 52; the rest is of what a balancer
/// may add, such as the client's certificate's name.
const MAX_PROXY_HEADER: usize = 2048;

/// How a proxy tells whose connection it brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// It does not: clients come directly, or nobody asks who they are.
    #[default]
    None,
    /// With the first bytes of the connection (PROXY protocol, version 1 or 2).
    ProxyProtocol,
    /// With a line of the opening request, `X-Forwarded-For`.
    XForwardedFor,
}

/// The proxies that a server trusts. Whoever else connects is refused, if a header is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    header: ProxyHeader,
    trusted: Vec<IpNet>,
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// TLS, or the opening request.
    None,
    /// A header of the PROXY protocol.
    ProxyProtocol,
    /// It is of no trusted proxy.
    Refused,
}

impl Proxies {
    /// Proxies at the addresses in `trusted`, or in the networks, such as `10.0.0.0/8`.
    ///
    /// # Errors
    /// The first entry that is neither.
    pub fn new<'a>(header: ProxyHeader, trusted: &'a [String]) -> Result<Self, &'a str> {
        let network = |text: &'a String| {
            let address = || text.parse().map(|ip: IpAddr| IpNet::from(ip.to_canonical()));
            text.parse().or_else(|_| address()).map_err(|_| text.as_str())
        };
        Ok(Self { header, trusted: trusted.iter().map(network).collect::<Result<_, _>>()? })
    }

    pub(super) fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&ip.to_canonical()))
    }

    /// What a connection from `ip` has to begin with.
    pub(super) fn greeting_of(&self, ip: IpAddr) -> Greeting {
        match self.header {
            ProxyHeader::ProxyProtocol if self.trusts(ip) => Greeting::ProxyProtocol,
            ProxyHeader::ProxyProtocol => Greeting::Refused,
            ProxyHeader::None | ProxyHeader::XForwardedFor => Greeting::None,
        }
    }

    /// Whose request it is that came from `remote`.
    ///
    /// With `X-Forwarded-For` it is the last address that is not a trusted proxy's: each proxy appends the one that it was
    /// asked from, and what stands before may be the client's invention. The port is then `remote`'s.
    ///
    /// # Errors
    /// How to refuse it: it is not of a proxy, or the proxy does not say whose it is.
    pub fn client_of(
        &self,
        request: &Request,
        remote: SocketAddr,
    ) -> Result<SocketAddr, HandshakeRejection> {
        if self.header != ProxyHeader::XForwardedFor {
            return Ok(remote);
        }
        if !self.trusts(remote.ip()) {
            let why = "clients have to come through the proxy";
            return Err(HandshakeRejection::new(StatusCode::Forbidden, why));
        }
        let lines: Vec<_> = request.headers().get_all("X-Forwarded-For").collect();
        let mut first = None;
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let address = address_in(entry.trim()).ok_or_else(|| {
                HandshakeRejection::new(
                    StatusCode::BadRequest,
                    "X-Forwarded-For has what is no address",
                )
            })?;
            first = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        // If all are trusted, it is the one that the first of them saw.
        let address = first.ok_or_else(|| {
            HandshakeRejection::new(
                StatusCode::BadRequest,
                "the proxy does not say whose request it is",
            )
        })?;
        Ok(SocketAddr::new(address, remote.port()))
    }
}

/// The address in an entry of `X-Forwarded-For`, which some proxies write with a port or in brackets.
fn address_in(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Takes a header of the PROXY protocol off the front of a connection: whom it tells of, which is nobody if the proxy
/// itself asks. `None` while it has not come whole: what has come of it is kept in `begun`, and the socket is read until it
/// would block, since not every system tells of more otherwise.
///
/// # Errors
/// There is none, or it is no good.
#[expect(clippy::option_option, reason = "not there yet, and there with nobody in it")]
pub(super) fn read_header(
    mut tcp: &TcpStream,
    begun: &mut Box<[u8]>,
    buffer: &mut [u8],
) -> io::Result<Option<Option<SocketAddr>>> {
    let room = buffer.len().min(MAX_PROXY_HEADER);
    loop {
        let known = begun.len();
        buffer[..known].copy_from_slice(begun);
        // Looked at first: what follows the header is not ours to take.
        let len = match tcp.peek(&mut buffer[known..room]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let header = parse_header(&buffer[..known + len])?;
        // Of one that is not whole, all that has come is the header's.
        let used = header.map_or(len, |(_, used)| used.saturating_sub(known));
        tcp.read_exact(&mut buffer[known..known + used])?;
        if let Some((source, _)) = header {
            *begun = Box::default();
            return Ok(Some(source));
        }
        *begun = buffer[..known + used].into();
    }
}

/// The source that a header of the PROXY protocol names, and the header's length; `None` while it is not whole.
///
/// # Errors
/// It is no header, or too long.
pub fn parse_header(bytes: &[u8]) -> io::Result<Option<(Option<SocketAddr>, usize)>> {
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match proxy_header::ProxyHeader::parse(bytes, config) {
        Ok((header, used)) if used <= MAX_PROXY_HEADER => {
            let source = header.proxied_address().map(|address| address.source);
            Ok(Some((source.map(crate::tcp::canonical), used)))
        }
        Err(proxy_header::Error::BufferTooShort) if bytes.len() < MAX_PROXY_HEADER => Ok(None),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests;

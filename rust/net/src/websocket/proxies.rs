//! Trusted proxies in front of a server, and how they forward the client's address.

use ipnet::IpNet;
use lodewire_websocket::{HandshakeRejection, Request, StatusCode};
use mio::net::TcpStream;
use proxy_header::ParseConfig;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};

/// Maximum length of a PROXY protocol header, in bytes. The addresses take 52; load balancers may add TLVs, such as the
/// name in the client's certificate.
const MAX_PROXY_HEADER: usize = 2048;

/// The way in which a proxy forwards the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Not at all: clients connect directly, or their address is not needed.
    #[default]
    None,
    /// In the first bytes of the connection (PROXY protocol, version 1 or 2).
    ProxyProtocol,
    /// In the `X-Forwarded-For` header of the opening request.
    XForwardedFor,
}

/// The proxies that a server trusts. If a proxy header is expected, connections from other addresses are rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    header: ProxyHeader,
    trusted: Vec<IpNet>,
}

/// The bytes that a connection must start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedPreamble {
    /// TLS, or the opening request.
    None,
    /// A PROXY protocol header.
    ProxyProtocol,
    /// Nothing: the address is not that of a trusted proxy.
    Refused,
}

impl Proxies {
    /// Creates the configuration. `trusted` has addresses, or networks such as `10.0.0.0/8`.
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

    /// Returns what a connection from `ip` must start with.
    pub(super) fn expected_preamble(&self, ip: IpAddr) -> ExpectedPreamble {
        match self.header {
            ProxyHeader::ProxyProtocol if self.trusts(ip) => ExpectedPreamble::ProxyProtocol,
            ProxyHeader::ProxyProtocol => ExpectedPreamble::Refused,
            ProxyHeader::None | ProxyHeader::XForwardedFor => ExpectedPreamble::None,
        }
    }

    /// Returns the address of the client whose request arrived from `remote`.
    ///
    /// With `X-Forwarded-For` it is the last address that is not a trusted proxy: each proxy appends the address of its
    /// own client, and earlier entries may be forged. The port is then that of `remote`.
    ///
    /// # Errors
    /// The request is not from a trusted proxy, or the proxy does not forward a valid address.
    pub fn client_of(
        &self,
        request: &Request,
        remote: SocketAddr,
    ) -> Result<SocketAddr, HandshakeRejection> {
        if self.header != ProxyHeader::XForwardedFor {
            return Ok(remote);
        }
        if !self.trusts(remote.ip()) {
            let reason = "clients have to come through the proxy";
            return Err(HandshakeRejection::new(StatusCode::Forbidden, reason));
        }
        let lines: Vec<_> = request.headers().get_all("X-Forwarded-For").collect();
        let mut first = None;
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let address = address_in(entry.trim()).ok_or_else(|| {
                HandshakeRejection::new(
                    StatusCode::BadRequest,
                    "invalid address in X-Forwarded-For",
                )
            })?;
            first = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        // If all are trusted, it is the first one.
        let address = first.ok_or_else(|| {
            HandshakeRejection::new(
                StatusCode::BadRequest,
                "the proxy does not say whose request it is",
            )
        })?;
        Ok(SocketAddr::new(address, remote.port()))
    }
}

/// Parses an entry of `X-Forwarded-For`, to which some proxies add a port or brackets.
fn address_in(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|ip: IpAddr| ip.to_canonical())
}

/// Reads the PROXY protocol header at the start of a connection. Returns the client's address, which is `None` if the
/// connection is the proxy's own, such as a health check. The outer `None` means that the header is incomplete: its
/// bytes are kept in `partial`, and the socket is read until it would block, as edge-triggered readiness requires.
///
/// # Errors
/// There is no header, or it is invalid.
#[expect(clippy::option_option, reason = "incomplete, and complete without an address")]
pub(super) fn read_header(
    mut tcp: &TcpStream,
    partial: &mut Box<[u8]>,
    buffer: &mut [u8],
) -> io::Result<Option<Option<SocketAddr>>> {
    let max_len = buffer.len().min(MAX_PROXY_HEADER);
    loop {
        let known = partial.len();
        buffer[..known].copy_from_slice(partial);
        // Peeked first: the bytes after the header must stay in the socket.
        let len = match tcp.peek(&mut buffer[known..max_len]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let header = parse_header(&buffer[..known + len])?;
        // While the header is incomplete, all bytes belong to it.
        let used = header.map_or(len, |(_, used)| used.saturating_sub(known));
        tcp.read_exact(&mut buffer[known..known + used])?;
        if let Some((source, _)) = header {
            *partial = Box::default();
            return Ok(Some(source));
        }
        *partial = buffer[..known + used].into();
    }
}

/// Parses a PROXY protocol header. Returns the source address, if it has one, and its length; `None` while it is
/// incomplete.
///
/// # Errors
/// The header is invalid or too long.
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

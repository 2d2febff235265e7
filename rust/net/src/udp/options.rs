//! What `quinn-udp` asks of the system for QUIC, and others do not need.

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use nix::sys::socket::{setsockopt, sockopt};
use std::net::UdpSocket;

/// Asks the system not to tell with each datagram when and where it came, which `quinn-udp` has it do.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn tell_less(socket: &UdpSocket, is_ipv6: bool) {
    // If it goes on telling, it costs a little.
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
    let _ = setsockopt(socket, sockopt::IpRecvTos, &false);
    if is_ipv6 {
        let _ = setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &false);
        let _ = setsockopt(socket, sockopt::Ipv6RecvTClass, &false);
    } else {
        let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
    }
}

/// Nobody needs less.
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
pub(super) fn tell_less(_: &UdpSocket, _: bool) {}

/// Lets datagrams be longer than the path takes in one piece, as the engine's sockets do: a packet of DTLS has up to 16,384
/// bytes, and the script says how long one of ENet is.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn allow_fragments(socket: &UdpSocket, is_ipv6: bool) {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    // Where it is refused, long datagrams are lost.
    let _ = set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT);
    if is_ipv6 {
        let _ = set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT);
        let _ = setsockopt(socket, sockopt::Ipv6DontFrag, &false);
    }
}

/// The same.
#[cfg(target_vendor = "apple")]
pub(super) fn allow_fragments(socket: &UdpSocket, is_ipv6: bool) {
    let _ = setsockopt(socket, sockopt::IpDontFrag, &false);
    if is_ipv6 {
        let _ = setsockopt(socket, sockopt::Ipv6DontFrag, &false);
    }
}

/// Windows allows them unless it is told otherwise; elsewhere there is no safe way to say so.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn allow_fragments(_: &UdpSocket, _: bool) {}

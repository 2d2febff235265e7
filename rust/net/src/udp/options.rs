//! Socket options: those that `quinn-udp` sets for QUIC and that are not needed here, and fragmentation.

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use nix::sys::socket::{setsockopt, sockopt};
use std::net::UdpSocket;

/// Disables the timestamps and addresses that `quinn-udp` makes the system return with each datagram.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn disable_ancillary_data(socket: &UdpSocket, is_ipv6: bool) {
    // If an option stays set, reads only cost more.
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &false);
    let _ = setsockopt(socket, sockopt::IpRecvTos, &false);
    if is_ipv6 {
        let _ = setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &false);
        let _ = setsockopt(socket, sockopt::Ipv6RecvTClass, &false);
    } else {
        let _ = setsockopt(socket, sockopt::Ipv4PacketInfo, &false);
    }
}

/// Does nothing: no such option is set on these systems.
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
pub(super) fn disable_ancillary_data(_: &UdpSocket, _: bool) {}

/// Allows IP fragmentation of datagrams longer than the path MTU, as the engine's sockets do: a DTLS record has up to
/// 16,384 bytes, and scripts choose the length of ENet packets.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn allow_ip_fragmentation(socket: &UdpSocket, is_ipv6: bool) {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    // If the system refuses, long datagrams are lost.
    let _ = set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT);
    if is_ipv6 {
        let _ = set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::WANT);
        let _ = setsockopt(socket, sockopt::Ipv6DontFrag, &false);
    }
}

/// Allows IP fragmentation.
#[cfg(target_vendor = "apple")]
pub(super) fn allow_ip_fragmentation(socket: &UdpSocket, is_ipv6: bool) {
    let _ = setsockopt(socket, sockopt::IpDontFrag, &false);
    if is_ipv6 {
        let _ = setsockopt(socket, sockopt::Ipv6DontFrag, &false);
    }
}

/// Does nothing: Windows allows fragmentation by default; elsewhere there is no safe way to set it.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn allow_ip_fragmentation(_: &UdpSocket, _: bool) {}

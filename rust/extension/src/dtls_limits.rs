//! Converts the limits of the DTLS classes.

use godot::prelude::*;
use lodewire_net::dtls::Limits;
use std::time::Duration;

/// Maximum time that a property may have, in seconds; longer times are practically unlimited.
const MAX_SECONDS: f64 = 1e9;

/// Converts a number of seconds; `None` for NaN and for 0 or less.
pub(crate) fn seconds(value: f64) -> Option<Duration> {
    (value > 0.0).then(|| Duration::from_secs_f64(value.min(MAX_SECONDS)))
}

/// Converts a count; negative numbers become 0.
pub(crate) fn count(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// Returns the limits that both classes have.
pub(crate) fn limits(
    mtu: i32,
    handshake_timeout: f64,
    idle_timeout: f64,
    buffered: i64,
    outgoing: i64,
) -> Limits {
    Limits {
        mtu: count(mtu.into()),
        handshake_timeout: seconds(handshake_timeout),
        idle_timeout: seconds(idle_timeout),
        max_buffered_bytes: count(buffered),
        max_outgoing_bytes: count(outgoing),
        ..Limits::default()
    }
}

/// Returns the address and port of an engine's peer.
pub(crate) fn address_of(ip: &GString, port: i32) -> Option<std::net::SocketAddr> {
    let ip = ip.to_string();
    // The percent sign is followed by the interface of a link-local address.
    let ip: std::net::IpAddr = ip.split('%').next()?.parse().ok()?;
    Some((ip, u16::try_from(port).ok()?).into())
}

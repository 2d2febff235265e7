//! The limits of DTLS, as properties have them.

use godot::prelude::*;
use lodewire_net::dtls::Limits;
use std::time::Duration;

/// The longest time that a property may mean, in seconds: what is longer is as good as for ever.
const LONGEST: f64 = 1e9;

/// A number of seconds; none for 0 or less, or what is no number.
pub(crate) fn seconds(value: f64) -> Option<Duration> {
    (value > 0.0).then(|| Duration::from_secs_f64(value.min(LONGEST)))
}

/// A number of things; 0 for less.
pub(crate) fn count(value: i64) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// What both classes have.
pub(crate) fn limits(
    mtu: i32,
    handshake_timeout: f64,
    idle_timeout: f64,
    waiting: i64,
    outgoing: i64,
) -> Limits {
    Limits {
        mtu: count(mtu.into()),
        handshake_timeout: seconds(handshake_timeout),
        idle_timeout: seconds(idle_timeout),
        waiting: count(waiting),
        outgoing: count(outgoing),
        ..Limits::default()
    }
}

/// The address and port of a peer of the engine's.
pub(crate) fn address_of(ip: &GString, port: i32) -> Option<std::net::SocketAddr> {
    let ip = ip.to_string();
    // Behind the percent sign stands the interface of a link-local address.
    let ip: std::net::IpAddr = ip.split('%').next()?.parse().ok()?;
    Some((ip, u16::try_from(port).ok()?).into())
}

//! The properties that servers and clients have in common, as the network takes them.

use godot::global::Error;
use godot::prelude::*;
use lodewire_net::websocket::{DeflateOptions, Limits, Settings};
use std::time::Duration;

/// Maximum buffer size of a peer, in KiB: the engine has the length of a packet as a 32-bit number.
const MAX_BUFFER_KIB: usize = 1 << 20;

/// The values of the properties of a server or a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Properties {
    pub(crate) limits: Limits,
    pub(crate) permessage_deflate: bool,
    pub(crate) deflate_threshold: i32,
    pub(crate) deflate_window_bits: i32,
    pub(crate) deflate_context_takeover: bool,
    pub(crate) heartbeat_interval: f64,
    pub(crate) close_timeout: f64,
    pub(crate) disconnect_on_overflow: bool,
}

impl Properties {
    /// Returns the settings of the connections.
    ///
    /// # Errors
    /// Returns the message for the script: the property that is invalid, and its valid values.
    pub(crate) fn settings(&self) -> Result<Settings, &'static str> {
        let heartbeat = seconds(self.heartbeat_interval)
            .ok_or("heartbeat_interval must be a number of seconds, or 0 to disable it.")?;
        let close_timeout = seconds(self.close_timeout)
            .ok_or("close_timeout must be a number of seconds, or 0.")?;
        let threshold = usize::try_from(self.deflate_threshold)
            .map_err(|_| "deflate_threshold must be a number of bytes, or 0.")?;
        let window_bits = u8::try_from(self.deflate_window_bits)
            .ok()
            .filter(|bits| (9..=15).contains(bits))
            .ok_or("deflate_window_bits must be 9 to 15.")?;
        let deflate = DeflateOptions {
            window_bits,
            context_takeover: self.deflate_context_takeover,
            peer_context_takeover: self.deflate_context_takeover,
            threshold,
            ..DeflateOptions::default()
        };
        Ok(Settings {
            limits: self.limits,
            close_timeout,
            heartbeat: Some(heartbeat).filter(|interval| !interval.is_zero()),
            deflate: self.permessage_deflate.then_some(deflate),
            disconnect_on_overflow: self.disconnect_on_overflow,
            ..Settings::default()
        })
    }
}

/// Converts a duration that is not negative and at most a year.
fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value).ok().filter(|time| *time <= Duration::from_hours(365 * 24))
}

/// Converts a duration greater than 0.
pub(crate) fn timeout(value: f64) -> Option<Duration> {
    seconds(value).filter(|time| !time.is_zero())
}

/// Converts the arguments of `set_buffers`, or prints an error.
pub(crate) fn limits_of(
    caller: &str,
    input_kib: i32,
    input_packets: i32,
    output_kib: i32,
    output_packets: i32,
) -> Result<Limits, Error> {
    let positive = |number: i32| usize::try_from(number).ok().filter(|number| *number > 0);
    let bytes = |kib: i32| positive(kib).filter(|kib| *kib <= MAX_BUFFER_KIB).map(|kib| kib << 10);
    let limits = || {
        let (in_bytes, out_bytes) = (bytes(input_kib)?, bytes(output_kib)?);
        Some(Limits {
            in_bytes,
            in_packets: positive(input_packets)?,
            out_bytes,
            out_packets: positive(output_packets)?,
            // At least two messages of the maximum size fit.
            in_total: Limits::default().in_total.max(in_bytes.saturating_mul(4)),
            out_total: Limits::default().out_total.max(out_bytes.saturating_mul(4)),
        })
    };
    limits().ok_or_else(|| {
        godot_error!(
            "{caller}: sizes must be 1 to {MAX_BUFFER_KIB} KiB, and packet counts at least 1."
        );
        Error::ERR_INVALID_PARAMETER
    })
}

//! The commands of connection establishment.

use super::reader::Reader;
use super::{DEFAULT_MTU, MAX_CHANNEL_COUNT, MAX_WINDOW_SIZE};

/// Connection parameters: the common part of CONNECT and `VERIFY_CONNECT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectParams {
    /// The peer id at the sender, which the receiver puts into its headers.
    pub outgoing_peer_id: u16,
    /// In CONNECT, the last incoming session of this peer id; 255 for none. In `VERIFY_CONNECT`, the session of the
    /// receiver's incoming datagrams from now on.
    pub incoming_session: u8,
    /// The session of outgoing datagrams, likewise.
    pub outgoing_session: u8,
    /// The MTU.
    pub mtu: u32,
    /// The window size: bytes of reliable packets in flight.
    pub window_size: u32,
    /// The number of channels.
    pub channel_count: u32,
    /// Incoming bandwidth of the sender in bytes per second; 0 means unlimited.
    pub incoming_bandwidth: u32,
    /// Outgoing bandwidth of the sender in bytes per second; 0 means unlimited.
    pub outgoing_bandwidth: u32,
    /// The throttle's interval in milliseconds.
    pub throttle_interval: u32,
    /// The throttle's acceleration.
    pub throttle_acceleration: u32,
    /// The throttle's deceleration.
    pub throttle_deceleration: u32,
    /// A number by which the sender of CONNECT recognizes the answer. ENet does not swap its bytes, so it is a byte
    /// array here.
    pub connect_id: [u8; 4],
}

/// The body of a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The requested parameters.
    pub params: ConnectParams,
    /// The application's data value.
    pub data: u32,
}

impl ConnectParams {
    /// Creates the parameters of a CONNECT without bandwidth limits and previous session, with ENet's default throttle.
    #[expect(clippy::cast_possible_truncation, reason = "constants of a few bits")]
    pub const fn new(outgoing_peer_id: u16, connect_id: [u8; 4]) -> Self {
        Self {
            outgoing_peer_id,
            incoming_session: 0xFF,
            outgoing_session: 0xFF,
            mtu: DEFAULT_MTU as u32,
            window_size: MAX_WINDOW_SIZE,
            channel_count: MAX_CHANNEL_COUNT as u32,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            throttle_interval: 5000,
            throttle_acceleration: 2,
            throttle_deceleration: 2,
            connect_id,
        }
    }

    pub(super) fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            outgoing_peer_id: reader.u16()?,
            incoming_session: reader.u8()?,
            outgoing_session: reader.u8()?,
            mtu: reader.u32()?,
            window_size: reader.u32()?,
            channel_count: reader.u32()?,
            incoming_bandwidth: reader.u32()?,
            outgoing_bandwidth: reader.u32()?,
            throttle_interval: reader.u32()?,
            throttle_acceleration: reader.u32()?,
            throttle_deceleration: reader.u32()?,
            connect_id: reader.array()?,
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.outgoing_peer_id.to_be_bytes());
        out.extend([self.incoming_session, self.outgoing_session]);
        for number in [
            self.mtu,
            self.window_size,
            self.channel_count,
            self.incoming_bandwidth,
            self.outgoing_bandwidth,
            self.throttle_interval,
            self.throttle_acceleration,
            self.throttle_deceleration,
        ] {
            out.extend(number.to_be_bytes());
        }
        out.extend(self.connect_id);
    }
}

//! The two commands that open a connection.

use super::reader::Reader;
use super::{DEFAULT_MTU, MAX_CHANNEL_COUNT, MAX_WINDOW_SIZE};

/// What a host asks for, and the other one agrees to: the common part of [`Connect`] and [`ConnectParams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectParams {
    /// The connection's number at the sender, which the receiver puts into its headers.
    pub outgoing_peer_id: u16,
    /// In CONNECT, the session that the sender had last with this number, for what comes; 255 for none. In
    /// `VERIFY_CONNECT`, the one that the receiver finds in what comes from now on.
    pub incoming_session: u8,
    /// The same for what goes.
    pub outgoing_session: u8,
    /// The longest datagram.
    pub mtu: u32,
    /// Bytes of reliable packets under way at once.
    pub window_size: u32,
    /// Channels.
    pub channel_count: u32,
    /// Bytes a second that the sender can take; 0: no limit.
    pub incoming_bandwidth: u32,
    /// Bytes a second that the sender sends; 0: no limit.
    pub outgoing_bandwidth: u32,
    /// The interval of the throttle, in milliseconds.
    pub throttle_interval: u32,
    /// Its acceleration.
    pub throttle_acceleration: u32,
    /// Its deceleration.
    pub throttle_deceleration: u32,
    /// A number by which the sender of CONNECT knows the answer as its own. ENet does not swap its bytes, so it is four
    /// bytes here.
    pub connect_id: [u8; 4],
}

/// A host asks for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connect {
    /// What it asks for.
    pub params: ConnectParams,
    /// A number of the application's.
    pub data: u32,
}

impl ConnectParams {
    /// What a host asks for that has no limits and had no session with this number, with ENet's own throttle.
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

//! The statistics of a connection, as in Godot's `ENetPacketPeer.PeerStatistic`.

use super::Peer;
use crate::time::Time;
use std::time::Duration;

/// `ENET_PEER_PACKET_LOSS_SCALE`: all packets are lost.
const LOSS_SCALE: u64 = 65_536;
/// `ENET_PEER_PACKET_LOSS_INTERVAL`.
const LOSS_INTERVAL: Duration = Duration::from_secs(10);

/// The statistics of a connection. Durations are in microseconds; times are those of the caller's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatistics {
    /// The mean packet loss, of 65,536.
    pub packet_loss: u32,
    /// The mean deviation of the packet loss.
    pub packet_loss_variance: u32,
    /// When the current interval of the packet loss began.
    pub packet_loss_epoch: Time,
    /// The mean round-trip time.
    pub round_trip_time: u64,
    /// The mean deviation of the round-trip time.
    pub round_trip_time_variance: u64,
    /// The lowest mean of the throttle's last interval.
    pub last_round_trip_time: u64,
    /// The highest deviation of that interval.
    pub last_round_trip_time_variance: u64,
    /// The number of unreliable packets sent, of 32.
    pub packet_throttle: u32,
    /// The maximum of `packet_throttle` under the bandwidth limits.
    pub packet_throttle_limit: u32,
    /// The throttle's counter.
    pub packet_throttle_counter: u32,
    /// When the throttle's interval began.
    pub packet_throttle_epoch: Time,
    /// The throttle's acceleration.
    pub packet_throttle_acceleration: u32,
    /// The throttle's deceleration.
    pub packet_throttle_deceleration: u32,
    /// The throttle's interval, in milliseconds.
    pub packet_throttle_interval: u32,
    /// Reliable packets or fragments that did not fit the receive budget, so that they had to be repeated. Not in ENet.
    pub refused: u64,
    /// Datagrams dropped because the decompression budget was used up. Not in ENet.
    pub dropped_datagrams: u64,
    /// Bytes of packets that are queued or not acknowledged, with 64 more for each packet or fragment. Not in ENet.
    pub outgoing_bytes: usize,
}

/// The packet loss.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    mean: u64,
    variance: u64,
    epoch: Option<Time>,
    pub(super) sent: u64,
    pub(super) lost: u64,
}

impl Loss {
    /// Updates the loss before a datagram is sent.
    pub(super) fn update(&mut self, now: Time) {
        let Some(epoch) = self.epoch else {
            self.epoch = Some(now);
            return;
        };
        if now.saturating_duration_since(epoch) < LOSS_INTERVAL || self.sent == 0 {
            return;
        }
        let loss = self.lost * LOSS_SCALE / self.sent;
        self.variance = (self.variance * 3 + loss.abs_diff(self.mean)) / 4;
        self.mean = (self.mean * 7 + loss) / 8;
        *self =
            Self { mean: self.mean, variance: self.variance, epoch: Some(now), sent: 0, lost: 0 };
    }
}

impl Peer {
    /// Returns the statistics of the connection.
    pub(crate) fn statistics(&self) -> PeerStatistics {
        let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        PeerStatistics {
            packet_loss: small(self.loss.mean),
            packet_loss_variance: small(self.loss.variance),
            packet_loss_epoch: self.loss.epoch.unwrap_or_default(),
            round_trip_time: self.round_trip.mean,
            round_trip_time_variance: self.round_trip.variance,
            last_round_trip_time: self.round_trip.last,
            last_round_trip_time_variance: self.round_trip.last_variance,
            packet_throttle: self.throttle.value,
            packet_throttle_limit: self.throttle.limit,
            packet_throttle_counter: self.throttle.counter,
            packet_throttle_epoch: self.throttle.epoch.unwrap_or_default(),
            packet_throttle_acceleration: self.throttle.acceleration,
            packet_throttle_deceleration: self.throttle.deceleration,
            packet_throttle_interval: self.throttle.interval,
            refused: self.refused,
            dropped_datagrams: self.decompression.dropped(),
            outgoing_bytes: self.outgoing_bytes,
        }
    }
}

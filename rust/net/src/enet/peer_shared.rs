//! The state of a peer that both threads share.

use super::endpoint::Endpoint;
use lodewire_enet::PeerStatistics;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Overhead charged for an outgoing packet; `lodewire-enet` charges the same.
pub(super) const OUTGOING_OVERHEAD: usize = 64;
/// Overhead charged for a received packet.
pub(super) const PACKET_OVERHEAD: usize = 128;

/// Bits of [`PeerShared::consumed`] that count bytes; the others count packets.
const BYTE_BITS: u32 = 40;

/// Number of [`PeerShared::statistics`]: first those of Godot's `PeerStatistic`, in its order.
pub(super) const STATISTICS: usize = 18;
/// Index of the refused reliable packets.
pub(super) const REFUSED: usize = 14;
/// Index of the outgoing bytes.
pub(super) const OUTGOING: usize = 15;
/// Index of the datagrams that were not decompressed.
pub(super) const DROPPED_DATAGRAMS: usize = 16;
/// Index of the dropped unreliable packets.
pub(super) const DROPPED: usize = 17;

/// The state of a peer that both threads share.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: u32,
    /// The game has requested the connection.
    pub(super) is_dialed: bool,
    pub(super) endpoint: Arc<Endpoint>,
    remote: Mutex<SocketAddr>,
    /// Packets and bytes that the game has read since the I/O thread last asked.
    consumed: AtomicU64,
    /// Bytes of packets that the I/O thread has not taken yet.
    pub(super) queued: AtomicUsize,
    pub(super) mtu: AtomicUsize,
    statistics: [AtomicU64; STATISTICS],
}

impl PeerShared {
    pub(super) fn new(is_dialed: bool, endpoint: Arc<Endpoint>, remote: SocketAddr) -> Self {
        Self {
            id: endpoint.next_id(),
            is_dialed,
            endpoint,
            remote: Mutex::new(remote),
            consumed: AtomicU64::new(0),
            queued: AtomicUsize::new(0),
            mtu: AtomicUsize::new(lodewire_enet::wire::DEFAULT_MTU),
            statistics: Default::default(),
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        *crate::reactor::lock(&self.remote)
    }

    pub(super) fn set_remote(&self, remote: SocketAddr) {
        *crate::reactor::lock(&self.remote) = remote;
    }

    /// Reports packets read by the game, `bytes` bytes in total.
    pub(super) fn consume(&self, packets: usize, bytes: usize) {
        let (packets, bytes) = (packets as u64, bytes as u64);
        self.consumed.fetch_add(packets << BYTE_BITS | bytes, Ordering::Relaxed);
    }

    /// Returns the packets and bytes read since the last call.
    pub(super) fn take_consumed(&self) -> (usize, usize) {
        let consumed = self.consumed.swap(0, Ordering::Relaxed);
        let (packets, bytes) = (consumed >> BYTE_BITS, consumed & ((1 << BYTE_BITS) - 1));
        (usize::try_from(packets).unwrap_or(0), usize::try_from(bytes).unwrap_or(0))
    }

    pub(super) fn statistic(&self, index: usize) -> u64 {
        self.statistics.get(index).map_or(0, |value| value.load(Ordering::Relaxed))
    }

    pub(super) fn count_dropped(&self) {
        self.statistics[DROPPED].fetch_add(1, Ordering::Relaxed);
    }

    /// Publishes the statistics to the game's thread. Times are in microseconds.
    pub(super) fn publish(&self, statistics: &PeerStatistics) {
        let s = statistics;
        let values = [
            s.packet_loss.into(),
            s.packet_loss_variance.into(),
            s.packet_loss_epoch.as_micros(),
            s.round_trip_time,
            s.round_trip_time_variance,
            s.last_round_trip_time,
            s.last_round_trip_time_variance,
            s.packet_throttle.into(),
            s.packet_throttle_limit.into(),
            s.packet_throttle_counter.into(),
            s.packet_throttle_epoch.as_micros(),
            s.packet_throttle_acceleration.into(),
            s.packet_throttle_deceleration.into(),
            s.packet_throttle_interval.into(),
            s.refused,
            s.outgoing_bytes as u64,
            s.dropped_datagrams,
        ];
        for (published, value) in self.statistics.iter().zip(values) {
            published.store(value, Ordering::Relaxed);
        }
    }
}

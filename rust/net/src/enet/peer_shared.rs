//! A peer, as both threads know it.

use super::endpoint::Endpoint;
use lodewire_enet::PeerStatistics;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a packet that waits for the network counts for beside its bytes; `lodewire-enet` counts the same.
pub(super) const OUTGOING_OVERHEAD: usize = 64;
/// The same of one that waits for the game.
pub(super) const PACKET_OVERHEAD: usize = 128;

/// How many bits of [`PeerShared::consumed`] count bytes; the others count packets.
const BYTES: u32 = 40;

/// The figures of a peer that the game may ask for at any time, by their place in [`PeerShared::stats`]: first those of
/// Godot's `PeerStatistic`, in its order.
pub(super) const FIGURES: usize = 18;
/// Reliable packets that there was no room for.
pub(super) const REFUSED: usize = 14;
/// Bytes that wait for the network.
pub(super) const OUTGOING: usize = 15;
/// Datagrams that were not decompressed.
pub(super) const DROPPED_DATAGRAMS: usize = 16;
/// Unreliable packets that made room for newer ones.
pub(super) const DROPPED: usize = 17;

/// A peer, as both threads know it.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: u32,
    /// The game has asked for the connection.
    pub(super) is_dialed: bool,
    pub(super) endpoint: Arc<Endpoint>,
    remote: Mutex<SocketAddr>,
    /// Packets and bytes that the game has taken since the I/O thread looked last.
    consumed: AtomicU64,
    /// Bytes of packets that the I/O thread has not seen yet.
    pub(super) queued: AtomicUsize,
    pub(super) mtu: AtomicUsize,
    stats: [AtomicU64; FIGURES],
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
            stats: Default::default(),
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        *crate::reactor::lock(&self.remote)
    }

    pub(super) fn set_remote(&self, remote: SocketAddr) {
        *crate::reactor::lock(&self.remote) = remote;
    }

    /// The game has taken packets of `bytes` bytes in all.
    pub(super) fn consume(&self, packets: usize, bytes: usize) {
        let (packets, bytes) = (packets as u64, bytes as u64);
        self.consumed.fetch_add(packets << BYTES | bytes, Ordering::Relaxed);
    }

    /// How many packets and bytes it has taken since the last call.
    pub(super) fn take_consumed(&self) -> (usize, usize) {
        let consumed = self.consumed.swap(0, Ordering::Relaxed);
        let (packets, bytes) = (consumed >> BYTES, consumed & ((1 << BYTES) - 1));
        (usize::try_from(packets).unwrap_or(0), usize::try_from(bytes).unwrap_or(0))
    }

    pub(super) fn figure(&self, index: usize) -> u64 {
        self.stats.get(index).map_or(0, |figure| figure.load(Ordering::Relaxed))
    }

    pub(super) fn count_dropped(&self) {
        self.stats[DROPPED].fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the game what is known of the connection's quality. Times are microseconds.
    pub(super) fn publish(&self, statistics: &PeerStatistics) {
        let s = statistics;
        let stats = [
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
        for (figure, value) in self.stats.iter().zip(stats) {
            figure.store(value, Ordering::Relaxed);
        }
    }
}

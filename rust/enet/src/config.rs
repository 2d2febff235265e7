//! The configuration of a host.

use crate::wire::{DEFAULT_MTU, MAX_CHANNEL_COUNT, MAX_MTU, MAX_PACKET_SIZE, MAX_PEERS, MIN_MTU};

/// Minimum budget per peer, half of it guaranteed: a datagram and the overhead of its packets.
const MIN_PER_PEER: usize = 16 << 10;

/// The configuration of a host. Out-of-range values are clamped.
///
/// Later versions may add fields: end a literal with `..HostConfig::default()`.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Maximum number of peers, 1 to 4095, including those that have ended and are not
    /// [released](crate::Host::release_peer).
    pub peers: usize,
    /// Maximum number of channels of accepted connections, 1 to 255.
    pub channel_limit: usize,
    /// Incoming bandwidth in bytes per second; 0 means unlimited.
    pub incoming_bandwidth: u32,
    /// Outgoing bandwidth in bytes per second; 0 means unlimited.
    pub outgoing_bandwidth: u32,
    /// Maximum datagram length, 576 to 4096 bytes, without UDP and IP headers. Each connection uses the smaller MTU of
    /// its two hosts.
    pub mtu: usize,
    /// Adds a CRC-32 to each datagram, as the remote hosts must do as well. Godot does not.
    pub checksum: bool,
    /// Maximum length of a received packet, in bytes.
    pub max_packet_size: usize,
    /// Maximum number of waiting bytes per peer: delivered packets that are not [released], incomplete packets, and
    /// packets that wait for an earlier one. A reliable packet beyond the limit is not acknowledged, so the remote host
    /// repeats it, and finally times out. A single packet of any length is accepted while nothing else waits. Counted
    /// are the bytes received, plus 128 for each packet, 256 for each incomplete one and 96 for each of its fragments.
    ///
    /// [released]: crate::Host::release_capacity
    pub max_waiting_data: usize,
    /// Maximum number of waiting bytes of all peers together, at least 16 KiB for each of [`peers`](Self::peers). There
    /// is no exception to it. Half of it is divided equally among the slots; of the other half, a peer may use as much
    /// as it leaves free.
    pub max_total_waiting_data: usize,
    /// Maximum number of half-open connections, of some 200 bytes each. Beyond it the oldest is dropped.
    pub max_half_open: usize,
    /// Maximum number of half-open connections per IPv4 address or /64 of IPv6. Beyond it the oldest of that address is
    /// dropped if it is at least a second old; otherwise the new one is ignored.
    pub max_half_open_per_address: usize,
}

impl Default for HostConfig {
    /// Returns ENet's defaults, for 32 peers; 8 MiB of waiting data per peer, 512 MiB in total.
    fn default() -> Self {
        Self {
            peers: 32,
            channel_limit: MAX_CHANNEL_COUNT,
            incoming_bandwidth: 0,
            outgoing_bandwidth: 0,
            mtu: DEFAULT_MTU,
            checksum: false,
            max_packet_size: MAX_PACKET_SIZE,
            max_waiting_data: 8 << 20,
            max_total_waiting_data: 512 << 20,
            max_half_open: 32_768,
            max_half_open_per_address: 4096,
        }
    }
}

impl HostConfig {
    /// Clamps every value to its range.
    pub(crate) fn clamped(mut self) -> Self {
        self.peers = self.peers.clamp(1, MAX_PEERS);
        self.channel_limit = self.channel_limit.clamp(1, MAX_CHANNEL_COUNT);
        self.mtu = self.mtu.clamp(MIN_MTU, MAX_MTU);
        self.max_packet_size = self.max_packet_size.min(MAX_PACKET_SIZE);
        self.max_total_waiting_data = self.max_total_waiting_data.max(self.peers * MIN_PER_PEER);
        self.max_half_open = self.max_half_open.max(1);
        self.max_half_open_per_address = self.max_half_open_per_address.max(1);
        self
    }
}

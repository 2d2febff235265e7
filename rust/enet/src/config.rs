//! How a host behaves.

use crate::wire::{DEFAULT_MTU, MAX_CHANNEL_COUNT, MAX_MTU, MAX_PACKET_SIZE, MAX_PEERS, MIN_MTU};

/// What there is at least for the packets of a peer, half of it in any case: a datagram and what its packets take.
const LEAST_PER_PEER: usize = 16 << 10;

/// How a host behaves. What is out of its range is taken as the nearest that is in it.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The most connections at once, 1 to 4095, with those that have ended and are not [released](crate::Host::release_peer).
    pub peers: usize,
    /// The most channels of connections that remote hosts ask for, 1 to 255.
    pub channel_limit: usize,
    /// Bytes a second that this host can take; 0: no limit.
    pub incoming_bandwidth: u32,
    /// Bytes a second that this host sends; 0: no limit.
    pub outgoing_bandwidth: u32,
    /// The longest datagram, 576 to 4096 bytes, without the headers of UDP and IP. Each connection has the smaller one of
    /// its two ends.
    pub mtu: usize,
    /// Protect each datagram with a CRC-32, as the remote hosts must as well. Godot does not.
    pub checksum: bool,
    /// The longest packet that is taken from a peer, in bytes.
    pub max_packet_size: usize,
    /// How many bytes may wait for the caller, per peer: packets that were told and not [released], and those that are
    /// incomplete or wait for an earlier one. A reliable packet beyond it is not acknowledged, so that the remote host
    /// repeats it, and in the end gives up by its own rules. One packet is let in while nothing waits, however long. What
    /// counts is what has come, with 128 bytes for each packet, and 256 for one that is incomplete and 96 for each of its pieces.
    ///
    /// [released]: crate::Host::release_capacity
    pub max_waiting_data: usize,
    /// The same for all peers together, 16 KiB for each of [`peers`](Self::peers) at least, which holds without exception.
    /// Half of it is divided equally among the places; of the other half, a peer may have as much as it leaves free.
    pub max_total_waiting_data: usize,
    /// How many connections may be under way whose remote address is not proven, each some 200 bytes. Beyond it the
    /// oldest is forgotten.
    pub max_half_open: usize,
    /// How many of them a single address may have: an IPv4 address, or a /64 of IPv6. Beyond it the oldest of that address makes
    /// room once it is a second old; until then, new ones are ignored.
    pub max_half_open_per_address: usize,
}

impl Default for HostConfig {
    /// ENet's own defaults, for 32 peers; 8 MiB that wait per peer, 512 MiB for all.
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
    /// The same with every value in its range.
    pub(crate) fn in_range(mut self) -> Self {
        self.peers = self.peers.clamp(1, MAX_PEERS);
        self.channel_limit = self.channel_limit.clamp(1, MAX_CHANNEL_COUNT);
        self.mtu = self.mtu.clamp(MIN_MTU, MAX_MTU);
        self.max_packet_size = self.max_packet_size.min(MAX_PACKET_SIZE);
        self.max_total_waiting_data = self.max_total_waiting_data.max(self.peers * LEAST_PER_PEER);
        self.max_half_open = self.max_half_open.max(1);
        self.max_half_open_per_address = self.max_half_open_per_address.max(1);
        self
    }
}

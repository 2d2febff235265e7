//! The methods that a script calls.

use super::lifecycle::port_of;
use super::{CompressionMode, HostStatistic, LodeENetConnection};
use crate::class_enum::ByNumber;
use crate::enet_packet_peer::{LodeENetPacketPeer, delivery_of};
use godot::prelude::*;
use lodewire_net::enet::Host;
use std::net::{IpAddr, SocketAddr};

#[godot_api(secondary)]
impl LodeENetConnection {
    /// Sets the bandwidths of the host in bytes per second; 0 is unlimited. The peers are informed, and limit their
    /// unreliable packets accordingly.
    #[func]
    fn bandwidth_limit(
        &mut self,
        #[opt(default = 0)] in_bandwidth: i32,
        #[opt(default = 0)] out_bandwidth: i32,
    ) {
        let Some(connection) = self.active("bandwidth_limit") else { return };
        let bandwidths = (u32::try_from(in_bandwidth), u32::try_from(out_bandwidth));
        if let (Ok(incoming), Ok(outgoing)) = bandwidths {
            connection.set_bandwidth(incoming, outgoing);
        } else {
            godot_error!(
                "LodeENetConnection.bandwidth_limit: a bandwidth must be 0, for unlimited, or more."
            );
        }
    }

    /// Sends [param packet] on [param channel] to every connected peer. [param flags] are those of
    /// [LodeENetPacketPeer], for example [constant LodeENetPacketPeer.FLAG_RELIABLE].
    #[func]
    fn broadcast(&mut self, channel: i32, packet: PackedByteArray, flags: i32) {
        const CALLER: &str = "broadcast";
        let Some(connection) = self.active(CALLER) else { return };
        let channels = connection.channel_limit();
        let Some(channel) =
            u8::try_from(channel).ok().filter(|channel| usize::from(*channel) < channels)
        else {
            godot_error!(
                "LodeENetConnection.{CALLER}: invalid channel {channel}. There are {channels}, starting at 0."
            );
            return;
        };
        if let Some(delivery) = delivery_of("LodeENetConnection.broadcast", flags) {
            connection.broadcast(channel, delivery, packet.as_slice().into());
        }
    }

    /// Sets the maximum number of channels of future incoming connections, 1 to 255; any other number means 255.
    #[func]
    fn channel_limit(&mut self, limit: i32) {
        let Some(connection) = self.active("channel_limit") else { return };
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=255).contains(limit));
        connection.set_channel_limit(limit.unwrap_or(255));
    }

    /// Sets the compression of datagrams, a [enum CompressionMode]. Both sides must use the same mode, or they cannot
    /// connect.
    ///
    /// For the small packets of games, [constant COMPRESS_RANGE_CODER] and [constant COMPRESS_ZLIB] save the most
    /// bandwidth, and [constant COMPRESS_FASTLZ] takes the least time.
    #[func]
    fn compress(&mut self, mode: ByNumber<CompressionMode>) {
        if let Some(connection) = self.active("compress") {
            connection.set_compression(mode.0.into());
        }
    }

    /// Sends all queued packets, and returns when they were passed to the system, after a second at most, or
    /// immediately if the network was shut down. Otherwise packets are sent within [member flush_interval].
    #[func]
    fn flush(&mut self) {
        if let Some(connection) = self.active("flush") {
            connection.flush();
        }
    }

    /// Returns the address that the host is bound to: [code]::[/code] or [code]0.0.0.0[/code] for all addresses.
    #[func]
    fn get_local_address(&self) -> GString {
        let connection = self.known("get_local_address");
        connection.map_or_else(GString::new, |connection| {
            GString::from(&connection.local_addr().ip().to_string())
        })
    }

    /// Returns the UDP port that the host is bound to.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.known("get_local_port").map_or(0, |connection| connection.local_addr().port().into())
    }

    /// Returns the maximum number of channels of incoming connections.
    #[func]
    fn get_max_channels(&self) -> i32 {
        let channels = self.known("get_max_channels").map_or(0, Host::channel_limit);
        i32::try_from(channels).unwrap_or(i32::MAX)
    }

    /// Returns the peers of the host, including those that are connecting or disconnecting.
    #[func]
    fn get_peers(&mut self) -> Array<Gd<LodeENetPacketPeer>> {
        let peers = self.known("get_peers").map(Host::peers).unwrap_or_default();
        peers.iter().map(|peer| self.handle(peer)).collect()
    }

    /// Returns and resets a statistic of the host, a [enum HostStatistic].
    #[func]
    fn pop_statistic(&mut self, statistic: ByNumber<HostStatistic>) -> f64 {
        let connection = self.active("pop_statistic");
        connection.map_or(0.0, |connection| connection.pop_statistic(statistic.0.into()).into())
    }

    /// If [param refuse] is [code]true[/code], incoming connections are refused, and the other side is informed.
    /// Existing connections are kept.
    #[func]
    fn refuse_new_connections(&mut self, refuse: bool) {
        if let Some(connection) = self.active("refuse_new_connections") {
            connection.set_refusing(refuse);
        }
    }

    /// Sends a datagram that is not part of the ENet protocol from the host's port. This opens the NAT in front of it
    /// for a connection from [param destination_address] and [param destination_port].
    #[func]
    fn socket_send(
        &mut self,
        destination_address: GString,
        destination_port: i32,
        packet: PackedByteArray,
    ) {
        const CALLER: &str = "LodeENetConnection.socket_send";
        let Some(connection) = self.active("socket_send") else { return };
        let address = destination_address.to_string();
        let Ok(ip) = address.parse::<IpAddr>() else {
            godot_error!("{CALLER}: {address:?} is not an IP address.");
            return;
        };
        if let Some(port) = port_of(CALLER, destination_port) {
            connection.send_raw(SocketAddr::new(ip, port), packet.to_vec());
        }
    }
}

impl LodeENetConnection {
    /// Returns the host, or prints an error.
    fn known(&self, caller: &str) -> Option<&Host> {
        if self.connection.is_none() {
            super::inactive(caller);
        }
        self.connection.as_ref()
    }
}

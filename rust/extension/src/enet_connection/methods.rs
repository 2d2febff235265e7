//! What a script asks of the host.

use super::hosting::port_of;
use super::{CompressionMode, HostStatistic, LodeENetConnection};
use crate::class_enum::ByNumber;
use crate::enet_packet_peer::{LodeENetPacketPeer, delivery_of};
use godot::prelude::*;
use lodewire_net::enet::Connection;
use std::net::{IpAddr, SocketAddr};

#[godot_api(secondary)]
impl LodeENetConnection {
    /// Sets the bandwidths of the host, in bytes a second; 0 is no limit. Peers are told, and send unreliable packets
    /// accordingly.
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
                "LodeENetConnection.bandwidth_limit: a bandwidth is 0, for no limit, or more."
            );
        }
    }

    /// Sends [param packet] on [param channel] to every peer that is connected. [param flags] are those of
    /// [LodeENetPacketPeer], such as [constant LodeENetPacketPeer.FLAG_RELIABLE].
    #[func]
    fn broadcast(&mut self, channel: i32, packet: PackedByteArray, flags: i32) {
        const CALLER: &str = "broadcast";
        let Some(connection) = self.active(CALLER) else { return };
        let channels = connection.channel_limit();
        let Some(channel) =
            u8::try_from(channel).ok().filter(|channel| usize::from(*channel) < channels)
        else {
            godot_error!(
                "LodeENetConnection.{CALLER}: {channel} is no channel. There are {channels}, from 0."
            );
            return;
        };
        if let Some(delivery) = delivery_of("LodeENetConnection.broadcast", flags) {
            connection.broadcast(channel, delivery, packet.as_slice().into());
        }
    }

    /// Sets the most channels of connections that others ask for from now on, 1 to 255; any other number stands for 255.
    #[func]
    fn channel_limit(&mut self, limit: i32) {
        let Some(connection) = self.active("channel_limit") else { return };
        let limit = usize::try_from(limit).ok().filter(|limit| (1..=255).contains(limit));
        connection.set_channel_limit(limit.unwrap_or(255));
    }

    /// Sets how datagrams are compressed, as a [enum CompressionMode]. Both sides must do the same; else no connection comes about.
    ///
    /// For the small packets of a game, the bandwidth saved is greatest with [constant COMPRESS_RANGE_CODER] and
    /// [constant COMPRESS_ZLIB], the time spent is least with [constant COMPRESS_FASTLZ].
    #[func]
    fn compress(&mut self, mode: ByNumber<CompressionMode>) {
        if let Some(connection) = self.active("compress") {
            connection.set_compression(mode.0.into());
        }
    }

    /// Sends what waits to be sent, and returns when the system has it, after a second at most; at once when the network has
    /// been shut down. Without it, that happens within [member flush_interval].
    #[func]
    fn flush(&mut self) {
        if let Some(connection) = self.active("flush") {
            connection.flush();
        }
    }

    /// The address that the host is bound to: [code]::[/code] or [code]0.0.0.0[/code] for all.
    #[func]
    fn get_local_address(&self) -> GString {
        let connection = self.known("get_local_address");
        connection.map_or_else(GString::new, |connection| {
            GString::from(&connection.local_addr().ip().to_string())
        })
    }

    /// The UDP port that the host is bound to.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.known("get_local_port").map_or(0, |connection| connection.local_addr().port().into())
    }

    /// The most channels of connections that others ask for.
    #[func]
    fn get_max_channels(&self) -> i32 {
        let channels = self.known("get_max_channels").map_or(0, Connection::channel_limit);
        i32::try_from(channels).unwrap_or(i32::MAX)
    }

    /// The peers of the host, those included that are connecting or disconnecting.
    #[func]
    fn get_peers(&mut self) -> Array<Gd<LodeENetPacketPeer>> {
        let peers = self.known("get_peers").map(Connection::peers).unwrap_or_default();
        peers.iter().map(|peer| self.handle(peer)).collect()
    }

    /// What the host has counted since this was called last, as a [enum HostStatistic].
    #[func]
    fn pop_statistic(&mut self, statistic: ByNumber<HostStatistic>) -> f64 {
        let connection = self.active("pop_statistic");
        connection.map_or(0.0, |connection| connection.pop_statistic(statistic.0.into()).into())
    }

    /// Refuses connections that others ask for, or no longer: they are told at once. Those that there are go on.
    #[func]
    fn refuse_new_connections(&mut self, refuse: bool) {
        if let Some(connection) = self.active("refuse_new_connections") {
            connection.set_refusing(refuse);
        }
    }

    /// Sends a datagram that is none of ENet's from the host's port. That opens a way through the NAT in front of it, for a
    /// connection that [param destination_address] and [param destination_port] are going to ask for.
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
            godot_error!("{CALLER}: {address:?} is no IP address.");
            return;
        };
        if let Some(port) = port_of(CALLER, destination_port) {
            connection.send_raw(SocketAddr::new(ip, port), packet.to_vec());
        }
    }
}

impl LodeENetConnection {
    /// The host, or an error print.
    fn known(&self, caller: &str) -> Option<&Connection> {
        if self.connection.is_none() {
            super::inactive(caller);
        }
        self.connection.as_ref()
    }
}

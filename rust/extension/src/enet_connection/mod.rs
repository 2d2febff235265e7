//! `LodeENetConnection`.

mod for_multiplayer;
mod handles;
mod hosting;
mod methods;
mod servicing;
mod settings;

use crate::class_enum::class_enum;
use crate::enet_packet_peer::LodeENetPacketPeer;
use crate::monitors::Monitor;
use crate::name_lookup::NameLookup;
use godot::prelude::*;
use handles::Handles;
pub(crate) use hosting::Wanted;
use lodewire_net::enet::{Compression, Connection, HostStatistic as Statistic, Peer};
use settings::{Live, Properties};
use std::cell::RefCell;
use std::rc::Rc;

class_enum! {
    /// How datagrams are compressed.
    pub(crate) enum LodeENetConnection.CompressionMode {
        /// Datagrams are sent as they are. It is the default.
        None = 0 => "COMPRESS_NONE",
        /// ENet's own adaptive range coder: good for small packets, and slow. Of a peer, 8 MiB a second are decompressed and two
        /// bytes for each that comes: [constant LodeENetPacketPeer.PEER_DATAGRAMS_DROPPED].
        RangeCoder = 1 => "COMPRESS_RANGE_CODER",
        /// FastLZ: quick, for packets of some hundred bytes and more.
        FastLz = 2 => "COMPRESS_FASTLZ",
        /// Zlib (deflate): small, and slow.
        Zlib = 3 => "COMPRESS_ZLIB",
        /// Zstandard: nearly as small as zlib, and quicker.
        Zstd = 4 => "COMPRESS_ZSTD",
    }
}

class_enum! {
    /// What an event tells.
    pub(crate) enum LodeENetConnection.EventType {
        /// There is no host, or it cannot go on after an internal error.
        Error = -1 => "EVENT_ERROR",
        /// Nothing has happened since the last call.
        None = 0 => "EVENT_NONE",
        /// A peer is connected: one that has asked this host, or one that this host has asked.
        Connect = 1 => "EVENT_CONNECT",
        /// A peer has disconnected, was lost, or could not be reached: [method LodeENetPacketPeer.get_disconnect_reason].
        Disconnect = 2 => "EVENT_DISCONNECT",
        /// A packet has come: read it with [method PacketPeer.get_packet] of the peer.
        Receive = 3 => "EVENT_RECEIVE",
    }
}

class_enum! {
    /// What a host counts.
    pub(crate) enum LodeENetConnection.HostStatistic {
        /// Bytes that the host has sent, without the headers of UDP and IP.
        SentData = 0 => "HOST_TOTAL_SENT_DATA",
        /// Datagrams that the host has sent.
        SentPackets = 1 => "HOST_TOTAL_SENT_PACKETS",
        /// Bytes that have come to the host, without the headers of UDP and IP.
        ReceivedData = 2 => "HOST_TOTAL_RECEIVED_DATA",
        /// Datagrams that have come to the host.
        ReceivedPackets = 3 => "HOST_TOTAL_RECEIVED_PACKETS",
    }
}

impl From<CompressionMode> for Compression {
    fn from(mode: CompressionMode) -> Self {
        match mode {
            CompressionMode::None => Self::None,
            CompressionMode::RangeCoder => Self::RangeCoder,
            CompressionMode::FastLz => Self::FastLz,
            CompressionMode::Zlib => Self::Zlib,
            CompressionMode::Zstd => Self::Zstd,
        }
    }
}

impl From<HostStatistic> for Statistic {
    fn from(statistic: HostStatistic) -> Self {
        match statistic {
            HostStatistic::SentData => Self::SentData,
            HostStatistic::SentPackets => Self::SentPackets,
            HostStatistic::ReceivedData => Self::ReceivedData,
            HostStatistic::ReceivedPackets => Self::ReceivedPackets,
        }
    }
}

/// An ENet host: connections with reliable and unreliable packets over one UDP port, as [ENetConnection] has them.
///
/// It talks to [ENetConnection] and [ENetMultiplayerPeer] of every Godot, and to every other ENet. The network runs on a
/// thread of its own: what is sent leaves by itself within about a millisecond, packets are acknowledged and repeated while
/// the game loads a level, and [method service] hands over what has come meanwhile.
///
/// What a peer reports, such as [method LodeENetPacketPeer.get_state], changes when [method service] hands over the event;
/// its statistics are of this moment.
/// ```gdscript
/// var server := LodeENetConnection.new()
///
/// func _ready():
///     server.create_host_bound("*", 9080)
///
/// func _process(_delta):
///     var event: Array = server.service()
///     while event[0] != LodeENetConnection.EVENT_NONE:
///         var peer: LodeENetPacketPeer = event[1]
///         match event[0]:
///             LodeENetConnection.EVENT_CONNECT:
///                 print(peer.get_remote_address(), " has joined")
///             LodeENetConnection.EVENT_DISCONNECT:
///                 print("somebody has left")
///             LodeENetConnection.EVENT_RECEIVE:
///                 peer.send(event[3], peer.get_packet(), LodeENetPacketPeer.FLAG_RELIABLE)
///             LodeENetConnection.EVENT_ERROR:
///                 return
///         event = server.service()
/// ```
#[derive(GodotClass)]
#[class(base=RefCounted, init, tool)]
pub(crate) struct LodeENetConnection {
    base: Base<RefCounted>,
    connection: Option<Connection>,
    handles: RefCell<Handles>,
    /// Names that are looked up, the peers that wait for them, and the ports.
    lookups: Vec<(NameLookup, Rc<Peer>, u16)>,
    /// How often `service_all()` was called.
    call: u64,
    /// What of the properties holds now, and how they were then.
    live: Live,
    applied: Properties,
    /// Why it cannot go on; told once.
    failure_told: bool,
    monitor: Monitor,

    /// The longest datagram of connections that begin from now on, 576 to 4096 bytes without the headers of UDP and IP.
    /// A connection has the smaller one of its two ends. Longer packets are sent in pieces.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1392)]
    mtu: i32,

    /// How long what you send may wait for more to share its datagram with, in milliseconds. A full datagram does not
    /// wait, nor does [method flush]. 0 sends at once.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1.0)]
    flush_interval: f64,

    /// How many bytes of a peer's packets may wait for you, each with 128 more. Beyond it the oldest unreliable packets are
    /// dropped ([constant LodeENetPacketPeer.PEER_PACKETS_DROPPED] counts them), and reliable ones are not acknowledged
    /// ([constant LodeENetPacketPeer.PEER_PACKETS_REFUSED]): the other side repeats them, and gives up by its own rules if
    /// there is still no room then. One packet may be longer.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_buffered_bytes: i64,

    /// The same for all peers together, which holds without exception. Half of it is divided among the places for peers; of the
    /// other half, a peer may have as much as it leaves free. It counts when the host is created.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 512 << 20)]
    max_total_buffered_bytes: i64,

    /// How many bytes may wait for the network, per peer: beyond it [method LodeENetPacketPeer.send] returns
    /// [constant ERR_OUT_OF_MEMORY]. One packet may be longer.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 64 << 20)]
    max_outgoing_bytes: i64,

    /// How many seconds a connection that [method connect_to_host] asks for may take, the lookup of a name included; then
    /// [constant EVENT_DISCONNECT] tells that there is none. 0 is as long as the protocol tries, some 31 seconds. Set it
    /// before you connect.
    #[var(usage_flags = [DEFAULT])]
    pub(crate) connect_timeout: f64,

    /// How many clients may be connecting at once before they have answered, which costs some 200 bytes each. The oldest
    /// makes room for the newest. It counts when the host is created.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 32_768)]
    max_half_open: i32,

    /// How many of them may have the same address (for IPv6: the same first 64 bits). It counts when the host is created.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 4096)]
    max_half_open_per_address: i32,

    /// Protect datagrams with a checksum, as other programs with ENet may have it. Godot itself does not: then no
    /// connection comes about. It counts when the host is created.
    #[var(usage_flags = [DEFAULT])]
    use_checksum: bool,

    /// For testing your game: how many milliseconds a datagram is late, on its way out and on its way in. A round trip
    /// takes twice as long. Properties of this kind hold from the next [method service] on.
    #[var(usage_flags = [DEFAULT])]
    simulated_latency: f64,

    /// For testing your game: how many milliseconds later a datagram may be, at random.
    #[var(usage_flags = [DEFAULT])]
    simulated_jitter: f64,

    /// For testing your game: the share of datagrams that are lost, 0 to 1, on their way out and on their way in.
    #[var(usage_flags = [DEFAULT])]
    simulated_loss: f64,

    /// For testing your game: the share of datagrams that come twice, 0 to 1.
    #[var(usage_flags = [DEFAULT])]
    simulated_duplication: f64,

    /// For testing your game: the share of datagrams that later ones overtake, 0 to 1.
    #[var(usage_flags = [DEFAULT])]
    simulated_reordering: f64,
}

impl LodeENetConnection {
    /// The script's object for a peer: the same one each time.
    pub(crate) fn handle(&self, peer: &Rc<Peer>) -> Gd<LodeENetPacketPeer> {
        self.handles.borrow_mut().get(peer)
    }

    /// The host, or an error print.
    fn active(&mut self, caller: &str) -> Option<&mut Connection> {
        if self.connection.is_none() {
            inactive(caller);
        }
        self.connection.as_mut()
    }
}

fn inactive(caller: &str) {
    godot_error!("LodeENetConnection.{caller}: there is no host. Call create_host() first.");
}

#[godot_api]
impl LodeENetConnection {}

//! `LodeENetConnection`.

mod handles;
mod lifecycle;
mod methods;
mod multiplayer;
mod service;
mod settings;

use crate::class_enum::class_enum;
use crate::enet_packet_peer::LodeENetPacketPeer;
use crate::monitors::Monitor;
use crate::name_lookup::NameLookup;
use godot::prelude::*;
use handles::Handles;
pub(crate) use lifecycle::HostParams;
use lodewire_net::enet::{Compression, Host, HostStatistic as Statistic, Peer};
use settings::{PropertyValues, RuntimeSettings};
use std::cell::RefCell;
use std::rc::Rc;

class_enum! {
    /// The compression of datagrams.
    pub(crate) enum LodeENetConnection.CompressionMode {
        /// No compression. This is the default.
        None = 0 => "COMPRESS_NONE",
        /// ENet's own adaptive range coder: effective for small packets, and slow. Per peer, it decompresses at most 8
        /// MiB per second plus two bytes for each byte received: see
        /// [constant LodeENetPacketPeer.PEER_DATAGRAMS_DROPPED].
        RangeCoder = 1 => "COMPRESS_RANGE_CODER",
        /// FastLZ: fast, for packets of some hundred bytes and more.
        FastLz = 2 => "COMPRESS_FASTLZ",
        /// Zlib (deflate): a high compression ratio, and slow.
        Zlib = 3 => "COMPRESS_ZLIB",
        /// Zstandard: a compression ratio close to zlib's, and faster.
        Zstd = 4 => "COMPRESS_ZSTD",
    }
}

class_enum! {
    /// The type of an event of [method service].
    pub(crate) enum LodeENetConnection.EventType {
        /// There is no host, or it has stopped after an internal error.
        Error = -1 => "EVENT_ERROR",
        /// No event since the last call.
        None = 0 => "EVENT_NONE",
        /// A peer has connected, from either side.
        Connect = 1 => "EVENT_CONNECT",
        /// A peer has disconnected, was lost, or could not be reached: see
        /// [method LodeENetPacketPeer.get_disconnect_reason].
        Disconnect = 2 => "EVENT_DISCONNECT",
        /// A packet has arrived: read it with [method PacketPeer.get_packet] of the peer.
        Receive = 3 => "EVENT_RECEIVE",
    }
}

class_enum! {
    /// The statistics of a host.
    pub(crate) enum LodeENetConnection.HostStatistic {
        /// Bytes sent, without the headers of UDP and IP.
        SentData = 0 => "HOST_TOTAL_SENT_DATA",
        /// Datagrams sent.
        SentPackets = 1 => "HOST_TOTAL_SENT_PACKETS",
        /// Bytes received, without the headers of UDP and IP.
        ReceivedData = 2 => "HOST_TOTAL_RECEIVED_DATA",
        /// Datagrams received.
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

/// An ENet host: connections with reliable and unreliable packets over one UDP port, with the interface of
/// [ENetConnection].
///
/// It is compatible with [ENetConnection] and [ENetMultiplayerPeer] of every Godot version, and with other programs
/// that use ENet. The network runs on its own thread: packets are sent within about a millisecond, acknowledged and
/// retransmitted while the game loads a level, and [method service] returns what has arrived meanwhile.
///
/// The state of a peer, such as [method LodeENetPacketPeer.get_state], changes when [method service] returns the event;
/// its statistics are current.
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
    connection: Option<Host>,
    handles: RefCell<Handles>,
    /// Host names that are being resolved, with the waiting peers and the ports.
    lookups: Vec<(NameLookup, Rc<Peer>, u16)>,
    /// The number of calls of `service_all()`.
    call: u64,
    /// The settings that are applied now, and the property values that they were made from.
    live: RuntimeSettings,
    applied: PropertyValues,
    /// Set once an internal failure has been reported.
    failure_reported: bool,
    monitor: Monitor,

    /// The maximum size of a datagram of new connections, from 576 to 4096 bytes, without the headers of UDP and IP. A
    /// connection uses the smaller value of its two sides. Longer packets are sent in fragments.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1392)]
    mtu: i32,

    /// The maximum time in milliseconds that a packet waits for others to share its datagram. A full datagram is sent
    /// immediately, and so is everything with [method flush]. 0 sends packets immediately.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1.0)]
    flush_interval: f64,

    /// The maximum size in bytes of a peer's received packets that you have not read, where each packet counts 128
    /// bytes more than its length. Beyond it, the oldest unreliable packets are dropped
    /// ([constant LodeENetPacketPeer.PEER_PACKETS_DROPPED] counts them), and reliable packets are not acknowledged
    /// ([constant LodeENetPacketPeer.PEER_PACKETS_REFUSED]): the other side retransmits them, and disconnects after its
    /// timeout if there is still no space. A single packet may be longer than the limit.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_buffered_bytes: i64,

    /// The maximum size in bytes of the received packets of all peers together, a strict limit. Half of it is divided
    /// equally among the peer slots; of the other half, a peer may use as much as it leaves free. Used when the host is
    /// created.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 512 << 20)]
    max_total_buffered_bytes: i64,

    /// The maximum size in bytes of the packets that are buffered to be sent to a peer. Beyond it,
    /// [method LodeENetPacketPeer.send] returns [constant ERR_OUT_OF_MEMORY]. A single packet may be longer than the
    /// limit.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 64 << 20)]
    max_outgoing_bytes: i64,

    /// The maximum time in seconds of a connection attempt of [method connect_to_host], including the name lookup.
    /// After it, [constant EVENT_DISCONNECT] is returned. 0 uses the protocol's own limit, about 31 seconds. Set it
    /// before you connect.
    #[var(usage_flags = [DEFAULT])]
    pub(crate) connect_timeout: f64,

    /// The maximum number of clients that are connecting and have not answered yet, each of which uses about 200 bytes.
    /// A new one replaces the oldest. Used when the host is created.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 32_768)]
    max_half_open: i32,

    /// The maximum number of half-open connections of one IP address (for IPv6: of one /64 network). Used when the host
    /// is created.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 4096)]
    max_half_open_per_address: i32,

    /// If [code]true[/code], datagrams have a checksum, as some programs with ENet use it. Godot itself does not use
    /// checksums and cannot connect then. Used when the host is created.
    #[var(usage_flags = [DEFAULT])]
    use_checksum: bool,

    /// For testing your game: delays each datagram by this time in milliseconds, in both directions, so the round-trip
    /// time grows by twice this value. Changes of the [code]simulated_[/code] properties take effect with the next
    /// [method service].
    #[var(usage_flags = [DEFAULT])]
    simulated_latency: f64,

    /// For testing your game: the maximum additional random delay of a datagram, in milliseconds.
    #[var(usage_flags = [DEFAULT])]
    simulated_jitter: f64,

    /// For testing your game: the fraction of datagrams that are lost in each direction, from 0 to 1.
    #[var(usage_flags = [DEFAULT])]
    simulated_loss: f64,

    /// For testing your game: the fraction of datagrams that are duplicated, from 0 to 1.
    #[var(usage_flags = [DEFAULT])]
    simulated_duplication: f64,

    /// For testing your game: the fraction of datagrams that are overtaken by later ones, from 0 to 1.
    #[var(usage_flags = [DEFAULT])]
    simulated_reordering: f64,
}

impl LodeENetConnection {
    /// Returns the script's object for a peer; each call returns the same one.
    pub(crate) fn handle(&self, peer: &Rc<Peer>) -> Gd<LodeENetPacketPeer> {
        self.handles.borrow_mut().get(peer)
    }

    /// Returns the host, or prints an error.
    fn active(&mut self, caller: &str) -> Option<&mut Host> {
        if self.connection.is_none() {
            inactive(caller);
        }
        self.connection.as_mut()
    }
}

fn inactive(caller: &str) {
    godot_error!("LodeENetConnection.{caller}: no host. Call create_host() first.");
}

#[godot_api]
impl LodeENetConnection {}

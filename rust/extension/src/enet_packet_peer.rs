//! `LodeENetPacketPeer`.

use crate::class_enum::{ByNumber, class_enum};
use crate::packet_buffer::{self, PacketBuffer};
use godot::classes::{IPacketPeerExtension, PacketPeerExtension};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use lodewire_net::enet::{
    Delivery, Peer, PeerState as State, PeerStatistic as Statistic, Received, SendError,
};
use std::rc::Rc;
use std::sync::Arc;

/// The longest packet, as in the engine.
const MAXIMUM_PACKET_SIZE: i32 = 1 << 24;

class_enum! {
    /// How far the connection has come.
    pub(crate) enum LodeENetPacketPeer.PeerState {
        /// There is none.
        Disconnected = 0 => "STATE_DISCONNECTED",
        /// This side has asked for it.
        Connecting = 1 => "STATE_CONNECTING",
        /// The other side has asked for it.
        AcknowledgingConnect = 2 => "STATE_ACKNOWLEDGING_CONNECT",
        /// It is about to be there.
        ConnectionPending = 3 => "STATE_CONNECTION_PENDING",
        /// It is about to be there.
        ConnectionSucceeded = 4 => "STATE_CONNECTION_SUCCEEDED",
        /// Packets go both ways.
        Connected = 5 => "STATE_CONNECTED",
        /// It ends once what waits has arrived.
        DisconnectLater = 6 => "STATE_DISCONNECT_LATER",
        /// This side has ended it.
        Disconnecting = 7 => "STATE_DISCONNECTING",
        /// The other side has ended it.
        AcknowledgingDisconnect = 8 => "STATE_ACKNOWLEDGING_DISCONNECT",
        /// It has ended.
        Zombie = 9 => "STATE_ZOMBIE",
    }
}

class_enum! {
    /// What is known of the connection's quality.
    pub(crate) enum LodeENetPacketPeer.PeerStatistic {
        /// The mean share of reliable packets that were lost, of [constant PACKET_LOSS_SCALE].
        PacketLoss = 0 => "PEER_PACKET_LOSS",
        /// The mean deviation of that.
        PacketLossVariance = 1 => "PEER_PACKET_LOSS_VARIANCE",
        /// When the loss was last found, in milliseconds since the host began.
        PacketLossEpoch = 2 => "PEER_PACKET_LOSS_EPOCH",
        /// The mean round-trip time, in milliseconds.
        RoundTripTime = 3 => "PEER_ROUND_TRIP_TIME",
        /// The mean deviation of that.
        RoundTripTimeVariance = 4 => "PEER_ROUND_TRIP_TIME_VARIANCE",
        /// The lowest round-trip time of the throttle's last interval.
        LastRoundTripTime = 5 => "PEER_LAST_ROUND_TRIP_TIME",
        /// The highest deviation of that interval.
        LastRoundTripTimeVariance = 6 => "PEER_LAST_ROUND_TRIP_TIME_VARIANCE",
        /// How many unreliable packets are sent, of [constant PACKET_THROTTLE_SCALE].
        PacketThrottle = 7 => "PEER_PACKET_THROTTLE",
        /// The most of them, by the bandwidths.
        PacketThrottleLimit = 8 => "PEER_PACKET_THROTTLE_LIMIT",
        /// The throttle's counter.
        PacketThrottleCounter = 9 => "PEER_PACKET_THROTTLE_COUNTER",
        /// When the throttle's interval began.
        PacketThrottleEpoch = 10 => "PEER_PACKET_THROTTLE_EPOCH",
        /// The throttle's acceleration.
        PacketThrottleAcceleration = 11 => "PEER_PACKET_THROTTLE_ACCELERATION",
        /// The throttle's deceleration.
        PacketThrottleDeceleration = 12 => "PEER_PACKET_THROTTLE_DECELERATION",
        /// The throttle's interval, in milliseconds.
        PacketThrottleInterval = 13 => "PEER_PACKET_THROTTLE_INTERVAL",
        /// Reliable packets, or pieces of them, that came while too much waited for you: see
        /// [member LodeENetConnection.max_buffered_bytes]. Not in [ENetPacketPeer].
        PacketsRefused = 14 => "PEER_PACKETS_REFUSED",
        /// Unreliable packets that were dropped since too much waited for you. Not in [ENetPacketPeer].
        PacketsDropped = 15 => "PEER_PACKETS_DROPPED",
        /// Datagrams that were dropped since the range coder ([constant LodeENetConnection.COMPRESS_RANGE_CODER]) may not take
        /// more time for this peer: their reliable packets come again, the others are lost. Not in [ENetPacketPeer].
        DatagramsDropped = 16 => "PEER_DATAGRAMS_DROPPED",
    }
}

impl From<PeerStatistic> for Statistic {
    fn from(statistic: PeerStatistic) -> Self {
        match statistic {
            PeerStatistic::PacketLoss => Self::PacketLoss,
            PeerStatistic::PacketLossVariance => Self::PacketLossVariance,
            PeerStatistic::PacketLossEpoch => Self::PacketLossEpoch,
            PeerStatistic::RoundTripTime => Self::RoundTripTime,
            PeerStatistic::RoundTripTimeVariance => Self::RoundTripTimeVariance,
            PeerStatistic::LastRoundTripTime => Self::LastRoundTripTime,
            PeerStatistic::LastRoundTripTimeVariance => Self::LastRoundTripTimeVariance,
            PeerStatistic::PacketThrottle => Self::PacketThrottle,
            PeerStatistic::PacketThrottleLimit => Self::PacketThrottleLimit,
            PeerStatistic::PacketThrottleCounter => Self::PacketThrottleCounter,
            PeerStatistic::PacketThrottleEpoch => Self::PacketThrottleEpoch,
            PeerStatistic::PacketThrottleAcceleration => Self::PacketThrottleAcceleration,
            PeerStatistic::PacketThrottleDeceleration => Self::PacketThrottleDeceleration,
            PeerStatistic::PacketThrottleInterval => Self::PacketThrottleInterval,
            PeerStatistic::PacketsRefused => Self::Refused,
            PeerStatistic::PacketsDropped => Self::Dropped,
            PeerStatistic::DatagramsDropped => Self::DroppedDatagrams,
        }
    }
}

impl From<State> for PeerState {
    fn from(state: State) -> Self {
        match state {
            State::Disconnected => Self::Disconnected,
            State::Connecting => Self::Connecting,
            State::AcknowledgingConnect => Self::AcknowledgingConnect,
            State::ConnectionPending => Self::ConnectionPending,
            State::ConnectionSucceeded => Self::ConnectionSucceeded,
            State::Connected => Self::Connected,
            State::DisconnectLater => Self::DisconnectLater,
            State::Disconnecting => Self::Disconnecting,
            State::AcknowledgingDisconnect => Self::AcknowledgingDisconnect,
            State::Zombie => Self::Zombie,
        }
    }
}

/// The other side of a connection of a [LodeENetConnection], as [ENetPacketPeer] is.
///
/// You get it from [method LodeENetConnection.connect_to_host] and from the events of [method LodeENetConnection.service].
/// Packets are read and written with [method PacketPeer.get_packet], [method PacketPeer.put_packet] (channel 0, reliable)
/// and [method send].
///
/// You may keep it after the connection has ended: packets that were not read stay readable.
/// ```gdscript
/// func _on_peer_received(peer: LodeENetPacketPeer):
///     while peer.get_available_packet_count() > 0:
///         var channel = peer.get_packet_channel()
///         var packet = peer.get_packet()
///         peer.send(channel, packet, LodeENetPacketPeer.FLAG_RELIABLE)
///     print(peer.get_statistic(LodeENetPacketPeer.PEER_ROUND_TRIP_TIME), " ms")
/// ```
#[derive(GodotClass)]
#[class(base=PacketPeerExtension, no_init, tool)]
pub(crate) struct LodeENetPacketPeer {
    base: Base<PacketPeerExtension>,
    peer: Rc<Peer>,
    packet: PacketBuffer<Box<[u8]>>,
}

/// The delivery that a script's flags stand for, or an error print.
pub(crate) fn delivery_of(caller: &str, flags: i32) -> Option<Delivery> {
    const ALL: u8 = Delivery::RELIABLE | Delivery::UNSEQUENCED | Delivery::UNRELIABLE_FRAGMENT;
    let known = u8::try_from(flags).ok().filter(|flags| flags & !ALL == 0);
    if known.is_none() {
        godot_error!("{caller}: {flags} are no flags. Use those of LodeENetPacketPeer, or 0.");
    }
    known.map(Delivery::from_flags)
}

impl LodeENetPacketPeer {
    pub(crate) fn create(peer: Rc<Peer>) -> Gd<Self> {
        Gd::from_init_fn(|base| Self { base, peer, packet: PacketBuffer::default() })
    }

    /// Whether there is a connection; if not, the script is told.
    fn active(&self, caller: &str) -> bool {
        let active = self.peer.is_active();
        if !active {
            godot_error!("LodeENetPacketPeer.{caller}: the connection has ended.");
        }
        active
    }

    fn send_packet(&self, channel: i32, delivery: Delivery, data: Arc<[u8]>) -> Error {
        let channel = u8::try_from(channel).unwrap_or(u8::MAX);
        match self.peer.send(channel, delivery, data) {
            Ok(()) => Error::OK,
            Err(SendError::NotConnected) => Error::FAILED,
            Err(SendError::NoSuchChannel | SendError::TooLong) => Error::ERR_INVALID_PARAMETER,
            Err(SendError::Full) => Error::ERR_OUT_OF_MEMORY,
        }
    }
}

#[godot_api]
impl LodeENetPacketPeer {
    /// The scale of [constant PEER_PACKET_LOSS]: all packets are lost.
    #[constant]
    const PACKET_LOSS_SCALE: i32 = 65536;
    /// The scale of [constant PEER_PACKET_THROTTLE]: no packet is dropped.
    #[constant]
    const PACKET_THROTTLE_SCALE: i32 = 32;
    /// The packet arrives, once and in the order of its channel.
    #[constant]
    const FLAG_RELIABLE: i32 = 1;
    /// The packet may be lost, and arrives in any order.
    #[constant]
    const FLAG_UNSEQUENCED: i32 = 2;
    /// The packet may be lost also if it is longer than a datagram; without this flag it is then sent reliably.
    #[constant]
    const FLAG_UNRELIABLE_FRAGMENT: i32 = 8;

    /// How many channels the connection has.
    #[func]
    fn get_channels(&self) -> i32 {
        i32::try_from(self.peer.channels()).unwrap_or(i32::MAX)
    }

    /// Why the connection has ended, in words; empty if one of the two sides asked for it. Not in [ENetPacketPeer].
    #[func]
    fn get_disconnect_reason(&self) -> GString {
        GString::from(&self.peer.reason())
    }

    /// The channel of the packet that [method PacketPeer.get_packet] reads next, or of the last that was read. Not in
    /// [ENetPacketPeer].
    #[func]
    fn get_packet_channel(&self) -> i32 {
        self.peer.packet_channel().into()
    }

    /// The flags of the packet that [method PacketPeer.get_packet] reads next, or of the last that was read.
    #[func]
    fn get_packet_flags(&self) -> i32 {
        self.peer.packet_flags().into()
    }

    /// All packets that wait, in their order: the same as [method PacketPeer.get_packet] until none is left, in one call.
    /// Not in [ENetPacketPeer].
    #[func]
    fn get_packets(&mut self) -> Array<PackedByteArray> {
        let received = self.peer.receive_all();
        let bytes = |packet: &Received| PackedByteArray::from(&packet.data[..]);
        let packets: Vec<_> = received.iter().map(bytes).collect();
        // At once: one by one takes twice as long.
        Array::from(&packets[..])
    }

    /// The IP address of the other side.
    #[func]
    fn get_remote_address(&self) -> GString {
        GString::from(&self.peer.remote().ip().to_string())
    }

    /// The port of the other side.
    #[func]
    fn get_remote_port(&self) -> i32 {
        self.peer.remote().port().into()
    }

    /// How far the connection has come, as [method LodeENetConnection.service] has told.
    #[func]
    fn get_state(&self) -> PeerState {
        self.peer.state().into()
    }

    /// What is known of the connection's quality, as of this moment, by a [enum PeerStatistic]. Times are milliseconds, with fractions: they are
    /// measured on the network's thread, so that frames do not matter.
    #[func]
    fn get_statistic(&mut self, statistic: ByNumber<PeerStatistic>) -> f64 {
        self.peer.statistic(statistic.0.into())
    }

    /// Whether there is a connection, or one begins or ends.
    #[func]
    fn is_active(&self) -> bool {
        self.peer.is_active()
    }

    /// Ends the connection. [constant LodeENetConnection.EVENT_DISCONNECT] follows when the other side has confirmed it,
    /// which is told [param data]. What waits to be sent is dropped.
    #[func]
    fn peer_disconnect(&mut self, #[opt(default = 0)] data: i32) {
        if self.active("peer_disconnect") {
            self.peer.disconnect(data.cast_unsigned());
        }
    }

    /// Ends the connection when what was sent has arrived.
    #[func]
    fn peer_disconnect_later(&mut self, #[opt(default = 0)] data: i32) {
        if self.active("peer_disconnect_later") {
            self.peer.disconnect_later(data.cast_unsigned());
        }
    }

    /// Ends the connection at once and without an event. The other side is told so once; if that is lost, it finds out by
    /// its time-out.
    #[func]
    fn peer_disconnect_now(&mut self, #[opt(default = 0)] data: i32) {
        if self.active("peer_disconnect_now") {
            self.peer.disconnect_now(data.cast_unsigned());
        }
    }

    /// Asks the other side whether it is there, which also measures the round-trip time. That happens by itself while
    /// nothing else is sent: see [method ping_interval].
    #[func]
    fn ping(&mut self) {
        if self.active("ping") {
            self.peer.ping();
        }
    }

    /// Sets how often the other side is asked whether it is there while nothing else is sent, in milliseconds. 0 stands for
    /// 500.
    #[func]
    fn ping_interval(&mut self, ping_interval: i32) {
        if self.active("ping_interval") {
            self.peer.set_ping_interval(u32::try_from(ping_interval).unwrap_or(0));
        }
    }

    /// Forgets the connection. The other side is told nothing, and finds out by its time-out. There is no event.
    #[func]
    fn reset(&mut self) {
        if self.active("reset") {
            self.peer.reset();
        }
    }

    /// Sends [param packet] on [param channel], as [param flags] say: [constant FLAG_RELIABLE],
    /// [constant FLAG_UNSEQUENCED], [constant FLAG_UNRELIABLE_FRAGMENT] or 0. It leaves by itself within about a
    /// millisecond.
    ///
    /// Returns [constant ERR_UNCONFIGURED] if the connection has ended, [constant FAILED] if it is not there yet or ends,
    /// [constant ERR_INVALID_PARAMETER] for a channel that it does not have or other flags, and
    /// [constant ERR_OUT_OF_MEMORY] if too much waits to be sent: see [member LodeENetConnection.max_outgoing_bytes].
    #[func]
    fn send(&mut self, channel: i32, packet: PackedByteArray, flags: i32) -> Error {
        if !self.peer.is_active() {
            return Error::ERR_UNCONFIGURED;
        }
        let channels = self.peer.channels();
        if usize::try_from(channel).ok().is_none_or(|channel| channel >= channels) {
            godot_error!(
                "LodeENetPacketPeer.send: {channel} is no channel. There are {channels}, from 0."
            );
            return Error::ERR_INVALID_PARAMETER;
        }
        match delivery_of("LodeENetPacketPeer.send", flags) {
            Some(delivery) => self.send_packet(channel, delivery, packet.as_slice().into()),
            None => Error::ERR_INVALID_PARAMETER,
        }
    }

    /// Sets when the other side is given up: when the time-out of a packet has grown by the factor [param timeout] and the
    /// oldest that is not acknowledged has waited for [param timeout_min] milliseconds, or when that has waited for
    /// [param timeout_max]. Zeros stand for 32, 5000 and 30000.
    #[func]
    fn set_timeout(&mut self, timeout: i32, timeout_min: i32, timeout_max: i32) {
        if !self.active("set_timeout") {
            return;
        }
        let numbers = [timeout, timeout_min, timeout_max].map(u32::try_from);
        match numbers {
            [Ok(limit), Ok(minimum), Ok(maximum)] if limit <= minimum && minimum <= maximum => {
                self.peer.set_timeout(limit, minimum, maximum);
            }
            _ => godot_error!(
                "LodeENetPacketPeer.set_timeout: timeout must be 0 or more, timeout_min at least as much, and timeout_max at least that."
            ),
        }
    }

    /// Sets how unreliable packets are dropped when the connection gets worse, at both sides: over [param interval]
    /// milliseconds the lowest round-trip time is found; by [param acceleration] of [constant PACKET_THROTTLE_SCALE] more
    /// of them are sent while it is better than that, by [param deceleration] fewer while it is much worse.
    #[func]
    fn throttle_configure(&mut self, interval: i32, acceleration: i32, deceleration: i32) {
        if !self.active("throttle_configure") {
            return;
        }
        let numbers = [interval, acceleration, deceleration].map(u32::try_from);
        if let [Ok(interval), Ok(acceleration), Ok(deceleration)] = numbers {
            self.peer.configure_throttle(interval, acceleration, deceleration);
        } else {
            godot_error!("LodeENetPacketPeer.throttle_configure: the numbers must be 0 or more.");
        }
    }
}

#[godot_api]
impl IPacketPeerExtension for LodeENetPacketPeer {
    fn get_available_packet_count(&self) -> i32 {
        i32::try_from(self.peer.available()).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAXIMUM_PACKET_SIZE
    }

    unsafe fn get_packet_rawptr(
        &mut self,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        let packet = self.peer.receive().map(|received| received.data);
        let otherwise =
            if self.peer.is_active() { Error::ERR_UNAVAILABLE } else { Error::ERR_UNCONFIGURED };
        // SAFETY: the pointers are the engine's own.
        unsafe { self.packet.answer(packet, otherwise, buffer, size) }
    }

    unsafe fn put_packet_rawptr(&mut self, buffer: RawPtr<*const u8>, size: i32) -> Error {
        if !self.peer.is_active() {
            return Error::ERR_UNCONFIGURED;
        }
        // SAFETY: the pointer and the size are the engine's own.
        let packet = unsafe { packet_buffer::copy(buffer, size) };
        self.send_packet(0, Delivery::Reliable, packet)
    }
}

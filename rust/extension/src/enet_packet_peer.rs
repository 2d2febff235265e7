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

/// Maximum size of a packet, as in the engine.
const MAX_PACKET_SIZE: i32 = 1 << 24;

class_enum! {
    /// The connection state.
    pub(crate) enum LodeENetPacketPeer.PeerState {
        /// There is no connection.
        Disconnected = 0 => "STATE_DISCONNECTED",
        /// This side has requested the connection.
        Connecting = 1 => "STATE_CONNECTING",
        /// The other side has requested the connection.
        AcknowledgingConnect = 2 => "STATE_ACKNOWLEDGING_CONNECT",
        /// The connection is being established.
        ConnectionPending = 3 => "STATE_CONNECTION_PENDING",
        /// The connection is established, and not reported yet.
        ConnectionSucceeded = 4 => "STATE_CONNECTION_SUCCEEDED",
        /// The connection is open: packets can be sent and received.
        Connected = 5 => "STATE_CONNECTED",
        /// The connection closes after all queued packets have been delivered.
        DisconnectLater = 6 => "STATE_DISCONNECT_LATER",
        /// This side has disconnected, and waits for the acknowledgement.
        Disconnecting = 7 => "STATE_DISCONNECTING",
        /// The other side has disconnected.
        AcknowledgingDisconnect = 8 => "STATE_ACKNOWLEDGING_DISCONNECT",
        /// The connection has ended.
        Zombie = 9 => "STATE_ZOMBIE",
    }
}

class_enum! {
    /// The statistics of a connection.
    pub(crate) enum LodeENetPacketPeer.PeerStatistic {
        /// Mean packet loss of reliable packets, as a fraction of [constant PACKET_LOSS_SCALE].
        PacketLoss = 0 => "PEER_PACKET_LOSS",
        /// Mean deviation of the packet loss.
        PacketLossVariance = 1 => "PEER_PACKET_LOSS_VARIANCE",
        /// The time of the last measurement of the packet loss, in milliseconds since the host was created.
        PacketLossEpoch = 2 => "PEER_PACKET_LOSS_EPOCH",
        /// Mean round-trip time, in milliseconds.
        RoundTripTime = 3 => "PEER_ROUND_TRIP_TIME",
        /// Mean deviation of the round-trip time.
        RoundTripTimeVariance = 4 => "PEER_ROUND_TRIP_TIME_VARIANCE",
        /// Lowest round-trip time in the last throttle interval.
        LastRoundTripTime = 5 => "PEER_LAST_ROUND_TRIP_TIME",
        /// Highest deviation of the round-trip time in that interval.
        LastRoundTripTimeVariance = 6 => "PEER_LAST_ROUND_TRIP_TIME_VARIANCE",
        /// The fraction of unreliable packets that are sent, of [constant PACKET_THROTTLE_SCALE].
        PacketThrottle = 7 => "PEER_PACKET_THROTTLE",
        /// Maximum of the packet throttle, from the bandwidths.
        PacketThrottleLimit = 8 => "PEER_PACKET_THROTTLE_LIMIT",
        /// The counter of the packet throttle.
        PacketThrottleCounter = 9 => "PEER_PACKET_THROTTLE_COUNTER",
        /// The start of the throttle interval.
        PacketThrottleEpoch = 10 => "PEER_PACKET_THROTTLE_EPOCH",
        /// The acceleration of the packet throttle.
        PacketThrottleAcceleration = 11 => "PEER_PACKET_THROTTLE_ACCELERATION",
        /// The deceleration of the packet throttle.
        PacketThrottleDeceleration = 12 => "PEER_PACKET_THROTTLE_DECELERATION",
        /// The throttle interval, in milliseconds.
        PacketThrottleInterval = 13 => "PEER_PACKET_THROTTLE_INTERVAL",
        /// Reliable packets, or fragments of them, that arrived while the receive buffer was full: see
        /// [member LodeENetConnection.max_buffered_bytes]. Not in [ENetPacketPeer].
        PacketsRefused = 14 => "PEER_PACKETS_REFUSED",
        /// Unreliable packets that were dropped because the receive buffer was full. Not in [ENetPacketPeer].
        PacketsDropped = 15 => "PEER_PACKETS_DROPPED",
        /// Datagrams that were dropped because this peer has used up the time of the range coder
        /// ([constant LodeENetConnection.COMPRESS_RANGE_CODER]): their reliable packets are retransmitted, the others
        /// are lost. Not in [ENetPacketPeer].
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

/// The remote side of a connection of a [LodeENetConnection], with the interface of [ENetPacketPeer].
///
/// [method LodeENetConnection.connect_to_host] returns it, and so do the events of [method LodeENetConnection.service].
/// Packets are read and written with [method PacketPeer.get_packet], [method PacketPeer.put_packet] (channel 0,
/// reliable) and [method send].
///
/// You can keep the object after the connection has ended: unread packets remain readable.
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

/// Returns the delivery mode for a script's flags, or prints an error.
pub(crate) fn delivery_of(caller: &str, flags: i32) -> Option<Delivery> {
    const ALL: u8 = Delivery::RELIABLE | Delivery::UNSEQUENCED | Delivery::UNRELIABLE_FRAGMENT;
    let known = u8::try_from(flags).ok().filter(|flags| flags & !ALL == 0);
    if known.is_none() {
        godot_error!(
            "{caller}: invalid flags {flags}. Use the FLAG_ constants of LodeENetPacketPeer, or 0."
        );
    }
    known.map(Delivery::from_flags)
}

impl LodeENetPacketPeer {
    pub(crate) fn create(peer: Rc<Peer>) -> Gd<Self> {
        Gd::from_init_fn(|base| Self { base, peer, packet: PacketBuffer::default() })
    }

    /// Returns true if there is a connection; otherwise prints an error.
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
    /// The scale of [constant PEER_PACKET_LOSS]: this value means that all packets are lost.
    #[constant]
    const PACKET_LOSS_SCALE: i32 = 65536;
    /// The scale of [constant PEER_PACKET_THROTTLE]: this value means that no packet is dropped.
    #[constant]
    const PACKET_THROTTLE_SCALE: i32 = 32;
    /// The packet is delivered, exactly once and in the order of its channel.
    #[constant]
    const FLAG_RELIABLE: i32 = 1;
    /// The packet may be lost, and may arrive out of order.
    #[constant]
    const FLAG_UNSEQUENCED: i32 = 2;
    /// The packet may be lost even if it is larger than a datagram. Without this flag, such a packet is sent reliably.
    #[constant]
    const FLAG_UNRELIABLE_FRAGMENT: i32 = 8;

    /// Returns the number of channels of the connection.
    #[func]
    fn get_channels(&self) -> i32 {
        i32::try_from(self.peer.channels()).unwrap_or(i32::MAX)
    }

    /// Returns why the connection ended, as a message; empty if one of the two sides has disconnected. Not in
    /// [ENetPacketPeer].
    #[func]
    fn get_disconnect_reason(&self) -> GString {
        GString::from(&self.peer.reason())
    }

    /// Returns the channel of the packet that [method PacketPeer.get_packet] returns next, or of the last one that was
    /// read. Not in [ENetPacketPeer].
    #[func]
    fn get_packet_channel(&self) -> i32 {
        self.peer.packet_channel().into()
    }

    /// Returns the flags of the packet that [method PacketPeer.get_packet] returns next, or of the last one that was
    /// read.
    #[func]
    fn get_packet_flags(&self) -> i32 {
        self.peer.packet_flags().into()
    }

    /// Returns all available packets in order, like calling [method PacketPeer.get_packet] until none is left. Not in
    /// [ENetPacketPeer].
    #[func]
    fn get_packets(&mut self) -> Array<PackedByteArray> {
        let received = self.peer.receive_all();
        let bytes = |packet: &Received| PackedByteArray::from(&packet.data[..]);
        let packets: Vec<_> = received.iter().map(bytes).collect();
        // In one call: appending them one by one takes twice as long.
        Array::from(&packets[..])
    }

    /// Returns the IP address of the other side.
    #[func]
    fn get_remote_address(&self) -> GString {
        GString::from(&self.peer.remote().ip().to_string())
    }

    /// Returns the port of the other side.
    #[func]
    fn get_remote_port(&self) -> i32 {
        self.peer.remote().port().into()
    }

    /// Returns the connection state, as reported by [method LodeENetConnection.service].
    #[func]
    fn get_state(&self) -> PeerState {
        self.peer.state().into()
    }

    /// Returns the current value of a statistic, a [enum PeerStatistic]. Times are in milliseconds, with fractions.
    /// They are measured on the network thread, so the frame rate does not affect them.
    #[func]
    fn get_statistic(&mut self, statistic: ByNumber<PeerStatistic>) -> f64 {
        self.peer.statistic(statistic.0.into())
    }

    /// Returns [code]true[/code] if the connection is open, being established or closing.
    #[func]
    fn is_active(&self) -> bool {
        self.peer.is_active()
    }

    /// Disconnects. The other side receives [param data], and [constant LodeENetConnection.EVENT_DISCONNECT] is
    /// returned when it has acknowledged. Packets that have not been sent are dropped.
    #[func]
    fn peer_disconnect(&mut self, #[opt(default = 0)] data: i32) {
        if self.active("peer_disconnect") {
            self.peer.disconnect(data.cast_unsigned());
        }
    }

    /// Disconnects after all queued packets have been delivered.
    #[func]
    fn peer_disconnect_later(&mut self, #[opt(default = 0)] data: i32) {
        if self.active("peer_disconnect_later") {
            self.peer.disconnect_later(data.cast_unsigned());
        }
    }

    /// Disconnects immediately, without an event. The other side is informed once; if that datagram is lost, it
    /// disconnects after its timeout.
    #[func]
    fn peer_disconnect_now(&mut self, #[opt(default = 0)] data: i32) {
        if self.active("peer_disconnect_now") {
            self.peer.disconnect_now(data.cast_unsigned());
        }
    }

    /// Sends a ping, which also measures the round-trip time. Pings are sent automatically while nothing else is sent:
    /// see [method ping_interval].
    #[func]
    fn ping(&mut self) {
        if self.active("ping") {
            self.peer.ping();
        }
    }

    /// Sets the interval of the pings that are sent while nothing else is sent, in milliseconds. 0 means 500.
    #[func]
    fn ping_interval(&mut self, ping_interval: i32) {
        if self.active("ping_interval") {
            self.peer.set_ping_interval(u32::try_from(ping_interval).unwrap_or(0));
        }
    }

    /// Drops the connection without informing the other side, which disconnects after its timeout. There is no event.
    #[func]
    fn reset(&mut self) {
        if self.active("reset") {
            self.peer.reset();
        }
    }

    /// Sends [param packet] on [param channel] with [param flags]: [constant FLAG_RELIABLE],
    /// [constant FLAG_UNSEQUENCED], [constant FLAG_UNRELIABLE_FRAGMENT] or 0. It is sent within about a millisecond.
    ///
    /// Returns [constant ERR_UNCONFIGURED] if the connection has ended, [constant FAILED] if it is being established or
    /// closing, [constant ERR_INVALID_PARAMETER] if the channel does not exist or the flags are invalid, and
    /// [constant ERR_OUT_OF_MEMORY] if the send buffer is full: see [member LodeENetConnection.max_outgoing_bytes].
    #[func]
    fn send(&mut self, channel: i32, packet: PackedByteArray, flags: i32) -> Error {
        if !self.peer.is_active() {
            return Error::ERR_UNCONFIGURED;
        }
        let channels = self.peer.channels();
        if usize::try_from(channel).ok().is_none_or(|channel| channel >= channels) {
            godot_error!(
                "LodeENetPacketPeer.send: invalid channel {channel}. There are {channels}, starting at 0."
            );
            return Error::ERR_INVALID_PARAMETER;
        }
        match delivery_of("LodeENetPacketPeer.send", flags) {
            Some(delivery) => self.send_packet(channel, delivery, packet.as_slice().into()),
            None => Error::ERR_INVALID_PARAMETER,
        }
    }

    /// Sets the timeouts of the connection. It ends when the timeout of a packet has grown by the factor
    /// [param timeout] and the oldest unacknowledged packet is older than [param timeout_min] milliseconds, or when
    /// that packet is older than [param timeout_max] milliseconds. Zeros mean 32, 5000 and 30000.
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
                "LodeENetPacketPeer.set_timeout: timeout must be 0 or more, timeout_min at least timeout, and timeout_max at least timeout_min."
            ),
        }
    }

    /// Configures how unreliable packets are dropped when the connection gets worse, on both sides. The lowest
    /// round-trip time is measured over [param interval] milliseconds. While it is better than before,
    /// [param acceleration] of [constant PACKET_THROTTLE_SCALE] more packets are sent; while it is much worse,
    /// [param deceleration] fewer.
    #[func]
    fn throttle_configure(&mut self, interval: i32, acceleration: i32, deceleration: i32) {
        if !self.active("throttle_configure") {
            return;
        }
        let numbers = [interval, acceleration, deceleration].map(u32::try_from);
        if let [Ok(interval), Ok(acceleration), Ok(deceleration)] = numbers {
            self.peer.configure_throttle(interval, acceleration, deceleration);
        } else {
            godot_error!("LodeENetPacketPeer.throttle_configure: the arguments must be 0 or more.");
        }
    }
}

#[godot_api]
impl IPacketPeerExtension for LodeENetPacketPeer {
    fn get_available_packet_count(&self) -> i32 {
        i32::try_from(self.peer.available()).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAX_PACKET_SIZE
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

//! `LodeWebSocketPeer`.

use crate::class_enum::{ByNumber, class_enum};
use crate::packet_buffer::{self, PacketBuffer};
use crate::websocket_request::LodeWebSocketRequest;
use godot::classes::{IPacketPeerExtension, PacketPeerExtension};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use lodewire_net::websocket::{
    CloseCode, MAX_CLOSE_REASON, MessageKind, OutgoingMessage, Peer, PeerState, SendError,
};
use std::rc::Rc;

class_enum! {
    /// The message type that [method PacketPeer.put_packet] sends.
    pub(crate) enum LodeWebSocketPeer.WriteMode {
        /// [method PacketPeer.put_packet] sends text messages, which must be UTF-8.
        Text = 0 => "WRITE_MODE_TEXT",
        /// [method PacketPeer.put_packet] sends binary messages. This is the default.
        Binary = 1 => "WRITE_MODE_BINARY",
    }
}

class_enum! {
    /// The connection state.
    pub(crate) enum LodeWebSocketPeer.State {
        /// The connection is being established.
        Connecting = 0 => "STATE_CONNECTING",
        /// The connection is open: messages can be sent and received.
        Open = 1 => "STATE_OPEN",
        /// One of the two sides has started to close. Messages that have arrived can still be read; nothing more can be
        /// sent.
        Closing = 2 => "STATE_CLOSING",
        /// The connection is closed. Messages that have arrived can still be read.
        Closed = 3 => "STATE_CLOSED",
    }
}

impl From<WriteMode> for MessageKind {
    fn from(mode: WriteMode) -> Self {
        match mode {
            WriteMode::Text => Self::Text,
            WriteMode::Binary => Self::Binary,
        }
    }
}

/// The remote side of a connection: a client of a [LodeWebSocketServer], or the server of a [LodeWebSocketClient].
///
/// [code]get_peer()[/code] of these classes returns it, and they poll it. Messages are read and written with the
/// methods of [PacketPeer], such as [method PacketPeer.get_packet], [method PacketPeer.put_packet] and
/// [method PacketPeer.put_var]. Messages are sent within about a millisecond, without a poll.
///
/// You can keep the object after the connection has closed: unread packets remain readable.
/// ```gdscript
/// var server = LodeWebSocketServer.new()
///
/// func _on_data_received(id):
///     var peer = server.get_peer(id)
///     print(peer.get_packet().get_string_from_utf8())
///     peer.send_text("Welcome!")
/// ```
#[derive(GodotClass)]
#[class(base=PacketPeerExtension, init, tool)]
pub(crate) struct LodeWebSocketPeer {
    base: Base<PacketPeerExtension>,
    peer: Option<Rc<Peer>>,
    /// Set while a client connects: there is no peer yet.
    connecting: bool,
    #[init(val = WriteMode::Binary)]
    write_mode: WriteMode,
    was_string: bool,
    packet: PacketBuffer,
}

impl LodeWebSocketPeer {
    /// Creates the script's object for a peer of a server.
    pub(crate) fn create(peer: Rc<Peer>) -> Gd<Self> {
        let mut object = Self::new_gd();
        object.bind_mut().peer = Some(peer);
        object
    }

    /// Creates the script's object for the server of a client that starts to connect.
    pub(crate) fn begin_connecting() -> Gd<Self> {
        let mut object = Self::new_gd();
        object.bind_mut().connecting = true;
        object
    }

    /// Sets the peer once the connection is established.
    pub(crate) fn connected(&mut self, peer: Rc<Peer>) {
        self.connecting = false;
        self.peer = Some(peer);
    }

    /// Marks the connection attempt as failed or cancelled.
    pub(crate) fn give_up(&mut self) {
        self.connecting = false;
    }

    /// Returns true if a script has closed the connection before it was established.
    pub(crate) fn is_given_up(&self) -> bool {
        !self.connecting && self.peer.is_none()
    }

    fn state(&self) -> PeerState {
        self.peer.as_ref().map_or(PeerState::Closed, |peer| peer.state())
    }

    fn send_message(&self, method: &str, kind: MessageKind, payload: Vec<u8>) -> Error {
        let Some(peer) = &self.peer else {
            return Error::FAILED;
        };
        let Ok(message) = OutgoingMessage::new(kind, payload) else {
            godot_error!(
                "LodeWebSocketPeer.{method}: text must be UTF-8. Send bytes with WRITE_MODE_BINARY."
            );
            return Error::ERR_INVALID_DATA;
        };
        match peer.send(message) {
            Ok(()) => Error::OK,
            Err(SendError::NotOpen) => Error::FAILED,
            Err(SendError::Full) => Error::ERR_OUT_OF_MEMORY,
        }
    }
}

/// Closes `peer` at a script's request. It always closes: a player to be removed must not stay because of invalid
/// arguments.
pub(crate) fn close_peer(caller: &str, peer: &Peer, code: i32, reason: &str) {
    if code < 0 {
        peer.discard();
        peer.drop_connection();
        return;
    }
    let sendable = u16::try_from(code).ok().map(CloseCode).filter(|code| code.is_sendable());
    // An empty body, which `Connection::close` would send, is 1005 for the other side (RFC 6455 section 7.1.5).
    if sendable.is_none() {
        godot_error!(
            "{caller}: {code} is not a close code that may be sent; 1000 is sent instead. Use 1000, or 3000 to 4999 for your own codes."
        );
    }
    let reason = &reason[..reason.floor_char_boundary(MAX_CLOSE_REASON)];
    peer.close(sendable.unwrap_or(CloseCode::NORMAL), reason);
}

#[godot_api]
impl LodeWebSocketPeer {
    /// Closes the connection and sends a Close with [param code], which is 1000 for a normal closure or one of your own
    /// from 3000 to 4999, and [param reason], which is cut to 123 bytes of UTF-8. Messages that were sent before are
    /// delivered before it. Packets that you have not read, and packets that still arrive, are discarded.
    ///
    /// Keep polling until [signal LodeWebSocketServer.client_disconnected] or
    /// [signal LodeWebSocketClient.connection_closed] is emitted: when the other side has answered, or after 3 seconds
    /// without an answer.
    ///
    /// With a negative [param code] the connection is dropped immediately, without a Close. A connection that is not
    /// open yet is cancelled without a signal.
    #[func]
    fn close(&mut self, #[opt(default = 1000)] code: i32, #[opt(default = "")] reason: GString) {
        if let Some(peer) = &self.peer {
            close_peer("LodeWebSocketPeer.close", peer, code, &reason.to_string());
        }
        // The client checks it at its next poll.
        self.give_up();
    }

    /// Returns the close code: the code of the other side's Close; 1005 if that had none; 1002, 1007 or 1009 if this
    /// side closed because of a protocol error, invalid UTF-8 or a message that is too large. Returns -1 while the
    /// connection is open, and if it was lost or dropped: [method get_close_reason] may have the cause.
    #[func]
    fn get_close_code(&self) -> i32 {
        let close = self.peer.as_ref().and_then(|peer| peer.close_frame());
        // 1006 means that no Close was received (RFC 6455 section 7.1.5); the engine's class returns -1 for it.
        let code = close.map(|close| close.code).filter(|code| *code != CloseCode::ABNORMAL);
        code.map_or(-1, |code| code.0.into())
    }

    /// Returns the close reason, or the cause of a lost connection; empty if there is none.
    #[func]
    fn get_close_reason(&self) -> GString {
        let close = self.peer.as_ref().and_then(|peer| peer.close_frame());
        close.map_or_else(GString::new, |close| GString::from(&close.reason))
    }

    /// Returns the IP address of the other side.
    #[func]
    fn get_connected_host(&self) -> GString {
        let peer = self.peer.as_ref();
        peer.map_or_else(GString::new, |peer| GString::from(&peer.remote().ip().to_string()))
    }

    /// Returns the port of the other side.
    #[func]
    fn get_connected_port(&self) -> i32 {
        self.peer.as_ref().map_or(0, |peer| peer.remote().port().into())
    }

    /// Returns the number of bytes that are buffered to be sent, including the protocol's own. It grows while the other
    /// side reads more slowly than you send; at the limit of [method LodeWebSocketServer.set_buffers],
    /// [method PacketPeer.put_packet] returns [constant ERR_OUT_OF_MEMORY] and sends nothing.
    #[func]
    fn get_current_outbound_buffered_amount(&self) -> i64 {
        let waiting = self.peer.as_ref().map_or(0, |peer| peer.buffered_amount());
        i64::try_from(waiting).unwrap_or(i64::MAX)
    }

    /// Returns all available packets in order, like calling [method PacketPeer.get_packet] until none is left. If text
    /// and binary messages are mixed, read them one by one and check [method was_string_packet].
    #[func]
    fn get_packets(&mut self) -> Array<PackedByteArray> {
        let messages = self.peer.as_ref().map(|peer| peer.receive_all()).unwrap_or_default();
        if let Some(last) = messages.back() {
            self.was_string = last.kind == MessageKind::Text;
        }
        messages.into_iter().map(|message| PackedByteArray::from(message.payload)).collect()
    }

    /// Returns the opening request of a client: its path, query, headers and origin. Returns [code]null[/code] for the
    /// server of a [LodeWebSocketClient].
    #[func]
    fn get_request(&self) -> Option<Gd<LodeWebSocketRequest>> {
        let peer = self.peer.as_ref()?;
        let request = peer.request()?.clone();
        Some(LodeWebSocketRequest::answered(request, peer.remote()))
    }

    /// Returns the last measured round-trip time in milliseconds. It is measured on the network thread, so the frame
    /// rate does not affect it. Returns -1 before the first measurement: see
    /// [member LodeWebSocketServer.heartbeat_interval].
    #[func]
    fn get_round_trip_time(&self) -> f64 {
        let time = self.peer.as_ref().and_then(|peer| peer.round_trip());
        time.map_or(-1.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// Returns the connection state, as reported by the signals.
    #[func]
    fn get_ready_state(&self) -> State {
        match self.state() {
            _ if self.connecting => State::Connecting,
            PeerState::Open => State::Open,
            PeerState::Closing => State::Closing,
            PeerState::Closed => State::Closed,
        }
    }

    /// Returns the sub-protocol that was selected; empty if none was.
    #[func]
    fn get_selected_protocol(&self) -> GString {
        self.peer.as_ref().and_then(|peer| peer.protocol()).map_or_else(GString::new, GString::from)
    }

    /// Returns whether [method PacketPeer.put_packet] sends text or binary messages. The default is binary.
    #[func]
    fn get_write_mode(&self) -> WriteMode {
        self.write_mode
    }

    /// Sets whether [method PacketPeer.put_packet] sends text or binary messages.
    #[func]
    fn set_write_mode(&mut self, mode: ByNumber<WriteMode>) {
        self.write_mode = mode.0;
    }

    /// Returns [code]true[/code] while the connection is open or closing.
    #[func]
    fn is_connected_to_host(&self) -> bool {
        self.state() != PeerState::Closed
    }

    /// Sends [param message] as a binary message or, with [constant WRITE_MODE_TEXT], as a text message. Returns the
    /// same errors as [method PacketPeer.put_packet]: [constant FAILED] if the connection is not open,
    /// [constant ERR_OUT_OF_MEMORY] if the send buffer is full, [constant ERR_INVALID_DATA] if a text message is not
    /// UTF-8.
    #[func]
    fn send(
        &mut self,
        message: PackedByteArray,
        #[opt(default = ByNumber(WriteMode::Binary))] write_mode: ByNumber<WriteMode>,
    ) -> Error {
        self.send_message("send", write_mode.0.into(), message.to_vec())
    }

    /// Sends [param message] as a text message. Returns the same errors as [method send].
    #[func]
    fn send_text(&mut self, message: GString) -> Error {
        self.send_message("send_text", MessageKind::Text, message.to_string().into_bytes())
    }

    /// If [param enabled] is [code]true[/code], which is the default, small packets are sent immediately. If
    /// [code]false[/code], the system may combine them (Nagle's algorithm).
    #[func]
    fn set_no_delay(&mut self, enabled: bool) {
        if let Some(peer) = &self.peer {
            peer.set_no_delay(enabled);
        }
    }

    /// Returns [code]true[/code] if the packet that was read last was a text message.
    #[func]
    fn was_string_packet(&self) -> bool {
        self.was_string
    }
}

#[godot_api]
impl IPacketPeerExtension for LodeWebSocketPeer {
    fn get_available_packet_count(&self) -> i32 {
        let available = self.peer.as_ref().map_or(0, |peer| peer.available());
        i32::try_from(available).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        i32::MAX
    }

    unsafe fn get_packet_rawptr(
        &mut self,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        let message = self.peer.as_ref().and_then(|peer| peer.receive_directly());
        if let Some(message) = &message {
            self.was_string = message.kind == MessageKind::Text;
        }
        let packet = message.map(|message| message.payload);
        // SAFETY: the pointers are the engine's own.
        unsafe { self.packet.answer(packet, Error::ERR_UNAVAILABLE, buffer, size) }
    }

    unsafe fn put_packet_rawptr(&mut self, buffer: RawPtr<*const u8>, size: i32) -> Error {
        // SAFETY: the pointer and the size are the engine's own.
        let payload = unsafe { packet_buffer::copy(buffer, size) };
        self.send_message("put_packet", self.write_mode.into(), payload)
    }
}

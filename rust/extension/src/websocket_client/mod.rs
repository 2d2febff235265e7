//! `LodeWebSocketClient`.

mod connect;
mod multiplayer_peer;
mod poll;

use crate::monitors::Monitor;
use crate::packet_buffer::PacketBuffer;
use crate::websocket_peer::{LodeWebSocketPeer, close_peer};
use crate::websocket_settings::limits_of;
use connect::Resolving;
use godot::classes::multiplayer_peer::TransferMode;
use godot::classes::{MultiplayerPeerExtension, X509Certificate};
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::websocket::multiplayer::{ClientMultiplayer, Wire};
use lodewire_net::websocket::{Client, Failure, Limits};

/// A WebSocket client: Godot 3's class of that name, for Godot 4.
///
/// Call [method connect_to_url], then [method MultiplayerPeer.poll] regularly, as in [method Node._process]: the signals
/// are emitted there. Messages are read and written with [code]get_peer(1)[/code], the server. The network itself runs on a
/// thread of its own: a connection lives on while the game loads a level, and what you send leaves within about a
/// millisecond.
///
/// With [code]gd_mp_api[/code] it is a multiplayer peer: assign it to [member MultiplayerAPI.multiplayer_peer].
///
/// Not available in web exports: use [WebSocketPeer] there.
/// ```gdscript
/// extends Node
///
/// var client = LodeWebSocketClient.new()
///
/// func _ready():
///     client.connection_established.connect(_on_established)
///     client.data_received.connect(_on_data)
///     client.connect_to_url("wss://game.example/lobby")
///
/// func _process(delta):
///     client.poll()
///
/// func _on_established(protocol):
///     client.get_peer(1).send_text("Hello!")
///
/// func _on_data():
///     print(client.get_peer(1).get_packet().get_string_from_utf8())
/// ```
#[derive(GodotClass)]
#[class(base=MultiplayerPeerExtension, init, tool)]
pub(crate) struct LodeWebSocketClient {
    base: Base<MultiplayerPeerExtension>,
    stage: Stage,
    /// In the multiplayer mode.
    multiplayer: Option<ClientMultiplayer>,
    /// The script's object for the server, from the moment that the client begins to connect. It stays when that ends.
    server: Option<Gd<LodeWebSocketPeer>>,
    /// Why the last connection could not be opened.
    failure: Failure,
    limits: Limits,
    target_peer: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,
    refusing: bool,
    monitor: Monitor,
    packet: PacketBuffer,

    /// The one certificate to accept for [code]wss://[/code], or the authority that signed the server's. None, the default,
    /// stands for the authorities that the project ([code]network/tls/certificate_bundle_override[/code]), the operating
    /// system or, where that has none, the browsers know. It counts when [method connect_to_url] is called.
    #[var(usage_flags = [DEFAULT])]
    trusted_ssl_certificate: Option<Gd<X509Certificate>>,

    /// Check who the server is, for [code]wss://[/code]. When off, anybody between you and the server can read and change
    /// everything: for tests alone. It counts when [method connect_to_url] is called.
    #[var(get = is_verify_ssl_enabled, set = set_verify_ssl_enabled, usage_flags = [DEFAULT])]
    #[init(val = true)]
    verify_ssl: bool,

    /// How many seconds it may take until the connection is established, from the first address of the server to its
    /// answer. It counts when [method connect_to_url] is called.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 10.0)]
    handshake_timeout: f64,

    /// Offer the server to compress messages: see [member LodeWebSocketServer.permessage_deflate].
    #[var(usage_flags = [DEFAULT])]
    permessage_deflate: bool,

    /// Messages of fewer bytes than this are sent uncompressed.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 256)]
    deflate_threshold: i32,

    /// How far back compression looks for what repeats: see [member LodeWebSocketServer.deflate_window_bits].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 15)]
    deflate_window_bits: i32,

    /// Let messages refer to earlier ones: see [member LodeWebSocketServer.deflate_context_takeover].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = true)]
    deflate_context_takeover: bool,

    /// Ask the server every so many seconds whether it is there, and measure
    /// [method LodeWebSocketPeer.get_round_trip_time]. When it says nothing for as long, the connection is dropped. 0, the
    /// default, does not ask.
    #[var(usage_flags = [DEFAULT])]
    heartbeat_interval: f64,

    /// How many seconds the answer to the server's close may wait for you to read the messages that came before it.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1.0)]
    close_timeout: f64,

    /// Drop the connection when too much waits to be sent (see [method set_buffers]), instead of refusing the message
    /// alone.
    #[var(usage_flags = [DEFAULT])]
    disconnect_on_overflow: bool,

    /// With [code]gd_mp_api[/code]: write packets as Godot 3 does, for a server made with Godot 3's WebSocketServer. Off,
    /// the default, is for Godot 4's [WebSocketMultiplayerPeer] and [LodeWebSocketServer].
    #[var(usage_flags = [DEFAULT])]
    godot_3_protocol: bool,
}

/// How far the connection has come.
#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    /// The engine looks the server's name up.
    Resolving(Box<Resolving>),
    /// The I/O thread connects, or is connected.
    Running(Box<Client>),
}

#[godot_api]
impl LodeWebSocketClient {
    /// The connection is open. [param protocol] is the sub-protocol that was agreed on, or empty.
    #[signal]
    fn connection_established(protocol: GString);

    /// The connection has ended. [param was_clean_close] tells whether both sides had agreed to close; it is false when
    /// the connection was lost. Packets that were not read stay readable.
    #[signal]
    fn connection_closed(was_clean_close: bool);

    /// The connection could not be opened: [method get_error_message] tells why, and so does a line in the log.
    #[signal]
    fn connection_error();

    /// A message has come, one signal for each: read it with [code]get_peer(1)[/code] and [method PacketPeer.get_packet].
    #[signal]
    fn data_received();

    /// The server asks to close, with its code and reason. Poll on: [signal connection_closed] follows.
    #[signal]
    fn server_close_request(code: i32, reason: GString);

    /// In the multiplayer mode: a packet has come from a peer. The multiplayer API reads it.
    #[signal]
    fn peer_packet(peer_source: i32);

    /// In the multiplayer mode: the server has accepted the client and given it an id.
    #[signal]
    fn connection_succeeded();

    /// In the multiplayer mode: the connection could not be opened. [method get_error_message] tells why, and so does a line in
    /// the log.
    #[signal]
    fn connection_failed();

    /// In the multiplayer mode: the connection to the server has ended.
    #[signal]
    fn server_disconnected();

    /// Connects to [param url], such as [code]wss://game.example/lobby?room=1[/code] or [code]ws://127.0.0.1:9080[/code];
    /// without a scheme it is [code]ws://[/code]. What is not ASCII in the path is percent-encoded.
    /// Of [param protocols], the preferred one first, the server may choose one. [param custom_headers] are lines such as
    /// [code]Authorization: Bearer …[/code] that are sent along. With [param gd_mp_api] the client is a multiplayer peer.
    ///
    /// Names are looked up by the engine, off the game's thread; of several addresses, IPv6 and IPv4, the one that answers
    /// first is taken. [signal connection_established] or [signal connection_error] follows.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] while connecting or connected, [constant ERR_INVALID_PARAMETER] for a bad URL,
    /// sub-protocol, header or property, and [constant ERR_CANT_CREATE] if the system gives no thread.
    #[func]
    fn connect_to_url(
        &mut self,
        url: GString,
        #[opt(default = &PackedStringArray::new())] protocols: PackedStringArray,
        #[opt(default = false)] gd_mp_api: bool,
        #[opt(default = &PackedStringArray::new())] custom_headers: PackedStringArray,
    ) -> Error {
        match self.begin(&url, &protocols, &custom_headers) {
            Ok(stage) => {
                self.stage = stage;
                self.server = Some(LodeWebSocketPeer::begin_connecting());
                self.failure = Failure::default();
                let wire = if self.godot_3_protocol { Wire::Godot3 } else { Wire::Godot4 };
                self.multiplayer = gd_mp_api.then(|| ClientMultiplayer::new(wire));
                Error::OK
            }
            Err((error, why)) => {
                godot_error!("LodeWebSocketClient.connect_to_url: {why}");
                error
            }
        }
    }

    /// Closes the connection: as [method LodeWebSocketPeer.close]. One that is not established yet is given up, and no
    /// signal tells of it.
    #[func]
    fn disconnect_from_host(
        &mut self,
        #[opt(default = 1000)] code: i32,
        #[opt(default = "")] reason: GString,
    ) {
        match &self.stage {
            Stage::Running(client) if client.peer().is_some() => {
                if let Some(peer) = client.peer() {
                    let caller = "LodeWebSocketClient.disconnect_from_host";
                    close_peer(caller, peer, code, &reason.to_string());
                }
            }
            _ => self.abandon(),
        }
    }

    /// The IP address of the server; empty while there is no connection.
    #[func]
    fn get_connected_host(&self) -> GString {
        self.peer().map_or_else(GString::new, |peer| GString::from(&peer.remote().ip().to_string()))
    }

    /// The port of the server; 0 while there is no connection.
    #[func]
    fn get_connected_port(&self) -> i32 {
        self.peer().map_or(0, |peer| peer.remote().port().into())
    }

    /// Why the connection could not be opened, in words for a developer; empty if it was, or while connecting. Why an open
    /// connection has ended is told by [method LodeWebSocketPeer.get_close_code] and
    /// [method LodeWebSocketPeer.get_close_reason] of [code]get_peer(1)[/code].
    #[func]
    fn get_error_message(&self) -> GString {
        GString::from(&self.failure.why)
    }

    /// The status of HTTP with which the server refused the connection, such as 401, 403 or 503; 0 if it did not answer.
    #[func]
    fn get_response_code(&self) -> i32 {
        self.failure.status.map_or(0, i32::from)
    }

    /// What the server says of [method get_response_code]: the first line of its text, such as that of
    /// [method LodeWebSocketRequest.refuse], or else the phrase after the status, such as [code]Not Found[/code].
    #[func]
    fn get_response_reason(&self) -> GString {
        GString::from(&self.failure.reason)
    }

    /// The server, whose id is 1: the same object from [method connect_to_url] on. [code]null[/code] and an error for another
    /// id, and before that. When the connection has ended, packets can still be read from it.
    #[func]
    fn get_peer(&self, peer_id: i32) -> Option<Gd<LodeWebSocketPeer>> {
        if peer_id != 1 || self.server.is_none() {
            godot_error!(
                "LodeWebSocketClient.get_peer: there is no peer {peer_id}. The server is 1, from connect_to_url() on."
            );
            return None;
        }
        self.server.clone()
    }

    /// Sets how much may wait in each direction, before [method connect_to_url]: as [method
    /// LodeWebSocketServer.set_buffers]. Returns [constant FAILED] while connecting or connected.
    #[func]
    fn set_buffers(
        &mut self,
        input_buffer_size_kb: i32,
        input_max_packets: i32,
        output_buffer_size_kb: i32,
        output_max_packets: i32,
    ) -> Error {
        if !matches!(self.stage, Stage::Idle) {
            godot_error!("LodeWebSocketClient.set_buffers: call it before connect_to_url().");
            return Error::FAILED;
        }
        let limits = limits_of(
            "LodeWebSocketClient.set_buffers",
            input_buffer_size_kb,
            input_max_packets,
            output_buffer_size_kb,
            output_max_packets,
        );
        match limits {
            Ok(limits) => {
                self.limits = limits;
                Error::OK
            }
            Err(error) => error,
        }
    }

    #[func]
    fn is_verify_ssl_enabled(&self) -> bool {
        self.verify_ssl
    }

    #[func]
    fn set_verify_ssl_enabled(&mut self, enabled: bool) {
        self.verify_ssl = enabled;
    }
}

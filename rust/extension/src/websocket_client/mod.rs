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
use lodewire_net::websocket::multiplayer::{ClientMultiplayer, PacketFormat};
use lodewire_net::websocket::{Client, Failure, Limits};

/// A WebSocket client, with the interface of Godot 3's WebSocketClient.
///
/// Call [method connect_to_url], then [method MultiplayerPeer.poll] regularly, for example in [method Node._process]:
/// signals are emitted there. Messages are read and written with [code]get_peer(1)[/code], which is the server. The
/// network runs on its own thread: the connection stays alive while the game loads a level, and messages are sent
/// within about a millisecond.
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
    /// `Some` in multiplayer mode.
    multiplayer: Option<ClientMultiplayer>,
    /// The script's object for the server, from the start of the connection attempt. It remains after the connection
    /// has ended.
    server: Option<Gd<LodeWebSocketPeer>>,
    /// The cause why the last connection could not be opened.
    failure: Failure,
    limits: Limits,
    target_peer: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,
    refusing: bool,
    monitor: Monitor,
    packet: PacketBuffer,

    /// The only certificate to accept for [code]wss://[/code], or the certificate of the authority that signed the
    /// server's. If [code]null[/code], the default, the authorities of the project setting
    /// [code]network/tls/certificate_bundle_override[/code], of the operating system or, if it has none, of the
    /// browsers are trusted. Used by the next [method connect_to_url].
    #[var(usage_flags = [DEFAULT])]
    trusted_ssl_certificate: Option<Gd<X509Certificate>>,

    /// If [code]true[/code], the server's certificate is verified for [code]wss://[/code]. If [code]false[/code],
    /// traffic is open to man-in-the-middle attacks: use it only for tests. Used by the next [method connect_to_url].
    #[var(get = is_verify_ssl_enabled, set = set_verify_ssl_enabled, usage_flags = [DEFAULT])]
    #[init(val = true)]
    verify_ssl: bool,

    /// The maximum time in seconds to establish the connection, from the first attempt to the server's response. Used
    /// by the next [method connect_to_url].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 10.0)]
    handshake_timeout: f64,

    /// If [code]true[/code], offers compression to the server: see [member LodeWebSocketServer.permessage_deflate].
    #[var(usage_flags = [DEFAULT])]
    permessage_deflate: bool,

    /// The minimum size in bytes of a message to be compressed.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 256)]
    deflate_threshold: i32,

    /// The size of the compression window, [code]client_max_window_bits[/code] in RFC 7692: see
    /// [member LodeWebSocketServer.deflate_window_bits].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 15)]
    deflate_window_bits: i32,

    /// If [code]true[/code], a compressed message may refer to earlier messages: see
    /// [member LodeWebSocketServer.deflate_context_takeover].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = true)]
    deflate_context_takeover: bool,

    /// The interval in seconds between pings to the server, which also measure
    /// [method LodeWebSocketPeer.get_round_trip_time]. If the server sends nothing for one interval after a ping, the
    /// connection is dropped. 0, the default, disables pings.
    #[var(usage_flags = [DEFAULT])]
    heartbeat_interval: f64,

    /// The maximum time in seconds between the server's Close and the client's answer to it, while you read the
    /// messages that came before the Close.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1.0)]
    close_timeout: f64,

    /// If [code]true[/code], the connection is dropped when the send buffer is full (see [method set_buffers]). If
    /// [code]false[/code], only the message is rejected.
    #[var(usage_flags = [DEFAULT])]
    disconnect_on_overflow: bool,

    /// With [code]gd_mp_api[/code]: uses the packet format of Godot 3, for a server that uses Godot 3's
    /// WebSocketServer. The default, [code]false[/code], is for Godot 4's [WebSocketMultiplayerPeer] and for
    /// [LodeWebSocketServer].
    #[var(usage_flags = [DEFAULT])]
    godot_3_protocol: bool,
}

/// The progress of the connection.
#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    /// The engine resolves the server's name.
    Resolving(Box<Resolving>),
    /// The I/O thread is connecting or connected.
    Running(Box<Client>),
}

#[godot_api]
impl LodeWebSocketClient {
    /// Emitted when the connection is open. [param protocol] is the sub-protocol that was selected, or empty.
    #[signal]
    fn connection_established(protocol: GString);

    /// Emitted when the connection has closed. [param was_clean_close] is [code]true[/code] if both sides closed the
    /// connection, and [code]false[/code] if it was lost. Unread packets remain readable.
    #[signal]
    fn connection_closed(was_clean_close: bool);

    /// Emitted when the connection could not be opened: [method get_error_message] returns the cause, which is also
    /// logged.
    #[signal]
    fn connection_error();

    /// Emitted for each message that has arrived: read it with [code]get_peer(1)[/code] and
    /// [method PacketPeer.get_packet].
    #[signal]
    fn data_received();

    /// Emitted when the server starts to close the connection, with its code and reason. Keep polling until
    /// [signal connection_closed] is emitted.
    #[signal]
    fn server_close_request(code: i32, reason: GString);

    /// In multiplayer mode: emitted when a packet has arrived from a peer. The multiplayer API reads it.
    #[signal]
    fn peer_packet(peer_source: i32);

    /// In multiplayer mode: emitted when the server has accepted the client and assigned its id.
    #[signal]
    fn connection_succeeded();

    /// In multiplayer mode: emitted when the connection could not be opened. [method get_error_message] returns the
    /// cause, which is also logged.
    #[signal]
    fn connection_failed();

    /// In multiplayer mode: emitted when the connection to the server has ended.
    #[signal]
    fn server_disconnected();

    /// Connects to [param url], for example [code]wss://game.example/lobby?room=1[/code] or
    /// [code]ws://127.0.0.1:9080[/code]. Without a scheme, [code]ws://[/code] is used. Non-ASCII characters in the path
    /// are percent-encoded. The server may select one of [param protocols], which are in order of preference.
    /// [param custom_headers] are lines such as [code]Authorization: Bearer …[/code] that are added to the request.
    /// With [param gd_mp_api] the client is a multiplayer peer.
    ///
    /// The engine resolves the host name on another thread. If it has several addresses, IPv6 and IPv4, the first one
    /// that answers is used. Then [signal connection_established] or [signal connection_error] is emitted.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] while connecting or connected, [constant ERR_INVALID_PARAMETER] if the
    /// URL, a sub-protocol, a header or a property is invalid, and [constant ERR_CANT_CREATE] if the system cannot
    /// create a thread.
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
                let format =
                    if self.godot_3_protocol { PacketFormat::Godot3 } else { PacketFormat::Godot4 };
                self.multiplayer = gd_mp_api.then(|| ClientMultiplayer::new(format));
                Error::OK
            }
            Err((error, why)) => {
                godot_error!("LodeWebSocketClient.connect_to_url: {why}");
                error
            }
        }
    }

    /// Closes the connection, like [method LodeWebSocketPeer.close]. A connection that is not open yet is cancelled
    /// without a signal.
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

    /// Returns the IP address of the server; empty while there is no connection.
    #[func]
    fn get_connected_host(&self) -> GString {
        self.peer().map_or_else(GString::new, |peer| GString::from(&peer.remote().ip().to_string()))
    }

    /// Returns the port of the server; 0 while there is no connection.
    #[func]
    fn get_connected_port(&self) -> i32 {
        self.peer().map_or(0, |peer| peer.remote().port().into())
    }

    /// Returns why the connection could not be opened, as a message for developers; empty if it was opened,
    /// or while connecting. For an open connection that was closed, see [method LodeWebSocketPeer.get_close_code] and
    /// [method LodeWebSocketPeer.get_close_reason] of [code]get_peer(1)[/code].
    #[func]
    fn get_error_message(&self) -> GString {
        GString::from(&self.failure.message)
    }

    /// Returns the HTTP status code with which the server rejected the connection, for example 401, 403 or 503; 0 if
    /// there was no response.
    #[func]
    fn get_response_code(&self) -> i32 {
        self.failure.status.map_or(0, i32::from)
    }

    /// Returns the text for [method get_response_code]: the first line of the response body, for example the reason of
    /// [method LodeWebSocketRequest.refuse], or the reason phrase, for example [code]Not Found[/code].
    #[func]
    fn get_response_reason(&self) -> GString {
        GString::from(&self.failure.reason)
    }

    /// Returns the server, whose id is 1; each call after [method connect_to_url] returns the same object. For another
    /// id, or before that, returns [code]null[/code] and prints an error. Packets can still be read after the
    /// connection has closed.
    #[func]
    fn get_peer(&self, peer_id: i32) -> Option<Gd<LodeWebSocketPeer>> {
        if peer_id != 1 || self.server.is_none() {
            godot_error!(
                "LodeWebSocketClient.get_peer: there is no peer {peer_id}. Call connect_to_url() and use the id 1, the server."
            );
            return None;
        }
        self.server.clone()
    }

    /// Sets the buffer limits, like [method LodeWebSocketServer.set_buffers]. Call it before [method connect_to_url].
    /// Returns [constant FAILED] while connecting or connected.
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

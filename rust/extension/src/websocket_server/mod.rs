//! `LodeWebSocketServer`.

mod config;
mod methods;
mod multiplayer_peer;
mod poll;

use crate::class_enum::class_enum;
use crate::monitors::Monitor;
use crate::packet_buffer::PacketBuffer;
use crate::websocket_peer::LodeWebSocketPeer;
use crate::websocket_request::LodeWebSocketRequest;
use crate::websocket_settings::timeout;
use godot::classes::multiplayer_peer::TransferMode;
use godot::classes::{CryptoKey, MultiplayerPeerExtension, X509Certificate};
use godot::prelude::*;
use lodewire_net::websocket::multiplayer::ServerMultiplayer;
use lodewire_net::websocket::{self, Limits, Peer, Server};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

class_enum! {
    /// The source of the address of a client behind a proxy.
    pub(crate) enum LodeWebSocketServer.ProxyHeader {
        /// Clients connect directly; proxy headers are ignored.
        None = 0 => "PROXY_HEADER_NONE",
        /// Each connection begins with a header of the PROXY protocol, version 1 or 2.
        ProxyProtocol = 1 => "PROXY_HEADER_PROXY_PROTOCOL",
        /// Each opening request has an [code]X-Forwarded-For[/code] header. The last address in it that is not a
        /// trusted proxy is the client's.
        XForwardedFor = 2 => "PROXY_HEADER_X_FORWARDED_FOR",
    }
}

impl godot::register::property::SimpleVar for ProxyHeader {}

impl From<ProxyHeader> for websocket::ProxyHeader {
    fn from(header: ProxyHeader) -> Self {
        match header {
            ProxyHeader::None => Self::None,
            ProxyHeader::ProxyProtocol => Self::ProxyProtocol,
            ProxyHeader::XForwardedFor => Self::XForwardedFor,
        }
    }
}

/// A WebSocket server, with the interface of Godot 3's WebSocketServer.
///
/// Call [method listen], then [method MultiplayerPeer.poll] regularly, for example in [method Node._process]: signals
/// are emitted there. The network runs on its own thread: it accepts clients, answers pings, and receives and sends
/// messages even while the game loads a level. The cost of a poll depends on what has arrived, not on the number of
/// clients.
///
/// With a [member private_key] and an [member ssl_certificate] the server serves [code]wss://[/code]. With
/// [code]gd_mp_api[/code] it is a multiplayer peer: assign it to [member MultiplayerAPI.multiplayer_peer].
///
/// Not available in web exports: browsers cannot accept incoming connections.
/// ```gdscript
/// extends Node
///
/// var server = LodeWebSocketServer.new()
///
/// func _ready():
///     server.client_connected.connect(func(id, protocol): print(id, " has joined"))
///     server.data_received.connect(_on_data)
///     server.listen(9080)
///
/// func _process(delta):
///     server.poll()
///
/// func _on_data(id):
///     var packet = server.get_peer(id).get_packet()
///     server.get_peer(id).put_packet(packet)
/// ```
#[derive(GodotClass)]
#[class(base=MultiplayerPeerExtension, init, tool)]
pub(crate) struct LodeWebSocketServer {
    base: Base<MultiplayerPeerExtension>,
    server: Option<Server>,
    /// `Some` in multiplayer mode.
    multiplayer: Option<ServerMultiplayer>,
    /// The script's objects for the peers that it has requested.
    handles: RefCell<HashMap<i32, Gd<LodeWebSocketPeer>>>,
    limits: Limits,
    extra_headers: Vec<(String, String)>,
    refusing: bool,
    monitor: Monitor,
    target_peer: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,
    packet: PacketBuffer,

    /// The IP address to listen on, for example [code]127.0.0.1[/code] to accept only local clients. [code]*[/code]
    /// listens on all addresses, IPv6 and IPv4. Used by the next [method listen].
    #[var(get = get_bind_ip, set = set_bind_ip, usage_flags = [DEFAULT])]
    #[init(val = "*".into())]
    bind_ip: GString,

    /// The time in seconds that a client may take from connecting to the end of its opening request, including TLS. A
    /// slower client is answered with HTTP 408 and disconnected. Must be greater than 0. The timer is paused while a
    /// client waits for your decision ([member hold_requests]).
    #[var(get = get_handshake_timeout, set = set_handshake_timeout, usage_flags = [DEFAULT])]
    #[init(val = 3.0)]
    handshake_timeout: f64,

    /// The private key of [member ssl_certificate], for [code]wss://[/code]: RSA with 2048 to 4096 bits, or EC on P-256
    /// or P-384.
    #[var(get = get_private_key, set = set_private_key, usage_flags = [DEFAULT])]
    private_key: Option<Gd<CryptoKey>>,

    /// The server's certificate, for [code]wss://[/code]. The file may contain the intermediate certificates after it,
    /// in the order of the chain.
    #[var(get = get_ssl_certificate, set = set_ssl_certificate, usage_flags = [DEFAULT])]
    ssl_certificate: Option<Gd<X509Certificate>>,

    /// The intermediate certificates between [member ssl_certificate] and a certificate authority that clients trust,
    /// if the file of [member ssl_certificate] does not contain them.
    #[var(get = get_ca_chain, set = set_ca_chain, usage_flags = [DEFAULT])]
    ca_chain: Option<Gd<X509Certificate>>,

    /// If [code]true[/code], messages are compressed for clients that support it, as browsers do (permessage-deflate,
    /// RFC 7692). This reduces the size of text and of similar states, and costs time on the network thread and memory
    /// for each client that uses it: see [member deflate_context_takeover]. Set it before [method listen].
    #[var(set = set_permessage_deflate, usage_flags = [DEFAULT])]
    permessage_deflate: bool,

    /// The minimum size in bytes of a message to be compressed. Set it before [method listen].
    #[var(set = set_deflate_threshold, usage_flags = [DEFAULT])]
    #[init(val = 256)]
    deflate_threshold: i32,

    /// The size of the compression window as a power of two, from 9 (512 bytes) to 15 (32 KiB). A smaller window uses
    /// less memory. RFC 7692 calls it [code]server_max_window_bits[/code]. Set it before [method listen].
    #[var(set = set_deflate_window_bits, usage_flags = [DEFAULT])]
    #[init(val = 15)]
    deflate_window_bits: i32,

    /// If [code]true[/code], a compressed message may refer to earlier messages of the same connection. This makes
    /// similar messages smaller, and keeps a compression window in memory for each connection. Set it before
    /// [method listen].
    #[var(set = set_deflate_context_takeover, usage_flags = [DEFAULT])]
    #[init(val = true)]
    deflate_context_takeover: bool,

    /// The interval in seconds between pings to each client, which also measure
    /// [method LodeWebSocketPeer.get_round_trip_time]. A client that sends nothing for one interval after a ping is
    /// disconnected. 0, the default, disables pings. Set it before [method listen].
    #[var(set = set_heartbeat_interval, usage_flags = [DEFAULT])]
    heartbeat_interval: f64,

    /// The maximum time in seconds between a client's Close and the server's answer to it, while you read the messages
    /// that came before the Close. Until the answer, you can still send to that client. Set it before [method listen].
    #[var(set = set_close_timeout, usage_flags = [DEFAULT])]
    #[init(val = 1.0)]
    close_timeout: f64,

    /// If [code]true[/code], a client whose send buffer is full (see [method set_buffers]) is disconnected. If
    /// [code]false[/code], only the message is rejected. Set it before [method listen].
    #[var(set = set_disconnect_on_overflow, usage_flags = [DEFAULT])]
    disconnect_on_overflow: bool,

    /// The maximum number of clients. Further clients are rejected with HTTP 503. A client counts until [method MultiplayerPeer.poll]
    /// has reported its disconnection. Set it before [method listen].
    #[var(set = set_max_clients, usage_flags = [DEFAULT])]
    #[init(val = 4096)]
    max_clients: i32,

    /// If [code]true[/code], each client's request is passed to [signal client_request] and waits for your decision. If
    /// [code]false[/code], requests are accepted automatically. Set it before [method listen].
    #[var(set = set_hold_requests, usage_flags = [DEFAULT])]
    hold_requests: bool,

    /// The maximum number of requests that wait for your decision. Further requests are rejected with HTTP 503. Set it
    /// before [method listen].
    #[var(set = set_max_pending_requests, usage_flags = [DEFAULT])]
    #[init(val = 256)]
    max_pending_requests: i32,

    /// The web pages that may connect, for example [code]https://game.example[/code] or
    /// [code]http://localhost:8000[/code]: scheme, host and port must match. Others are rejected with HTTP 403. Empty,
    /// the default, allows every page. This protects the players of your page from other pages. It does not keep out
    /// other programs, which can send any origin. Set it before [method listen].
    #[var(set = set_allowed_origins, usage_flags = [DEFAULT])]
    allowed_origins: PackedStringArray,

    /// If [member allowed_origins] is not empty: allows clients that send no origin, such as games that do not run in a
    /// browser. Set it before [method listen].
    #[var(set = set_allow_missing_origin, usage_flags = [DEFAULT])]
    #[init(val = true)]
    allow_missing_origin: bool,

    /// If [member allowed_origins] is not empty: allows pages whose origin is [code]null[/code], such as pages that are
    /// opened from local files. Set it before [method listen].
    #[var(set = set_allow_null_origin, usage_flags = [DEFAULT])]
    allow_null_origin: bool,

    /// With [code]gd_mp_api[/code]: uses the packet format of Godot 3, for clients that use Godot 3's WebSocketClient,
    /// and relays packets between them. The default, [code]false[/code], is for Godot 4's [WebSocketMultiplayerPeer]
    /// and for [LodeWebSocketClient]. Set it before [method listen].
    #[var(set = set_godot_3_protocol, usage_flags = [DEFAULT])]
    godot_3_protocol: bool,

    /// The header with which the load balancers in [member trusted_proxies] send the address of a client, which
    /// [method get_peer_address] then returns. [constant PROXY_HEADER_PROXY_PROTOCOL]: each connection begins with a header of the PROXY
    /// protocol, version 1 or 2. [constant PROXY_HEADER_X_FORWARDED_FOR]: each request has an
    /// [code]X-Forwarded-For[/code] header; [method get_peer_port] then returns the proxy's port. Connections without
    /// such a header, and connections from other addresses, are rejected. [constant PROXY_HEADER_NONE], the default,
    /// ignores such headers. Set it before [method listen].
    #[var(get = get_proxy_header, set = set_proxy_header, usage_flags = [DEFAULT])]
    #[init(val = ProxyHeader::None)]
    proxy_header: ProxyHeader,

    /// The load balancers whose [member proxy_header] is trusted: IP addresses, or networks such as
    /// [code]10.0.0.0/8[/code]. Set it before [method listen].
    #[var(set = set_trusted_proxies, usage_flags = [DEFAULT])]
    trusted_proxies: PackedStringArray,

    /// The path of an HTTP health check on the same port, for example [code]/health[/code]. The answer is 200 while the
    /// server accepts players, and 503 while it is [member draining], refuses new connections, is full, or the game has
    /// not polled for [member health_timeout] seconds. Empty, the default, disables the check. Set it before
    /// [method listen].
    #[var(set = set_health_path, usage_flags = [DEFAULT])]
    health_path: GString,

    /// The time in seconds without a [method MultiplayerPeer.poll] after which [member health_path] answers 503; 0
    /// disables this. It should be longer than your longest level load. Set it before [method listen].
    #[var(set = set_health_timeout, usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    health_timeout: f64,

    /// If [code]true[/code], [member health_path] answers 503, so that load balancers stop routing new clients to this
    /// server before you stop it. Clients that still arrive are served, since a load balancer needs some seconds to
    /// react. It can be changed at any time.
    #[var(get = get_draining, set = set_draining, usage_flags = [DEFAULT])]
    draining: bool,

    /// If [code]true[/code], several processes or servers that set it can listen on the same port, and the system
    /// distributes clients among them. Linux distributes them evenly; macOS does not. On Windows, [method listen]
    /// returns [constant ERR_UNAVAILABLE]. Set it before [method listen].
    #[var(set = set_reuse_port, usage_flags = [DEFAULT])]
    reuse_port: bool,
}

impl LodeWebSocketServer {
    /// Returns the peer with this id, or prints an error.
    fn known_peer(&self, caller: &str, id: i32) -> Option<&Rc<Peer>> {
        let peer = self.server.as_ref().and_then(|server| server.peer(id));
        if peer.is_none() {
            godot_error!(
                "LodeWebSocketServer.{caller}: there is no peer {id}. Ask has_peer() first."
            );
        }
        peer
    }

    /// Removes a peer without emitting a signal.
    fn remove_peer(&mut self, id: i32) {
        self.handles.get_mut().remove(&id);
        match (&mut self.multiplayer, &mut self.server) {
            (Some(multiplayer), Some(server)) => multiplayer.forget(server, id),
            (None, Some(server)) => server.forget(id),
            (_, None) => {}
        }
    }

    /// Returns true if a property may be set now; otherwise prints an error.
    fn ensure_not_listening(&self, property: &str) -> bool {
        if self.is_listening() {
            godot_error!("LodeWebSocketServer.{property} can only be set before listen().");
        }
        !self.is_listening()
    }
}

#[godot_api]
impl LodeWebSocketServer {
    /// Emitted when a client has connected. [param protocol] is the sub-protocol that was selected, or empty. The
    /// client's first message is reported by a later [method MultiplayerPeer.poll].
    #[signal]
    fn client_connected(id: i32, protocol: GString);

    /// Emitted when a client has disconnected. [param was_clean_close] is [code]true[/code] if both sides closed the
    /// connection, and [code]false[/code] if it was lost. The client's packets can still be read in the handler, and
    /// later from a peer object that you keep.
    #[signal]
    fn client_disconnected(id: i32, was_clean_close: bool);

    /// Emitted when a client starts to close the connection, with its code and reason. Keep polling until
    /// [signal client_disconnected] is emitted.
    #[signal]
    fn client_close_request(id: i32, code: i32, reason: GString);

    /// Emitted for each message that has arrived: read it with [method get_peer] and [method PacketPeer.get_packet].
    #[signal]
    fn data_received(id: i32);

    /// In multiplayer mode: emitted when a packet has arrived from a client. The multiplayer API reads it; without one,
    /// read it with [method PacketPeer.get_packet] of the server itself.
    #[signal]
    fn peer_packet(peer_source: i32);

    /// Emitted for a client's request while [member hold_requests] is [code]true[/code]. Call
    /// [method LodeWebSocketRequest.accept] or [method LodeWebSocketRequest.refuse], immediately or later. A request
    /// that is freed without a decision is refused.
    #[signal]
    fn client_request(request: Gd<LodeWebSocketRequest>);

    #[func]
    fn get_bind_ip(&self) -> GString {
        self.bind_ip.clone()
    }

    #[func]
    fn set_bind_ip(&mut self, value: GString) {
        if self.ensure_not_listening("bind_ip") {
            self.bind_ip = value;
        }
    }

    #[func]
    fn get_handshake_timeout(&self) -> f64 {
        self.handshake_timeout
    }

    #[func]
    fn set_handshake_timeout(&mut self, value: f64) {
        let Some(timeout) = timeout(value) else {
            godot_error!(
                "LodeWebSocketServer.handshake_timeout: {value} is not more than 0 seconds."
            );
            return;
        };
        self.handshake_timeout = value;
        if let Some(server) = &self.server {
            server.set_handshake_timeout(timeout);
        }
    }

    #[func]
    fn get_proxy_header(&self) -> ProxyHeader {
        self.proxy_header
    }

    #[func]
    fn set_proxy_header(&mut self, value: ProxyHeader) {
        if self.ensure_not_listening("proxy_header") {
            self.proxy_header = value;
        }
    }

    #[func]
    fn get_draining(&self) -> bool {
        self.draining
    }

    #[func]
    fn set_draining(&mut self, value: bool) {
        self.draining = value;
        if let Some(server) = &self.server {
            server.set_draining(value);
        }
    }

    #[func]
    fn get_private_key(&self) -> Option<Gd<CryptoKey>> {
        self.private_key.clone()
    }

    #[func]
    fn set_private_key(&mut self, value: Option<Gd<CryptoKey>>) {
        if self.ensure_not_listening("private_key") {
            self.private_key = value;
        }
    }

    #[func]
    fn get_ssl_certificate(&self) -> Option<Gd<X509Certificate>> {
        self.ssl_certificate.clone()
    }

    #[func]
    fn set_ssl_certificate(&mut self, value: Option<Gd<X509Certificate>>) {
        if self.ensure_not_listening("ssl_certificate") {
            self.ssl_certificate = value;
        }
    }

    #[func]
    fn get_ca_chain(&self) -> Option<Gd<X509Certificate>> {
        self.ca_chain.clone()
    }

    #[func]
    fn set_ca_chain(&mut self, value: Option<Gd<X509Certificate>>) {
        if self.ensure_not_listening("ca_chain") {
            self.ca_chain = value;
        }
    }

    #[func]
    fn set_permessage_deflate(&mut self, permessage_deflate: bool) {
        if self.ensure_not_listening("permessage_deflate") {
            self.permessage_deflate = permessage_deflate;
        }
    }

    #[func]
    fn set_deflate_threshold(&mut self, deflate_threshold: i32) {
        if self.ensure_not_listening("deflate_threshold") {
            self.deflate_threshold = deflate_threshold;
        }
    }

    #[func]
    fn set_deflate_window_bits(&mut self, deflate_window_bits: i32) {
        if self.ensure_not_listening("deflate_window_bits") {
            self.deflate_window_bits = deflate_window_bits;
        }
    }

    #[func]
    fn set_deflate_context_takeover(&mut self, deflate_context_takeover: bool) {
        if self.ensure_not_listening("deflate_context_takeover") {
            self.deflate_context_takeover = deflate_context_takeover;
        }
    }

    #[func]
    fn set_heartbeat_interval(&mut self, heartbeat_interval: f64) {
        if self.ensure_not_listening("heartbeat_interval") {
            self.heartbeat_interval = heartbeat_interval;
        }
    }

    #[func]
    fn set_close_timeout(&mut self, close_timeout: f64) {
        if self.ensure_not_listening("close_timeout") {
            self.close_timeout = close_timeout;
        }
    }

    #[func]
    fn set_disconnect_on_overflow(&mut self, disconnect_on_overflow: bool) {
        if self.ensure_not_listening("disconnect_on_overflow") {
            self.disconnect_on_overflow = disconnect_on_overflow;
        }
    }

    #[func]
    fn set_max_clients(&mut self, max_clients: i32) {
        if self.ensure_not_listening("max_clients") {
            self.max_clients = max_clients;
        }
    }

    #[func]
    fn set_hold_requests(&mut self, hold_requests: bool) {
        if self.ensure_not_listening("hold_requests") {
            self.hold_requests = hold_requests;
        }
    }

    #[func]
    fn set_max_pending_requests(&mut self, max_pending_requests: i32) {
        if self.ensure_not_listening("max_pending_requests") {
            self.max_pending_requests = max_pending_requests;
        }
    }

    #[func]
    fn set_allowed_origins(&mut self, allowed_origins: PackedStringArray) {
        if self.ensure_not_listening("allowed_origins") {
            self.allowed_origins = allowed_origins;
        }
    }

    #[func]
    fn set_allow_missing_origin(&mut self, allow_missing_origin: bool) {
        if self.ensure_not_listening("allow_missing_origin") {
            self.allow_missing_origin = allow_missing_origin;
        }
    }

    #[func]
    fn set_allow_null_origin(&mut self, allow_null_origin: bool) {
        if self.ensure_not_listening("allow_null_origin") {
            self.allow_null_origin = allow_null_origin;
        }
    }

    #[func]
    fn set_godot_3_protocol(&mut self, godot_3_protocol: bool) {
        if self.ensure_not_listening("godot_3_protocol") {
            self.godot_3_protocol = godot_3_protocol;
        }
    }

    #[func]
    fn set_trusted_proxies(&mut self, trusted_proxies: PackedStringArray) {
        if self.ensure_not_listening("trusted_proxies") {
            self.trusted_proxies = trusted_proxies;
        }
    }

    #[func]
    fn set_health_path(&mut self, health_path: GString) {
        if self.ensure_not_listening("health_path") {
            self.health_path = health_path;
        }
    }

    #[func]
    fn set_health_timeout(&mut self, health_timeout: f64) {
        if self.ensure_not_listening("health_timeout") {
            self.health_timeout = health_timeout;
        }
    }

    #[func]
    fn set_reuse_port(&mut self, reuse_port: bool) {
        if self.ensure_not_listening("reuse_port") {
            self.reuse_port = reuse_port;
        }
    }
}

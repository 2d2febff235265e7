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
    /// How a proxy tells whose connection it brings.
    pub(crate) enum LodeWebSocketServer.ProxyHeader {
        /// Clients come directly, or nobody asks who they are.
        None = 0 => "PROXY_HEADER_NONE",
        /// Each connection begins with a header of the PROXY protocol, version 1 or 2.
        ProxyProtocol = 1 => "PROXY_HEADER_PROXY_PROTOCOL",
        /// Each opening request has a line [code]X-Forwarded-For[/code], whose last address is believed that is not of a proxy.
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

/// A WebSocket server: Godot 3's class of that name, for Godot 4.
///
/// Call [method listen], then [method MultiplayerPeer.poll] regularly, as in [method Node._process]: the signals are
/// emitted there. The network itself runs on a thread of its own: clients are accepted, pings answered and messages
/// received and sent also while the game loads a level, and a poll costs what is new, not how many are connected.
///
/// With a [member private_key] and an [member ssl_certificate] it serves [code]wss://[/code]. With [code]gd_mp_api[/code]
/// it is a multiplayer peer: assign it to [member MultiplayerAPI.multiplayer_peer].
///
/// Not available in web exports, where browsers allow no servers.
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
    /// In the multiplayer mode.
    multiplayer: Option<ServerMultiplayer>,
    /// The script's objects of the peers that it asked for.
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

    /// The address to listen on, such as [code]127.0.0.1[/code] for this machine alone. [code]*[/code] stands for all,
    /// IPv6 and IPv4. It counts when [method listen] is called.
    #[var(get = get_bind_ip, set = set_bind_ip, usage_flags = [DEFAULT])]
    #[init(val = "*".into())]
    bind_ip: GString,

    /// How many seconds a client may take from its connection to the end of its opening request, TLS included. One that
    /// takes longer is told so (HTTP 408) and dropped. It must be more than 0. While a client waits for your answer
    /// ([member hold_requests]), the clock stands still.
    #[var(get = get_handshake_timeout, set = set_handshake_timeout, usage_flags = [DEFAULT])]
    #[init(val = 3.0)]
    handshake_timeout: f64,

    /// The key of [member ssl_certificate], for [code]wss://[/code]: RSA of 2048 to 4096 bits, or EC on P-256 or P-384.
    #[var(get = get_private_key, set = set_private_key, usage_flags = [DEFAULT])]
    private_key: Option<Gd<CryptoKey>>,

    /// The server's certificate, for [code]wss://[/code]. It may bring along the certificates between itself and an
    /// authority, each after the one that it vouches for.
    #[var(get = get_ssl_certificate, set = set_ssl_certificate, usage_flags = [DEFAULT])]
    ssl_certificate: Option<Gd<X509Certificate>>,

    /// The certificates between [member ssl_certificate] and an authority that clients know, if that does not bring them
    /// along.
    #[var(get = get_ca_chain, set = set_ca_chain, usage_flags = [DEFAULT])]
    ca_chain: Option<Gd<X509Certificate>>,

    /// Compress messages for clients that can inflate them, as browsers can (permessage-deflate, RFC 7692). It saves
    /// bytes of texts and of states that resemble each other, and costs time on the network's thread and memory for each
    /// client that uses it: see [member deflate_context_takeover]. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    permessage_deflate: bool,

    /// Messages of fewer bytes than this are sent uncompressed. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 256)]
    deflate_threshold: i32,

    /// How far back compression looks for what repeats, as a power of two in bytes: 9 (512 bytes) to 15 (32 KiB). Less
    /// takes less memory. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 15)]
    deflate_window_bits: i32,

    /// Let messages refer to earlier ones of the same connection, which makes them smaller where they resemble each other,
    /// and keeps memory for each connection. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = true)]
    deflate_context_takeover: bool,

    /// Ask each client every so many seconds whether it is there, and measure
    /// [method LodeWebSocketPeer.get_round_trip_time]. A client that says nothing for as long is dropped. 0, the default,
    /// asks nobody. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    heartbeat_interval: f64,

    /// How many seconds the answer to a client's close may wait for you to read the messages that came before it. Until
    /// then you can still send to that client. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1.0)]
    close_timeout: f64,

    /// Drop a client for which too much waits to be sent (see [method set_buffers]), instead of refusing the message
    /// alone. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    disconnect_on_overflow: bool,

    /// The most clients at once. The next one is refused (HTTP 503). A client counts until [method poll] has told its end.
    /// Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 4096)]
    max_clients: i32,

    /// Hand each client's request to [signal client_request] and wait for your answer, instead of accepting it. Set it
    /// before [method listen].
    #[var(usage_flags = [DEFAULT])]
    hold_requests: bool,

    /// The most clients that may wait for your answer. The next one is refused (HTTP 503). Set it before
    /// [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 256)]
    max_pending_requests: i32,

    /// The web pages that may connect, such as [code]https://game.example[/code] or [code]http://localhost:8000[/code]:
    /// scheme, host and port must be the same. Others are refused (HTTP 403). Empty, the default, lets every page connect.
    /// It protects the players of your page from other pages; it does not keep out programs, which can claim any origin.
    /// Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    allowed_origins: PackedStringArray,

    /// Where [member allowed_origins] is not empty: let clients connect that tell no origin, as games do that run in no
    /// browser. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = true)]
    allow_missing_origin: bool,

    /// Where [member allowed_origins] is not empty: let pages connect whose origin is [code]null[/code], as those of local
    /// files are. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    allow_null_origin: bool,

    /// With [code]gd_mp_api[/code]: write packets as Godot 3 does, for clients made with Godot 3's WebSocketClient, and
    /// relay them. Off, the default, is for Godot 4's [WebSocketMultiplayerPeer] and [LodeWebSocketClient]. Set it before
    /// [method listen].
    #[var(usage_flags = [DEFAULT])]
    godot_3_protocol: bool,

    /// How the load balancers in [member trusted_proxies] tell whose connection they bring, so that
    /// [method get_peer_address] is the player's. [constant PROXY_HEADER_PROXY_PROTOCOL]: each connection begins with a
    /// header of the PROXY protocol, version 1 or 2. [constant PROXY_HEADER_X_FORWARDED_FOR]: each request has a line
    /// [code]X-Forwarded-For[/code]; [method get_peer_port] is the proxy's then. A connection without it is refused, and so
    /// is one from elsewhere. [constant PROXY_HEADER_NONE], the default, believes nobody. Set it before [method listen].
    #[var(get = get_proxy_header, set = set_proxy_header, usage_flags = [DEFAULT])]
    #[init(val = ProxyHeader::None)]
    proxy_header: ProxyHeader,

    /// The load balancers that [member proxy_header] believes: addresses, or networks such as [code]10.0.0.0/8[/code]. Set
    /// it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    trusted_proxies: PackedStringArray,

    /// Answer HTTP requests for this path, such as [code]/health[/code], on the same port: 200 while more players may come,
    /// 503 while the server is [member draining], refuses new connections or is full, or when the game has not polled for
    /// [member health_timeout] seconds. Empty, the default, answers none. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    health_path: GString,

    /// How many seconds may pass without a [method MultiplayerPeer.poll] until [member health_path] says 503; 0 never does
    /// so. Let it be longer than your longest load of a level. Set it before [method listen].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    health_timeout: f64,

    /// Tell load balancers by [member health_path] that they shall send nobody more here, before the server ends. Who comes
    /// all the same is served: it takes a balancer some seconds to notice. It may be changed at any time.
    #[var(get = get_draining, set = set_draining, usage_flags = [DEFAULT])]
    draining: bool,

    /// Let several processes, or servers, that all set this listen on one port: the system deals the clients out to them.
    /// Linux deals evenly; macOS does not. [method listen] returns [constant ERR_UNAVAILABLE] on Windows. Set it before
    /// [method listen].
    #[var(usage_flags = [DEFAULT])]
    reuse_port: bool,
}

impl LodeWebSocketServer {
    /// The peer with this id, or an error print.
    fn known_peer(&self, caller: &str, id: i32) -> Option<&Rc<Peer>> {
        let peer = self.server.as_ref().and_then(|server| server.peer(id));
        if peer.is_none() {
            godot_error!(
                "LodeWebSocketServer.{caller}: there is no peer {id}. Ask has_peer() first."
            );
        }
        peer
    }

    /// Lets go of a peer without a signal.
    fn force_out(&mut self, id: i32) {
        self.handles.get_mut().remove(&id);
        match (&mut self.multiplayer, &mut self.server) {
            (Some(multiplayer), Some(server)) => multiplayer.forget(server, id),
            (None, Some(server)) => server.forget(id),
            (_, None) => {}
        }
    }

    /// Whether a property may be set now; if not, the script is told.
    fn may_set(&self, property: &str) -> bool {
        if self.is_listening() {
            godot_error!("LodeWebSocketServer.{property} can only be set before listen().");
        }
        !self.is_listening()
    }
}

#[godot_api]
impl LodeWebSocketServer {
    /// A client has connected. [param protocol] is the sub-protocol that was agreed on, or empty. Its first message is
    /// told by a later [method MultiplayerPeer.poll].
    #[signal]
    fn client_connected(id: i32, protocol: GString);

    /// A client has gone. [param was_clean_close] tells whether both sides had agreed to close; it is false when the
    /// connection was lost. Its packets can still be read here, and from a peer that you keep also later.
    #[signal]
    fn client_disconnected(id: i32, was_clean_close: bool);

    /// A client asks to close, with its code and reason. Poll on: [signal client_disconnected] follows.
    #[signal]
    fn client_close_request(id: i32, code: i32, reason: GString);

    /// A message has come, one signal for each: read it with [method get_peer] and [method PacketPeer.get_packet].
    #[signal]
    fn data_received(id: i32);

    /// A packet has come from a client in the multiplayer mode. The multiplayer API reads it; without one, read it with
    /// [method PacketPeer.get_packet] of the server itself.
    #[signal]
    fn peer_packet(peer_source: i32);

    /// A client asks to connect, while [member hold_requests] is on: answer with [method LodeWebSocketRequest.accept] or
    /// [method LodeWebSocketRequest.refuse], at once or later. A request that is let go of without an answer is refused.
    #[signal]
    fn client_request(request: Gd<LodeWebSocketRequest>);

    #[func]
    fn get_bind_ip(&self) -> GString {
        self.bind_ip.clone()
    }

    #[func]
    fn set_bind_ip(&mut self, value: GString) {
        if self.may_set("bind_ip") {
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
        if self.may_set("proxy_header") {
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
        if self.may_set("private_key") {
            self.private_key = value;
        }
    }

    #[func]
    fn get_ssl_certificate(&self) -> Option<Gd<X509Certificate>> {
        self.ssl_certificate.clone()
    }

    #[func]
    fn set_ssl_certificate(&mut self, value: Option<Gd<X509Certificate>>) {
        if self.may_set("ssl_certificate") {
            self.ssl_certificate = value;
        }
    }

    #[func]
    fn get_ca_chain(&self) -> Option<Gd<X509Certificate>> {
        self.ca_chain.clone()
    }

    #[func]
    fn set_ca_chain(&mut self, value: Option<Gd<X509Certificate>>) {
        if self.may_set("ca_chain") {
            self.ca_chain = value;
        }
    }
}

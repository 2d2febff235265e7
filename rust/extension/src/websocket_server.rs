//! `LodeWebSocketServer`.

use crate::packet_buffer;
use crate::websocket_peer::{LodeWebSocketPeer, close_peer};
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::classes::{
    CryptoKey, IMultiplayerPeerExtension, MultiplayerPeerExtension, X509Certificate,
};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use lodewire_net::websocket::{Config, Limits, Peer, Server, ServerEvent, is_token};
use lodewire_net::{Bind, BindError};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// The largest buffer of a peer that a script may ask for, in KiB: a packet's length is a 32-bit number in the engine.
const MAX_BUFFER_KIB: usize = 1 << 20;

/// A WebSocket server: Godot 3's class of that name, for Godot 4.
///
/// Call [method listen], then [method MultiplayerPeer.poll] regularly, as in [method Node._process]: the signals are
/// emitted there. The network itself runs on a thread of its own: clients are accepted, pings answered and messages
/// received and sent also while the game loads a level, and a poll costs what is new, not how many are connected.
///
/// Not available in web exports, where browsers allow no servers.
/// [codeblock]
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
/// [/codeblock]
#[derive(GodotClass)]
#[class(base=MultiplayerPeerExtension, init, tool)]
pub(crate) struct LodeWebSocketServer {
    base: Base<MultiplayerPeerExtension>,
    server: Option<Server>,
    /// The script's objects of the peers that it asked for.
    handles: RefCell<HashMap<i32, Gd<LodeWebSocketPeer>>>,
    limits: Limits,
    refusing: bool,
    target_peer: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,

    /// The address to listen on, such as [code]127.0.0.1[/code] for this machine alone. [code]*[/code] stands for all,
    /// IPv6 and IPv4. It counts when [method listen] is called.
    #[var(get = get_bind_ip, set = set_bind_ip, usage_flags = [DEFAULT])]
    #[init(val = "*".into())]
    bind_ip: GString,

    /// How many seconds a client may take from its connection to the end of its opening request. One that takes longer is
    /// told so (HTTP 408) and dropped. It must be more than 0.
    #[var(get = get_handshake_timeout, set = set_handshake_timeout, usage_flags = [DEFAULT])]
    #[init(val = 3.0)]
    handshake_timeout: f64,

    /// The key of [member ssl_certificate], for [code]wss://[/code]. Not supported yet: [method listen] then returns
    /// [constant ERR_UNAVAILABLE].
    #[var(get = get_private_key, set = set_private_key, usage_flags = [DEFAULT])]
    private_key: Option<Gd<CryptoKey>>,

    /// The server's certificate, for [code]wss://[/code]. Not supported yet: [method listen] then returns
    /// [constant ERR_UNAVAILABLE].
    #[var(get = get_ssl_certificate, set = set_ssl_certificate, usage_flags = [DEFAULT])]
    ssl_certificate: Option<Gd<X509Certificate>>,

    /// The certificates between [member ssl_certificate] and an authority that clients know. Not supported yet:
    /// [method listen] then returns [constant ERR_UNAVAILABLE].
    #[var(get = get_ca_chain, set = set_ca_chain, usage_flags = [DEFAULT])]
    ca_chain: Option<Gd<X509Certificate>>,
}

impl LodeWebSocketServer {
    /// Why the parameters of [`listen`](Self::listen) cannot be served, as an error and a line for the script.
    fn objection(&self, protocols: &[String], gd_mp_api: bool) -> Option<(Error, &'static str)> {
        if self.is_listening() {
            Some((Error::ERR_ALREADY_IN_USE, "the server listens already. Call stop() first."))
        } else if gd_mp_api {
            Some((Error::ERR_UNAVAILABLE, "gd_mp_api is not supported yet. Pass false."))
        } else if self.private_key.is_some()
            || self.ssl_certificate.is_some()
            || self.ca_chain.is_some()
        {
            Some((
                Error::ERR_UNAVAILABLE,
                "wss:// is not supported yet. Leave private_key, ssl_certificate and ca_chain empty.",
            ))
        } else if !protocols.iter().all(|protocol| is_token(protocol)) {
            Some((
                Error::ERR_INVALID_PARAMETER,
                "a sub-protocol's name consists of letters, digits and !#$%&'*+-.^_`|~ alone.",
            ))
        } else {
            None
        }
    }

    fn bind(&self) -> Option<Bind> {
        match self.bind_ip.to_string().as_str() {
            "*" => Some(Bind::Any),
            address => address.parse().ok().map(Bind::Address),
        }
    }

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

    /// Whether a property may be set now; if not, the script is told.
    fn may_set(&self, property: &str) -> bool {
        if self.is_listening() {
            godot_error!("LodeWebSocketServer.{property} can only be set before listen().");
        }
        !self.is_listening()
    }

    /// The next event of the last poll.
    fn next_event(&mut self) -> Option<ServerEvent> {
        self.server.as_mut()?.next_event()
    }

    /// The sub-protocol of a peer.
    fn protocol_of(&self, id: i32) -> GString {
        let peer = self.server.as_ref().and_then(|server| server.peer(id));
        peer.and_then(|peer| peer.protocol()).map_or_else(GString::new, GString::from)
    }

    /// Ends a server that failed by a fault of its own, after its peers were told to be gone.
    fn end_failed(&mut self) {
        let Some(why) = self.server.as_ref().and_then(Server::failure) else {
            return;
        };
        godot_error!("LodeWebSocketServer stopped by an internal error ({why}). Please report it.");
        self.stop();
    }
}

/// Drops the last reference to an object after its method, which is running, has returned.
fn release_later(this: Gd<LodeWebSocketServer>) {
    let mut this = Some(this);
    let release = Callable::from_fn("release", move |_| drop(this.take()));
    release.call_deferred(&[]);
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

    /// Starts to listen on [param port]; 0 takes one that is free, which [method get_local_port] tells. Of
    /// [param protocols] the first that a client offers is agreed on, and a client that offers none of them is refused;
    /// when empty, none is agreed on.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the port is taken or the server listens already,
    /// [constant ERR_INVALID_PARAMETER] for a port out of range, a bad [member bind_ip] or a bad sub-protocol,
    /// [constant ERR_UNAVAILABLE] for an address that is not this machine's, a port that needs more rights, for
    /// [param gd_mp_api] and for [code]wss://[/code], which are not supported yet, and [constant ERR_CANT_CREATE] if the
    /// system has no socket left.
    #[func]
    fn listen(
        &mut self,
        port: i32,
        #[opt(default = &PackedStringArray::new())] protocols: PackedStringArray,
        #[opt(default = false)] gd_mp_api: bool,
    ) -> Error {
        let protocols: Vec<String> = protocols
            .as_slice()
            .iter()
            .map(|name| name.to_string().trim_matches(' ').to_owned())
            .collect();
        if let Some((error, why)) = self.objection(&protocols, gd_mp_api) {
            godot_error!("LodeWebSocketServer.listen: {why}");
            return error;
        }
        let Ok(port) = u16::try_from(port) else {
            godot_error!("LodeWebSocketServer.listen: {port} is no port. Use 1 to 65535, or 0.");
            return Error::ERR_INVALID_PARAMETER;
        };
        let Some(bind) = self.bind() else {
            let bind_ip = &self.bind_ip;
            godot_error!(
                "LodeWebSocketServer.listen: bind_ip \"{bind_ip}\" is no IP address. Use * for all."
            );
            return Error::ERR_INVALID_PARAMETER;
        };
        let config = Config {
            protocols,
            limits: self.limits,
            handshake_timeout: Duration::from_secs_f64(self.handshake_timeout),
        };
        match Server::listen(bind, port, config) {
            Ok(server) => {
                server.set_refusing(self.refusing);
                self.server = Some(server);
                Error::OK
            }
            Err(error) => {
                godot_error!(
                    "LodeWebSocketServer.listen: port {port}: {error}. Try another, or 0."
                );
                match error {
                    BindError::InUse => Error::ERR_ALREADY_IN_USE,
                    BindError::Refused(_) => Error::ERR_UNAVAILABLE,
                    BindError::System(_) => Error::ERR_CANT_CREATE,
                }
            }
        }
    }

    /// Sets how much may wait for each client, before [method listen]: in from the client, until you read it, and out to
    /// it, in KiB and in packets. The sizes are also those of the largest message. The default is 1024 KiB each way, 1024
    /// packets in and 16384 out.
    ///
    /// A client that sends more than you read has to wait; nothing is lost. When too much waits for a client,
    /// [method PacketPeer.put_packet] returns [constant ERR_OUT_OF_MEMORY].
    ///
    /// Returns [constant FAILED] while the server listens, and [constant ERR_INVALID_PARAMETER] for a number that is less
    /// than 1, or a size over 1048576 KiB.
    #[func]
    fn set_buffers(
        &mut self,
        input_buffer_size_kb: i32,
        input_max_packets: i32,
        output_buffer_size_kb: i32,
        output_max_packets: i32,
    ) -> Error {
        if !self.may_set("set_buffers") {
            return Error::FAILED;
        }
        let positive = |number: i32| usize::try_from(number).ok().filter(|number| *number > 0);
        let bytes =
            |kib: i32| positive(kib).filter(|kib| *kib <= MAX_BUFFER_KIB).map(|kib| kib << 10);
        let limits = || {
            Some(Limits {
                in_bytes: bytes(input_buffer_size_kb)?,
                in_packets: positive(input_max_packets)?,
                out_bytes: bytes(output_buffer_size_kb)?,
                out_packets: positive(output_max_packets)?,
            })
        };
        let Some(limits) = limits() else {
            godot_error!(
                "LodeWebSocketServer.set_buffers: sizes are 1 to {MAX_BUFFER_KIB} KiB, numbers of packets at least 1."
            );
            return Error::ERR_INVALID_PARAMETER;
        };
        self.limits = limits;
        Error::OK
    }

    /// Stops to listen, and closes every connection with code 1000. The port is free when it returns. No signal tells of
    /// the peers, but a peer that you keep is closed, and its packets stay readable.
    #[func]
    fn stop(&mut self) {
        self.handles.get_mut().clear();
        self.server = None;
    }

    /// Whether the server listens.
    #[func]
    fn is_listening(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.failure().is_none())
    }

    /// The port that the server listens on, or 0.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.server.as_ref().map_or(0, |server| server.local_port().into())
    }

    /// Whether a client with this id is connected. During [signal client_disconnected] it still is.
    #[func]
    fn has_peer(&self, id: i32) -> bool {
        self.server.as_ref().is_some_and(|server| server.peer(id).is_some())
    }

    /// The client with this id: the same object each time. An unknown id gives [code]null[/code] and an error.
    #[func]
    fn get_peer(&self, peer_id: i32) -> Option<Gd<LodeWebSocketPeer>> {
        let peer = Rc::clone(self.known_peer("get_peer", peer_id)?);
        let mut handles = self.handles.borrow_mut();
        Some(handles.entry(peer_id).or_insert_with(|| LodeWebSocketPeer::create(peer)).clone())
    }

    /// The IP address of a client. An unknown id gives an empty text and an error.
    #[func]
    fn get_peer_address(&self, id: i32) -> GString {
        self.known_peer("get_peer_address", id)
            .map_or_else(GString::new, |peer| GString::from(&peer.remote().ip().to_string()))
    }

    /// The port of a client. An unknown id gives 0 and an error.
    #[func]
    fn get_peer_port(&self, id: i32) -> i32 {
        self.known_peer("get_peer_port", id).map_or(0, |peer| peer.remote().port().into())
    }

    /// Closes the connection to a client: as [method LodeWebSocketPeer.close].
    #[func]
    fn disconnect_peer(
        &mut self,
        id: i32,
        #[opt(default = 1000)] code: i32,
        #[opt(default = "")] reason: GString,
    ) {
        if let Some(peer) = self.known_peer("disconnect_peer", id) {
            close_peer("LodeWebSocketServer.disconnect_peer", peer, code, &reason.to_string());
        }
    }

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
        let Some(timeout) = Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero())
        else {
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

#[godot_api]
impl IMultiplayerPeerExtension for LodeWebSocketServer {
    fn poll(&mut self) {
        // A handler may drop the script's last reference; the object must outlive this method.
        let this = self.to_gd();
        if let Some(server) = &mut self.server {
            server.poll();
        }
        // Each handler may call anything: what happens next is asked anew after it.
        while let Some(event) = self.next_event() {
            match event {
                ServerEvent::Data(id) => self.signals().data_received().emit(id),
                ServerEvent::CloseRequest { id, close } => {
                    let reason = GString::from(&close.reason);
                    self.signals().client_close_request().emit(
                        id,
                        i32::from(close.code.0),
                        &reason,
                    );
                }
                ServerEvent::Disconnected { id, clean } => {
                    self.signals().client_disconnected().emit(id, clean);
                    self.handles.get_mut().remove(&id);
                }
                ServerEvent::Connected(id) => {
                    let protocol = self.protocol_of(id);
                    self.signals().client_connected().emit(id, &protocol);
                }
            }
        }
        self.end_failed();
        if this.get_reference_count() == 1 {
            self.stop();
            release_later(this);
        }
    }

    fn close(&mut self) {
        self.stop();
    }

    fn disconnect_peer(&mut self, id: i32, force: bool) {
        if !force {
            if let Some(peer) = self.known_peer("disconnect_peer", id) {
                close_peer("LodeWebSocketServer.disconnect_peer", peer, 1000, "");
            }
        } else if self.known_peer("disconnect_peer", id).is_some() {
            self.handles.get_mut().remove(&id);
            if let Some(server) = &mut self.server {
                server.forget(id);
            }
        }
    }

    fn get_connection_status(&self) -> ConnectionStatus {
        if self.is_listening() {
            ConnectionStatus::CONNECTED
        } else {
            ConnectionStatus::DISCONNECTED
        }
    }

    fn is_server(&self) -> bool {
        true
    }

    fn get_unique_id(&self) -> i32 {
        1
    }

    fn set_refuse_new_connections(&mut self, enable: bool) {
        self.refusing = enable;
        if let Some(server) = &self.server {
            server.set_refusing(enable);
        }
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refusing
    }

    // The rest is for the multiplayer mode, in which alone the server itself carries packets.

    fn get_available_packet_count(&self) -> i32 {
        0
    }

    fn get_max_packet_size(&self) -> i32 {
        i32::MAX
    }

    unsafe fn get_packet_rawptr(
        &mut self,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        // SAFETY: the pointers are the engine's own.
        unsafe { packet_buffer::lend_none(buffer, size) };
        Error::ERR_UNCONFIGURED
    }

    unsafe fn put_packet_rawptr(&mut self, _buffer: RawPtr<*const u8>, _size: i32) -> Error {
        godot_error!(
            "LodeWebSocketServer.put_packet: the server itself sends nothing. Use get_peer(id).put_packet()."
        );
        Error::ERR_UNCONFIGURED
    }

    fn get_packet_channel(&self) -> i32 {
        0
    }

    fn get_packet_mode(&self) -> TransferMode {
        TransferMode::RELIABLE
    }

    fn get_packet_peer(&self) -> i32 {
        0
    }

    fn set_target_peer(&mut self, id: i32) {
        self.target_peer = id;
    }

    fn get_transfer_channel(&self) -> i32 {
        self.transfer_channel
    }

    fn set_transfer_channel(&mut self, channel: i32) {
        self.transfer_channel = channel;
    }

    fn get_transfer_mode(&self) -> TransferMode {
        self.transfer_mode
    }

    fn set_transfer_mode(&mut self, mode: TransferMode) {
        self.transfer_mode = mode;
    }
}

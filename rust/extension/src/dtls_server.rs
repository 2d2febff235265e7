//! `LodeDTLSServer`.

use crate::dtls_limits::{address_of, count, limits};
use crate::monitors::{Family, Monitor};
use crate::optional::Optional;
use crate::packet_peer_dtls::LodePacketPeerDTLS;
use crate::pem::certificate_text;
use crate::tls_options::{ExtraChecks, server_setup};
use godot::classes::{PacketPeerUdp, TlsOptions, X509Certificate};
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::certificates::TrustAnchors;
use lodewire_net::dtls::{AcceptResult, Acceptor, Limits, Server, ServerConfig};
use lodewire_net::{Bind, BindError};

/// A server of encrypted connections over UDP (DTLS 1.2).
///
/// Like the engine's [DTLSServer], it creates a [LodePacketPeerDTLS] for each [PacketPeerUDP] of a [UDPServer]; the
/// expensive part of the handshakes runs on other threads. With [method listen] it has its own socket: then the game
/// thread only takes peers and reads and writes packets, thousands of clients share one socket, and clients stay
/// connected while the game loads a level.
/// ```gdscript
/// var server := LodeDTLSServer.new()
/// var peers: Array[LodePacketPeerDTLS] = []
///
/// func _ready():
///     server.setup(TLSOptions.server(load("res://server.key"), load("res://server.crt")))
///     server.listen(4242)
///
/// func _process(_delta):
///     while server.is_connection_available():
///         peers.append(server.take_connection())
///     for peer in peers:
///         peer.poll()
///         while peer.get_available_packet_count() > 0:
///             peer.put_packet(peer.get_packet())
///     peers = peers.filter(func(peer): return peer.get_status() in [
///             LodePacketPeerDTLS.STATUS_HANDSHAKING, LodePacketPeerDTLS.STATUS_CONNECTED])
/// ```
/// The server verifies a client's address with a cookie before it keeps any state for it. If a client connects again
/// from the address of a peer, it becomes a new peer and the old one disconnects, once its handshake is complete and
/// not before.
#[derive(GodotClass)]
#[class(base=RefCounted, init, tool)]
pub(crate) struct LodeDTLSServer {
    base: Base<RefCounted>,
    setup: Option<ServerConfig>,
    acceptor: Option<Acceptor>,
    server: Option<Server>,
    refusing: bool,
    monitor: Monitor,

    /// The intermediate certificates between the server's certificate and a certificate authority that clients trust,
    /// if the file of the server's certificate does not contain them. The engine keeps certificates of that file only
    /// if it was loaded as a resource, with [method @GDScript.load]. Set it before [method setup].
    #[var(set = set_ca_chain, usage_flags = [DEFAULT])]
    ca_chain: Option<Gd<X509Certificate>>,

    /// If set, clients must present a certificate (mutual TLS) that is this one or is signed by it, and prove that they
    /// have its private key ([member LodePacketPeerDTLS.client_certificate]).
    /// [method LodePacketPeerDTLS.get_peer_certificate] returns it. The engine's clients cannot present certificates.
    /// Set it before [method setup].
    #[var(set = set_client_ca_chain, usage_flags = [DEFAULT])]
    client_ca_chain: Option<Gd<X509Certificate>>,

    /// If not empty, clients must present one of these certificates. Each entry is the SHA-256 hash of a certificate or
    /// of its public key, as 64 hexadecimal digits with or without colons. Without [member client_ca_chain] nothing
    /// else is verified. Set it before [method setup].
    #[var(set = set_pinned_client_certificates, usage_flags = [DEFAULT])]
    pinned_client_certificates: PackedStringArray,

    /// The certificate revocation lists of the clients' authorities, as the text of PEM files. Set it before
    /// [method setup].
    #[var(set = set_revocation_lists, usage_flags = [DEFAULT])]
    revocation_lists: GString,

    /// The maximum number of clients, including those that are connecting. Further clients get no answer. Set it before
    /// [method setup]. Has no effect with a [UDPServer].
    #[var(set = set_max_peers, usage_flags = [DEFAULT])]
    #[init(val = 4096)]
    max_peers: i32,

    /// The maximum number of clients that are connecting. Further clients get no answer, and retry after a second. Set
    /// it before [method setup].
    #[var(set = set_max_handshakes, usage_flags = [DEFAULT])]
    #[init(val = 1024)]
    max_handshakes: i32,

    /// The maximum number of clients that are connecting from one IP address, or from one /64 network of IPv6. As many,
    /// and at least 64, may start within 4 seconds; further clients get no answer, and retry. Set it before
    /// [method setup].
    #[var(set = set_max_handshakes_per_address, usage_flags = [DEFAULT])]
    #[init(val = 256)]
    max_handshakes_per_address: i32,

    /// The maximum size of a datagram of the handshake in bytes, at least 296; longer messages are fragmented.
    /// Datagrams of packets are as long as needed. Set it before [method setup].
    #[var(set = set_mtu, usage_flags = [DEFAULT])]
    #[init(val = 1400)]
    mtu: i32,

    /// The maximum duration of a handshake in seconds; 0 is unlimited. Set it before [method setup].
    #[var(set = set_handshake_timeout, usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    handshake_timeout: f64,

    /// The time in seconds without a packet after which a client is disconnected; 0 disables it. A crashed client sends
    /// no close_notify, so without this limit it would remain forever. Clients should send a packet from time to time.
    /// Set it before [method setup].
    #[var(set = set_idle_timeout, usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    idle_timeout: f64,

    /// The maximum size in bytes of the received packets of a client that you have not read; further packets are
    /// dropped. Each packet counts 64 bytes more than its length. Set it before [method setup].
    #[var(set = set_max_buffered_bytes, usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_buffered_bytes: i64,

    /// The maximum size in bytes of the packets that are buffered to be sent to a client. Beyond it,
    /// [method PacketPeer.put_packet] returns [constant ERR_OUT_OF_MEMORY]. It only applies to clients of
    /// [method listen]. Set it before [method setup].
    #[var(set = set_max_outgoing_bytes, usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_outgoing_bytes: i64,

    /// If [code]true[/code], new clients get no answer. Clients that are connected or connecting are kept. It can be
    /// changed at any time, and only applies to [method listen].
    #[var(get = get_refuse_new_connections, set = set_refuse_new_connections, usage_flags = [DEFAULT])]
    refuse_new_connections: PhantomVar<bool>,
}

impl LodeDTLSServer {
    fn limits(&self) -> Limits {
        let limits = limits(
            self.mtu,
            self.handshake_timeout,
            self.idle_timeout,
            self.max_buffered_bytes,
            self.max_outgoing_bytes,
        );
        Limits {
            max_peers: count(self.max_peers.into()),
            max_handshakes: count(self.max_handshakes.into()),
            max_handshakes_per_address: count(self.max_handshakes_per_address.into()),
            ..limits
        }
    }

    /// Updates the monitors. The class has no `poll()`: games check every frame whether a client is available.
    fn update_monitor(&self) {
        if let Some(server) = &self.server {
            let port = server.local_addr().port();
            self.monitor.update("LodeDTLSServer", Family::Dtls, port, || server.stats());
        }
    }

    /// Returns true if a property may be set now; otherwise prints an error. The setup before no longer counts: it was
    /// read with the old value.
    fn prepare_to_set(&mut self, property: &str) -> bool {
        if self.is_listening() {
            godot_error!(
                "LodeDTLSServer.{property} can only be set before setup(). Call stop() first."
            );
            return false;
        }
        self.setup = None;
        self.acceptor = None;
        true
    }

    fn read_setup(&self, options: Option<Gd<TlsOptions>>) -> Result<ServerConfig, String> {
        let options = options.ok_or("the options are null. Use TLSOptions.server().")?;
        let extra = ExtraChecks::read(&self.pinned_client_certificates, &self.revocation_lists)?;
        let authorities = self.client_ca_chain.as_ref().map(certificate_text);
        let trust = match &authorities {
            Some(authorities) => Some(TrustAnchors::Custom(authorities)),
            None if !extra.pins.is_empty() => Some(TrustAnchors::Insecure),
            None => None,
        };
        let clients = trust.map(|trust| extra.rules(trust));
        server_setup(&options, self.ca_chain.as_ref(), clients)
    }
}

#[godot_api]
impl LodeDTLSServer {
    /// Sets up the server with a private key and its certificate: [code]TLSOptions.server(key, certificate)[/code]. RSA
    /// keys with 2048 to 8192 bits and EC keys on P-256 and P-384 are supported. Set the properties before: if one is set
    /// later, call this method again.
    ///
    /// Returns [constant ERR_INVALID_PARAMETER] if the options or a property are invalid, which is logged, and
    /// [constant ERR_ALREADY_IN_USE] while the server is listening.
    #[func]
    fn setup(&mut self, server_options: Option<Gd<TlsOptions>>) -> Error {
        if self.is_listening() {
            godot_error!("LodeDTLSServer.setup: the server is listening. Call stop() first.");
            return Error::ERR_ALREADY_IN_USE;
        }
        let setup = match self.read_setup(server_options) {
            Ok(setup) => setup,
            Err(why) => {
                godot_error!("LodeDTLSServer.setup: {why}");
                return Error::ERR_INVALID_PARAMETER;
            }
        };
        self.acceptor = Acceptor::new(&setup, self.limits());
        self.setup = Some(setup);
        Error::OK
    }

    /// Without [param udp_peer], returns the next client of a server that [method listen]s, or [code]null[/code] if
    /// there is none. Its status is [constant LodePacketPeerDTLS.STATUS_HANDSHAKING] until its first
    /// [method LodePacketPeerDTLS.poll], and then [constant LodePacketPeerDTLS.STATUS_CONNECTED].
    ///
    /// With [param udp_peer], a peer of a [UDPServer], returns its client. The status is
    /// [constant LodePacketPeerDTLS.STATUS_HANDSHAKING] if the client has proven its address. Otherwise it is sent a
    /// cookie: drop the peer, and take the client again when it returns the cookie. It is therefore normal that every
    /// client appears twice.
    #[func]
    fn take_connection(
        &mut self,
        #[opt(default = Optional::NONE)] udp_peer: Optional<PacketPeerUdp>,
    ) -> Option<Gd<LodePacketPeerDTLS>> {
        let Some(mut udp) = udp_peer.0 else {
            self.update_monitor();
            return self.server.as_ref()?.take().map(LodePacketPeerDTLS::own);
        };
        let Some(acceptor) = &self.acceptor else {
            godot_error!(
                "LodeDTLSServer.take_connection: call setup() first, and again after a property has changed."
            );
            return Some(LodePacketPeerDTLS::new_gd());
        };
        if !udp.is_socket_connected() {
            godot_error!(
                "LodeDTLSServer.take_connection: the PacketPeerUDP is not connected. Use one that a UDPServer returns."
            );
            return Some(LodePacketPeerDTLS::new_gd());
        }
        while udp.get_available_packet_count() > 0 {
            let datagram = udp.get_packet();
            let address = address_of(&udp.get_packet_ip(), udp.get_packet_port());
            let Some(address) = address else { continue };
            match acceptor.accept(address, datagram.as_slice()) {
                AcceptResult::Ignored => {}
                AcceptResult::Reply(answer) => {
                    udp.put_packet(&PackedByteArray::from(answer));
                }
                AcceptResult::Peer(peer) => return Some(LodePacketPeerDTLS::moved(peer, udp)),
            }
        }
        Some(LodePacketPeerDTLS::new_gd())
    }

    /// Listens on the UDP port [param port] and the local address [param bind_address] ([code]*[/code] for all
    /// addresses, IPv6 and IPv4), with its own socket. Port 0 picks a free port, see [method get_local_port]. Call
    /// [method setup] first. Take clients with [method take_connection].
    ///
    /// Returns [constant ERR_UNCONFIGURED] before [method setup], [constant ERR_ALREADY_IN_USE] if the port is in use
    /// or the server is already listening, [constant ERR_INVALID_PARAMETER] if the port or address is invalid,
    /// [constant ERR_UNAVAILABLE] if the address does not belong to this machine or the port requires more privileges,
    /// and [constant ERR_CANT_CREATE] if the system has no free socket.
    #[func]
    fn listen(&mut self, port: i32, #[opt(default = "*")] bind_address: GString) -> Error {
        let address = bind_address.to_string();
        let (error, why) = match (&self.setup, &self.server, u16::try_from(port)) {
            (_, Some(_), _) => (
                Error::ERR_ALREADY_IN_USE,
                "the server is already listening. Call stop() first.".into(),
            ),
            (None, _, _) => (
                Error::ERR_UNCONFIGURED,
                "call setup() first, and again after a property has changed.".into(),
            ),
            (_, _, Err(_)) => (
                Error::ERR_INVALID_PARAMETER,
                format!("invalid port {port}. Use 1 to 65535, or 0 for a free port."),
            ),
            (Some(setup), None, Ok(number)) => match Bind::parse(&address) {
                None => (
                    Error::ERR_INVALID_PARAMETER,
                    format!("{address:?} is not an IP address. Use * for all addresses."),
                ),
                Some(bind) => match Server::listen(bind, number, setup, self.limits()) {
                    Ok(server) => {
                        server.set_refusing(self.refusing);
                        self.server = Some(server);
                        return Error::OK;
                    }
                    Err(error) => (error_of(&error), error.explain(bind, number)),
                },
            },
        };
        godot_error!("LodeDTLSServer.listen: {why}");
        error
    }

    /// Stops listening, and disconnects all clients of [method listen]. The port is free when the method returns.
    #[func]
    fn stop(&mut self) {
        self.monitor.remove();
        self.server = None;
    }

    /// Returns [code]true[/code] if the server is listening.
    #[func]
    fn is_listening(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.failure().is_none())
    }

    /// Returns [code]true[/code] if a client of [method listen] is available for [method take_connection].
    #[func]
    fn is_connection_available(&self) -> bool {
        self.update_monitor();
        self.server.as_ref().is_some_and(Server::is_connection_available)
    }

    /// Returns the port that the server is listening on, or 0.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.server.as_ref().map_or(0, |server| server.local_addr().port().into())
    }

    #[func]
    fn set_ca_chain(&mut self, ca_chain: Option<Gd<X509Certificate>>) {
        if self.prepare_to_set("ca_chain") {
            self.ca_chain = ca_chain;
        }
    }

    #[func]
    fn set_client_ca_chain(&mut self, client_ca_chain: Option<Gd<X509Certificate>>) {
        if self.prepare_to_set("client_ca_chain") {
            self.client_ca_chain = client_ca_chain;
        }
    }

    #[func]
    fn set_pinned_client_certificates(&mut self, pinned_client_certificates: PackedStringArray) {
        if self.prepare_to_set("pinned_client_certificates") {
            self.pinned_client_certificates = pinned_client_certificates;
        }
    }

    #[func]
    fn set_revocation_lists(&mut self, revocation_lists: GString) {
        if self.prepare_to_set("revocation_lists") {
            self.revocation_lists = revocation_lists;
        }
    }

    #[func]
    fn set_max_peers(&mut self, max_peers: i32) {
        if self.prepare_to_set("max_peers") {
            self.max_peers = max_peers;
        }
    }

    #[func]
    fn set_max_handshakes(&mut self, max_handshakes: i32) {
        if self.prepare_to_set("max_handshakes") {
            self.max_handshakes = max_handshakes;
        }
    }

    #[func]
    fn set_max_handshakes_per_address(&mut self, max_handshakes_per_address: i32) {
        if self.prepare_to_set("max_handshakes_per_address") {
            self.max_handshakes_per_address = max_handshakes_per_address;
        }
    }

    #[func]
    fn set_mtu(&mut self, mtu: i32) {
        if self.prepare_to_set("mtu") {
            self.mtu = mtu;
        }
    }

    #[func]
    fn set_handshake_timeout(&mut self, handshake_timeout: f64) {
        if self.prepare_to_set("handshake_timeout") {
            self.handshake_timeout = handshake_timeout;
        }
    }

    #[func]
    fn set_idle_timeout(&mut self, idle_timeout: f64) {
        if self.prepare_to_set("idle_timeout") {
            self.idle_timeout = idle_timeout;
        }
    }

    #[func]
    fn set_max_buffered_bytes(&mut self, max_buffered_bytes: i64) {
        if self.prepare_to_set("max_buffered_bytes") {
            self.max_buffered_bytes = max_buffered_bytes;
        }
    }

    #[func]
    fn set_max_outgoing_bytes(&mut self, max_outgoing_bytes: i64) {
        if self.prepare_to_set("max_outgoing_bytes") {
            self.max_outgoing_bytes = max_outgoing_bytes;
        }
    }

    #[func]
    fn get_refuse_new_connections(&self) -> bool {
        self.refusing
    }

    #[func]
    fn set_refuse_new_connections(&mut self, value: bool) {
        self.refusing = value;
        if let Some(server) = &self.server {
            server.set_refusing(value);
        }
    }
}

fn error_of(error: &BindError) -> Error {
    match error {
        BindError::InUse => Error::ERR_ALREADY_IN_USE,
        BindError::Unavailable(_) => Error::ERR_UNAVAILABLE,
        BindError::System(_) => Error::ERR_CANT_CREATE,
    }
}

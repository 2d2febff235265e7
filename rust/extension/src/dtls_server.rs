//! `LodeDTLSServer`.

use crate::dtls_limits::{address_of, count, limits};
use crate::monitors::{Family, Monitor};
use crate::optional::Optional;
use crate::packet_peer_dtls::LodePacketPeerDTLS;
use crate::pem::certificate_text;
use crate::tls_options::{Extra, server_setup};
use godot::classes::{PacketPeerUdp, TlsOptions, X509Certificate};
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::certificates::Trust;
use lodewire_net::dtls::{Acceptor, Limits, Server, ServerSetup, Taken};
use lodewire_net::{Bind, BindError};

/// A server of encrypted connections over UDP (DTLS 1.2).
///
/// Like the engine's [DTLSServer], it makes a [LodePacketPeerDTLS] of each [PacketPeerUDP] that a [UDPServer] gives, and
/// does the heavy part of the handshakes on other threads. With [method listen] it has a socket of its own: then the game's
/// thread only takes peers and reads and writes packets, thousands of clients share one socket, and nobody is lost while
/// the game loads a level.
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
/// A client proves with a cookie that it is where it says before the server keeps anything of it. One that connects anew
/// from the address of a peer becomes a new peer, and the old one disconnects, when its handshake is through and not before.
#[derive(GodotClass)]
#[class(base=RefCounted, init, tool)]
pub(crate) struct LodeDTLSServer {
    base: Base<RefCounted>,
    setup: Option<ServerSetup>,
    acceptor: Option<Acceptor>,
    server: Option<Server>,
    refusing: bool,
    monitor: Monitor,

    /// The certificates between the server's and an authority that clients know, if the server's does not bring them
    /// along. The engine keeps those that it brings along only if it was loaded as a resource, with
    /// [method @GDScript.load]. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    ca_chain: Option<Gd<X509Certificate>>,

    /// Ask clients who they are: each has to show a certificate that is this one, or that this one has signed, and its key
    /// ([member LodePacketPeerDTLS.client_certificate]). [method LodePacketPeerDTLS.get_peer_certificate] tells which it
    /// was. The engine's clients have no certificates to show. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    client_ca_chain: Option<Gd<X509Certificate>>,

    /// Clients have to show one of these certificates: each is the SHA-256 of one, or of its public key, as 64 hexadecimal
    /// digits with or without colons. Without [member client_ca_chain] nothing else is checked. Set it before
    /// [method setup].
    #[var(usage_flags = [DEFAULT])]
    pinned_client_certificates: PackedStringArray,

    /// What authorities of clients have revoked: the text of PEM files of certificate revocation lists. Set it before
    /// [method setup].
    #[var(usage_flags = [DEFAULT])]
    revocation_lists: GString,

    /// How many clients there may be, those included that are connecting. Whoever comes beyond is not answered. Set it
    /// before [method setup]. With a [UDPServer] it is up to you.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 4096)]
    max_peers: i32,

    /// How many clients may be connecting at once. Whoever comes beyond is not answered, and asks again after a second. Set
    /// it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1024)]
    max_handshakes: i32,

    /// How many of them may be of one IP address, or of a /64 of IPv6. As many, and at least 64, may begin within 4
    /// seconds; beyond that a client is not answered, and asks again. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 256)]
    max_handshakes_per_address: i32,

    /// The longest datagram of the handshake, in bytes, from 296 on; what is longer is sent in pieces. Packets go in
    /// datagrams as long as they need. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1400)]
    mtu: i32,

    /// How many seconds a handshake may take; 0 is no limit. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    handshake_timeout: f64,

    /// Disconnect a client of which no packet has come for so many seconds; 0 never does. One that was killed says nothing,
    /// so without this it would stay for ever: clients that have nothing to say should say so now and then. Set it before
    /// [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    idle_timeout: f64,

    /// How many bytes of each client may wait for you to read them; what comes beyond is lost. A packet counts for 64 bytes
    /// more than it has. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_buffered_bytes: i64,

    /// How many bytes may wait for the network, for each client: beyond it [method PacketPeer.put_packet] returns
    /// [constant ERR_OUT_OF_MEMORY]. It counts for clients of [method listen] alone. Set it before [method setup].
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_outgoing_bytes: i64,

    /// Do not answer clients that come now. Those that are there, or connecting, stay. It may be changed at any time, and
    /// counts for [method listen] alone.
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
            peers: count(self.max_peers.into()),
            handshakes: count(self.max_handshakes.into()),
            handshakes_per_address: count(self.max_handshakes_per_address.into()),
            ..limits
        }
    }

    /// Shows the monitors what it does. There is no poll: games ask each frame whether somebody has come.
    fn observe(&self) {
        if let Some(server) = &self.server {
            let port = server.local_addr().port();
            self.monitor.update("LodeDTLSServer", Family::Dtls, port, || server.figures());
        }
    }

    fn read_setup(&self, options: Option<Gd<TlsOptions>>) -> Result<ServerSetup, String> {
        let options = options.ok_or("there are no options. Use TLSOptions.server().")?;
        let extra = Extra::read(&self.pinned_client_certificates, &self.revocation_lists)?;
        let authorities = self.client_ca_chain.as_ref().map(certificate_text);
        let trust = match &authorities {
            Some(authorities) => Some(Trust::Given(authorities)),
            None if !extra.pins.is_empty() => Some(Trust::Anyone),
            None => None,
        };
        let clients = trust.map(|trust| extra.rules(trust));
        server_setup(&options, self.ca_chain.as_ref(), clients)
    }
}

#[godot_api]
impl LodeDTLSServer {
    /// Sets the server up with a private key and its certificate: [code]TLSOptions.server(key, certificate)[/code]. RSA keys
    /// of 2048 to 8192 bits and EC keys on P-256 and P-384 will do. Properties that are to count are set before.
    ///
    /// Returns [constant ERR_INVALID_PARAMETER] if something does not fit, with a line in the log that says what, and
    /// [constant ERR_ALREADY_IN_USE] while the server listens.
    #[func]
    fn setup(&mut self, server_options: Option<Gd<TlsOptions>>) -> Error {
        if self.is_listening() {
            godot_error!("LodeDTLSServer.setup: the server listens. Call stop() first.");
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

    /// Without [param udp_peer], the next client that has connected to a server that [method listen]s, or [code]null[/code]
    /// if none waits. It is [constant LodePacketPeerDTLS.STATUS_HANDSHAKING] until its first
    /// [method LodePacketPeerDTLS.poll], and connected then.
    ///
    /// With [param udp_peer], which a [UDPServer] has given, its client: it is
    /// [constant LodePacketPeerDTLS.STATUS_HANDSHAKING] if it has proven that it is where it says. If it has not, it is sent a
    /// cookie: drop the peer, and take the client once more when it comes with that. So it is normal that every client
    /// comes twice.
    #[func]
    fn take_connection(
        &mut self,
        #[opt(default = Optional::NONE)] udp_peer: Optional<PacketPeerUdp>,
    ) -> Option<Gd<LodePacketPeerDTLS>> {
        let Some(mut udp) = udp_peer.0 else {
            self.observe();
            return self.server.as_ref()?.take().map(LodePacketPeerDTLS::own);
        };
        let Some(acceptor) = &self.acceptor else {
            godot_error!("LodeDTLSServer.take_connection: call setup() first.");
            return Some(LodePacketPeerDTLS::new_gd());
        };
        if !udp.is_socket_connected() {
            godot_error!(
                "LodeDTLSServer.take_connection: the PacketPeerUDP is not connected. Take it from a UDPServer."
            );
            return Some(LodePacketPeerDTLS::new_gd());
        }
        while udp.get_available_packet_count() > 0 {
            let datagram = udp.get_packet();
            let address = address_of(&udp.get_packet_ip(), udp.get_packet_port());
            let Some(address) = address else { continue };
            match acceptor.take(address, datagram.as_slice()) {
                Taken::Nothing => {}
                Taken::Answer(answer) => {
                    udp.put_packet(&PackedByteArray::from(answer));
                }
                Taken::Peer(peer) => return Some(LodePacketPeerDTLS::moved(peer, udp)),
            }
        }
        Some(LodePacketPeerDTLS::new_gd())
    }

    /// Listens on the UDP port [param port] and the address [param bind_address] of this machine ([code]*[/code] for all,
    /// IPv6 and IPv4), with a socket of its own; port 0 takes one that is free, which [method get_local_port] tells. Call
    /// [method setup] first. Take clients with [method take_connection].
    ///
    /// Returns [constant ERR_UNCONFIGURED] before [method setup], [constant ERR_ALREADY_IN_USE] if the port is taken or the
    /// server listens already, [constant ERR_INVALID_PARAMETER] for a bad port or address, [constant ERR_UNAVAILABLE] for
    /// an address that is not this machine's or a port that needs more rights, and [constant ERR_CANT_CREATE] if the system
    /// has no socket left.
    #[func]
    fn listen(&mut self, port: i32, #[opt(default = "*")] bind_address: GString) -> Error {
        let address = bind_address.to_string();
        let (error, why) = match (&self.setup, &self.server, u16::try_from(port)) {
            (_, Some(_), _) => {
                (Error::ERR_ALREADY_IN_USE, "the server listens already. Call stop() first.".into())
            }
            (None, _, _) => (Error::ERR_UNCONFIGURED, "call setup() first.".into()),
            (_, _, Err(_)) => {
                (Error::ERR_INVALID_PARAMETER, format!("{port} is no port. Use 1 to 65535, or 0."))
            }
            (Some(setup), None, Ok(number)) => match Bind::parse(&address) {
                None => (
                    Error::ERR_INVALID_PARAMETER,
                    format!("{address:?} is no IP address. Use * for all."),
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

    /// Stops to listen, and ends the connections of all clients that came by [method listen]. The port is free when it
    /// returns.
    #[func]
    fn stop(&mut self) {
        self.monitor.remove();
        self.server = None;
    }

    /// Whether the server listens.
    #[func]
    fn is_listening(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.failure().is_none())
    }

    /// Whether a client waits for [method take_connection], which has connected by [method listen].
    #[func]
    fn is_connection_available(&self) -> bool {
        self.observe();
        self.server.as_ref().is_some_and(Server::is_connection_available)
    }

    /// The port that the server listens on, or 0.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.server.as_ref().map_or(0, |server| server.local_addr().port().into())
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
        BindError::Refused(_) => Error::ERR_UNAVAILABLE,
        BindError::System(_) => Error::ERR_CANT_CREATE,
    }
}

//! `LodePacketPeerDTLS`.

mod link;

use crate::class_enum::class_enum;
use crate::dtls_limits::limits;
use crate::name_lookup::NameLookup;
use crate::optional::Optional;
use crate::packet_buffer;
use crate::pem::{certificate_text, key_text};
use crate::tls_options::{Extra, advice, client_setup};
use godot::classes::{
    CryptoKey, IPacketPeerExtension, PacketPeerExtension, PacketPeerUdp, TlsOptions,
    X509Certificate,
};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use link::Link;
use lodewire_net::certificates::{Trust, to_pem};
use lodewire_net::dtls::{self, ClientSetup, LONGEST_PACKET, Limits, Moved, SendError};
use std::net::{IpAddr, SocketAddr};

class_enum! {
    /// How far the connection has come.
    pub(crate) enum LodePacketPeerDTLS.Status {
        /// There is no connection: it has ended, or none was begun. [method get_error_message] tells why it has ended.
        Disconnected = 0 => "STATUS_DISCONNECTED",
        /// The connection is coming about. Go on to call [method poll].
        Handshaking = 1 => "STATUS_HANDSHAKING",
        /// Packets go both ways.
        Connected = 2 => "STATUS_CONNECTED",
        /// The connection has failed. [method get_error_message] tells why.
        Error = 3 => "STATUS_ERROR",
        /// The connection has failed, since the server's certificate is for another name than the one that was asked for.
        ErrorHostnameMismatch = 4 => "STATUS_ERROR_HOSTNAME_MISMATCH",
    }
}

/// The other side of an encrypted connection over UDP (DTLS 1.2): a client of a [LodeDTLSServer], or a server.
///
/// Like the engine's [PacketPeerDTLS], it takes a [PacketPeerUDP] that is connected ([method connect_to_peer]), moves its
/// datagrams whenever you call [method poll], and does the heavy part of the handshake on other threads. With
/// [method connect_to_host] it has a socket of its own: then everything but reading and writing packets is done off the
/// game's thread, and goes on while the game loads a level.
///
/// Packets are read and written with the methods of [PacketPeer]. They arrive whole or not at all, each at most once, in
/// any order, and have up to 16384 bytes; those of more than about 1200 bytes are lost more easily.
/// ```gdscript
/// var peer := LodePacketPeerDTLS.new()
///
/// func _ready():
///     var server_certificate = load("res://server.crt")
///     peer.connect_to_host("203.0.113.1", 4242, "game.example", TLSOptions.client(server_certificate))
///
/// func _process(_delta):
///     peer.poll()
///     if peer.get_status() == LodePacketPeerDTLS.STATUS_CONNECTED:
///         while peer.get_available_packet_count() > 0:
///             print(peer.get_packet().get_string_from_utf8())
///     elif peer.get_status() != LodePacketPeerDTLS.STATUS_HANDSHAKING:
///         print("Lost: ", peer.get_error_message())
/// ```
#[derive(GodotClass)]
#[class(base=PacketPeerExtension, init, tool)]
pub(crate) struct LodePacketPeerDTLS {
    base: Base<PacketPeerExtension>,
    #[init(val = Link::None)]
    link: Link,
    /// The name of the server while it is looked up, and the port.
    lookup: Option<(NameLookup, u16)>,
    /// Why it was not begun to connect.
    objection: String,

    /// The server's certificate must be one of these, whoever vouches for it: each is the SHA-256 of a certificate, or of
    /// its public key (which stays when the certificate is renewed), as 64 hexadecimal digits with or without colons.
    /// [code]openssl x509 -in server.crt -noout -fingerprint -sha256[/code] prints that of a certificate. With
    /// [method TLSOptions.client_unsafe] nothing else is checked. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    pinned_certificates: PackedStringArray,

    /// What authorities have revoked: the text of PEM files of certificate revocation lists, one behind the other. Who
    /// shows a certificate that is in them, or that one in them has signed, is refused. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    revocation_lists: GString,

    /// What this client shows to a server that asks who it is ([member LodeDTLSServer.client_ca_chain]). Set it, and
    /// [member client_key], before you connect.
    #[var(usage_flags = [DEFAULT])]
    client_certificate: Option<Gd<X509Certificate>>,

    /// The private key of [member client_certificate].
    #[var(usage_flags = [DEFAULT])]
    client_key: Option<Gd<CryptoKey>>,

    /// The longest datagram of the handshake, in bytes, from 296 on; what is longer is sent in pieces. Packets go in
    /// datagrams as long as they need. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1400)]
    mtu: i32,

    /// How many seconds the handshake may take; 0 is no limit. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    handshake_timeout: f64,

    /// Disconnect when no packet has come for so many seconds; 0, the default, never does. A server that has crashed says
    /// nothing. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    idle_timeout: f64,

    /// How many bytes may wait for you to read them; what comes beyond is lost. A packet counts for 64 bytes more than it
    /// has. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_buffered_bytes: i64,

    /// How many bytes may wait for the network: beyond it [method PacketPeer.put_packet] returns
    /// [constant ERR_OUT_OF_MEMORY]. It counts for [method connect_to_host] alone: elsewhere nothing waits. Set it before
    /// you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_outgoing_bytes: i64,
}

impl LodePacketPeerDTLS {
    fn create(link: Link) -> Gd<Self> {
        let mut peer = Self::new_gd();
        peer.bind_mut().link = link;
        peer
    }

    /// The script's object for a client with a socket of the engine's.
    pub(crate) fn moved(peer: Box<Moved>, udp: Gd<PacketPeerUdp>) -> Gd<Self> {
        Self::create(Link::Moved(peer, Some(udp)))
    }

    /// The script's object for a client of a server with a socket of its own.
    pub(crate) fn own(peer: dtls::Peer) -> Gd<Self> {
        Self::create(Link::Own(Box::new(peer)))
    }

    fn limits(&self) -> Limits {
        limits(
            self.mtu,
            self.handshake_timeout,
            self.idle_timeout,
            self.max_buffered_bytes,
            self.max_outgoing_bytes,
        )
    }

    /// Reads what else is to be checked, and what this client shows.
    fn prepare(
        &self,
        setup: impl FnOnce(&Extra) -> Result<ClientSetup, String>,
    ) -> Result<ClientSetup, (Error, String)> {
        if matches!(self.get_status(), Status::Handshaking | Status::Connected) {
            let why = "the peer is connected, or connecting. Call disconnect_from_peer() first.";
            return Err((Error::ERR_ALREADY_IN_USE, why.to_owned()));
        }
        let invalid = |why: String| (Error::ERR_INVALID_PARAMETER, why);
        let extra =
            Extra::read(&self.pinned_certificates, &self.revocation_lists).map_err(invalid)?;
        let mut setup = setup(&extra).map_err(invalid)?;
        match (&self.client_key, &self.client_certificate) {
            (None, None) => {}
            (Some(key), Some(certificate)) => {
                let key = key_text(key).map_err(|why| invalid(format!("client_key {why}")))?;
                let certificate = certificate_text(certificate);
                setup
                    .identify(&key, &certificate)
                    .map_err(|error| invalid(format!("client_key: {}", advice(error))))?;
            }
            _ => {
                let why = "client_key and client_certificate need each other.";
                return Err(invalid(why.to_owned()));
            }
        }
        Ok(setup)
    }

    /// Connects through a socket of the engine's.
    fn connect_through(
        &mut self,
        caller: &str,
        udp: Option<Gd<PacketPeerUdp>>,
        setup: impl FnOnce(&Extra) -> Result<ClientSetup, String>,
    ) -> Error {
        let begun = self.prepare(setup).and_then(|setup| {
            let udp = udp.filter(|udp| udp.is_socket_connected()).ok_or_else(|| {
                let why = "the PacketPeerUDP is not connected. Call its connect_to_host() first.";
                (Error::ERR_INVALID_PARAMETER, why.to_owned())
            })?;
            Ok(Link::Moved(Box::new(Moved::connect(&setup, self.limits())), Some(udp)))
        });
        match begun {
            Ok(mut link) => {
                link.exchange();
                self.begin(link)
            }
            Err((error, why)) => self.object(caller, error, why),
        }
    }

    fn begin(&mut self, link: Link) -> Error {
        self.link = link;
        self.lookup = None;
        self.objection = String::new();
        Error::OK
    }

    fn object(&mut self, caller: &str, error: Error, why: String) -> Error {
        godot_error!("LodePacketPeerDTLS.{caller}: {why}");
        self.objection = why;
        error
    }
}

#[godot_api]
impl LodePacketPeerDTLS {
    /// Connects to a server through [param packet_peer], whose [method PacketPeerUDP.connect_to_host] was called before.
    /// Call [method poll] until [method get_status] is [constant STATUS_CONNECTED].
    ///
    /// The server's certificate must be for [param hostname], and who vouches for it is said by [param client_options]:
    /// [code]TLSOptions.client(certificate)[/code] trusts that certificate and those it has signed,
    /// [code]TLSOptions.client()[/code] and [code]null[/code] the authorities that the operating system trusts,
    /// [code]TLSOptions.client_unsafe()[/code] anyone, and [code]TLSOptions.client_unsafe(certificate)[/code] checks
    /// everything but the name.
    ///
    /// Returns [constant ERR_INVALID_PARAMETER] if the socket is not connected or an option cannot be used, and
    /// [constant ERR_ALREADY_IN_USE] while this peer is connected or connecting.
    #[func]
    fn connect_to_peer(
        &mut self,
        packet_peer: Option<Gd<PacketPeerUdp>>,
        hostname: GString,
        #[opt(default = Optional::NONE)] client_options: Optional<TlsOptions>,
    ) -> Error {
        let hostname = hostname.to_string();
        self.connect_through("connect_to_peer", packet_peer, |extra| {
            client_setup(client_options.0.as_ref(), &hostname, extra)
        })
    }

    /// Connects like [method connect_to_peer], with the arguments that Godot 3 had: with [param validate_certs] the
    /// server's certificate must be for [param for_hostname], and be [param valid_certificate] or signed by it; without
    /// that, who the operating system trusts has to vouch for it. Without [param validate_certs] nothing is checked.
    #[func]
    fn connect_to_peer_godot_3(
        &mut self,
        packet_peer: Option<Gd<PacketPeerUdp>>,
        #[opt(default = true)] validate_certs: bool,
        #[opt(default = "")] for_hostname: GString,
        #[opt(default = Optional::NONE)] valid_certificate: Optional<X509Certificate>,
    ) -> Error {
        let hostname = for_hostname.to_string();
        self.connect_through("connect_to_peer_godot_3", packet_peer, |extra| {
            let certificate = valid_certificate.0.as_ref().map(certificate_text);
            let trust = match &certificate {
                _ if !validate_certs => Trust::Anyone,
                Some(certificate) => Trust::Given(certificate),
                None => return client_setup(None, &hostname, extra),
            };
            ClientSetup::new(extra.rules(trust), &hostname, validate_certs).map_err(advice)
        })
    }

    /// Connects to the server at [param address], an IP address or a name, and [param port], with a socket of its own:
    /// the engine's thread neither moves datagrams nor does any part of the handshake. The engine looks names up, on a
    /// thread of its own, and [method poll] takes the answer; the addresses are tried one after the other.
    ///
    /// The server's certificate must be for [param hostname], or for [param address] if that is empty;
    /// [param client_options] as of [method connect_to_peer]. What goes wrong on the network is told by
    /// [method get_status] and [method get_error_message].
    ///
    /// Returns [constant ERR_INVALID_PARAMETER] for a bad port, an empty address, or an option that cannot be used,
    /// [constant ERR_ALREADY_IN_USE] while this peer is connected or connecting, and [constant ERR_CANT_CREATE] if the
    /// system has no socket left.
    #[func]
    fn connect_to_host(
        &mut self,
        address: GString,
        port: i32,
        #[opt(default = "")] hostname: GString,
        #[opt(default = Optional::NONE)] client_options: Optional<TlsOptions>,
    ) -> Error {
        let (address, hostname) = (address.to_string(), hostname.to_string());
        let name = if hostname.is_empty() { &address } else { &hostname };
        let begun = self
            .prepare(|extra| client_setup(client_options.0.as_ref(), name, extra))
            .and_then(|setup| {
                let invalid = |why: String| (Error::ERR_INVALID_PARAMETER, why);
                if address.is_empty() {
                    return Err(invalid(
                        "there is no address. Give an IP address or a name.".into(),
                    ));
                }
                let number = u16::try_from(port).ok().filter(|port| *port > 0);
                let number =
                    number.ok_or_else(|| invalid(format!("{port} is no port. Use 1 to 65535.")))?;
                let limits = self.limits();
                let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                let ip = bare.unwrap_or(&address).parse::<IpAddr>().ok();
                let cannot = |why: String| (Error::ERR_CANT_CREATE, why);
                let lookup = match ip {
                    Some(_) => None,
                    None => Some(
                        NameLookup::begin(&address, limits.handshake_timeout).map_err(cannot)?,
                    ),
                };
                let peer = dtls::Peer::connect(&setup, limits)
                    .map_err(|error| cannot(format!("{error}.")))?;
                if let Some(ip) = ip {
                    peer.resolved(Ok(vec![SocketAddr::new(ip, number)]));
                }
                Ok((peer, lookup.map(|lookup| (lookup, number))))
            });
        match begun {
            Ok((peer, lookup)) => {
                let error = self.begin(Link::Own(Box::new(peer)));
                self.lookup = lookup;
                error
            }
            Err((error, why)) => self.object("connect_to_host", error, why),
        }
    }

    /// Ends the connection, and tells the other side. Packets that have come stay readable.
    #[func]
    fn disconnect_from_peer(&mut self) {
        self.lookup = None;
        self.link.end();
    }

    /// How far the connection has come, as of the last [method poll].
    #[func]
    pub(crate) fn get_status(&self) -> Status {
        match self.link.status() {
            None | Some(dtls::Status::Disconnected(_)) => Status::Disconnected,
            Some(dtls::Status::Handshaking) => Status::Handshaking,
            Some(dtls::Status::Connected) => Status::Connected,
            Some(dtls::Status::Failed(_)) => Status::Error,
            Some(dtls::Status::WrongName(_)) => Status::ErrorHostnameMismatch,
        }
    }

    /// Sees what has come, and updates the status. With a [PacketPeerUDP] it also sends what is to be sent again: call it
    /// every frame.
    #[func]
    fn poll(&mut self) {
        if let Some((lookup, port)) = &self.lookup
            && let Some(answer) = lookup.answer()
        {
            let at = |ip: IpAddr| SocketAddr::new(ip, *port);
            self.link.resolved(answer.map(|ips| ips.into_iter().map(at).collect()));
            self.lookup = None;
        }
        self.link.exchange();
    }

    /// Why the connection could not be begun, has failed or ended, in a line; empty if it is there, or was ended as it
    /// should be. For example [code]the certificate is not accepted: it has expired[/code].
    #[func]
    fn get_error_message(&self) -> GString {
        if self.objection.is_empty() {
            GString::from(self.link.status().map_or("", dtls::Status::reason))
        } else {
            GString::from(&self.objection)
        }
    }

    /// The certificate that the other side has shown: a server's always, a client's if the server asks for one. Without
    /// one, or before the connection is there, [code]null[/code].
    #[func]
    fn get_peer_certificate(&self) -> Option<Gd<X509Certificate>> {
        let chain = self.link.certificates();
        let mut certificate = X509Certificate::new_gd();
        let text = GString::from(&to_pem(chain.first()?));
        (certificate.load_from_string(&text) == Error::OK).then_some(certificate)
    }

    /// All packets that wait, in their order: the same as [method PacketPeer.get_packet] until none is left, in one call.
    #[func]
    fn get_packets(&mut self) -> Array<PackedByteArray> {
        let mut packets = Vec::new();
        while let Some(packet) = self.link.receive() {
            packets.push(PackedByteArray::from(packet));
        }
        Array::from(packets.as_slice())
    }

    /// How many packets were lost since too many waited to be read: see [member max_buffered_bytes].
    #[func]
    fn get_dropped_packet_count(&self) -> i64 {
        let dropped = self.link.dropped();
        i64::try_from(dropped).unwrap_or(i64::MAX)
    }

    /// The IP address of the other side, if this peer has a socket of its own or comes from [method LodeDTLSServer.listen];
    /// else ask the [PacketPeerUDP].
    #[func]
    fn get_connected_host(&self) -> GString {
        let remote = self.link.remote();
        remote.map_or_else(GString::new, |remote| GString::from(&remote.ip().to_string()))
    }

    /// The port of the other side, or 0, as of [method get_connected_host].
    #[func]
    fn get_connected_port(&self) -> i32 {
        self.link.remote().map_or(0, |remote| remote.port().into())
    }
}

#[godot_api]
impl IPacketPeerExtension for LodePacketPeerDTLS {
    fn get_available_packet_count(&self) -> i32 {
        let available = self.link.available();
        i32::try_from(available).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        i32::try_from(LONGEST_PACKET).unwrap_or(i32::MAX)
    }

    unsafe fn get_packet_rawptr(
        &mut self,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        // SAFETY: the pointers are the engine's own. The packet stays in the link until the next call.
        unsafe { packet_buffer::lend(self.link.receive(), Error::ERR_UNAVAILABLE, buffer, size) }
    }

    unsafe fn put_packet_rawptr(&mut self, buffer: RawPtr<*const u8>, size: i32) -> Error {
        // SAFETY: the pointer and the size are the engine's own; it is sent or copied at once.
        let packet = unsafe { packet_buffer::view(buffer, size) };
        match self.link.send(packet) {
            Ok(()) => Error::OK,
            Err(SendError::NotConnected) => Error::ERR_UNCONFIGURED,
            Err(SendError::Full) => Error::ERR_OUT_OF_MEMORY,
            Err(SendError::TooLong) => {
                // A small device may have asked for shorter ones: that is not the script's fault.
                if packet.len() > LONGEST_PACKET {
                    godot_error!(
                        "LodePacketPeerDTLS.put_packet: {} bytes are more than 16384. Send them in parts.",
                        packet.len()
                    );
                }
                Error::ERR_INVALID_PARAMETER
            }
        }
    }
}

//! `LodePacketPeerDTLS`.

mod link;

use crate::class_enum::class_enum;
use crate::dtls_limits::limits;
use crate::name_lookup::NameLookup;
use crate::optional::Optional;
use crate::packet_buffer;
use crate::pem::{certificate_text, key_text};
use crate::tls_options::{ExtraChecks, client_setup, error_message};
use godot::classes::{
    CryptoKey, IPacketPeerExtension, PacketPeerExtension, PacketPeerUdp, TlsOptions,
    X509Certificate,
};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use link::Link;
use lodewire_net::certificates::{TrustAnchors, to_pem};
use lodewire_net::dtls::{self, ClientConfig, Limits, MAX_PACKET_SIZE, ManualPeer, SendError};
use std::net::{IpAddr, SocketAddr};

class_enum! {
    /// The connection status.
    pub(crate) enum LodePacketPeerDTLS.Status {
        /// There is no connection: it has ended, or none was started. [method get_error_message] returns why it has
        /// ended.
        Disconnected = 0 => "STATUS_DISCONNECTED",
        /// The connection is being established. Keep calling [method poll].
        Handshaking = 1 => "STATUS_HANDSHAKING",
        /// The connection is open: packets can be sent and received.
        Connected = 2 => "STATUS_CONNECTED",
        /// The connection has failed. [method get_error_message] returns the cause.
        Error = 3 => "STATUS_ERROR",
        /// The connection has failed because the server's certificate is not valid for the requested name.
        ErrorHostnameMismatch = 4 => "STATUS_ERROR_HOSTNAME_MISMATCH",
    }
}

/// The remote side of an encrypted connection over UDP (DTLS 1.2): a client of a [LodeDTLSServer], or a server.
///
/// Like the engine's [PacketPeerDTLS], it takes a connected [PacketPeerUDP] ([method connect_to_peer]) and moves its
/// datagrams in [method poll]; the expensive part of the handshake runs on another thread. With
/// [method connect_to_host] it has its own socket: then the game thread only reads and writes packets, and everything
/// else continues while the game loads a level.
///
/// Packets are read and written with the methods of [PacketPeer]. They are delivered completely or not at all, at most
/// once, and in any order. The maximum size is 16384 bytes; packets of more than about 1200 bytes are more likely to be
/// lost.
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
    /// The host name that is being resolved, and the port.
    lookup: Option<(NameLookup, u16)>,
    /// The cause why a connection attempt was not started.
    rejection: String,

    /// If not empty, the server must present one of these certificates, in addition to the other checks. Each entry is
    /// the SHA-256 hash of a certificate, or of its public key (which does not change if the certificate is renewed
    /// with the same key), as 64 hexadecimal digits with or without colons. [code]openssl x509 -in server.crt -noout
    /// -fingerprint -sha256[/code] prints the hash of a certificate. With [method TLSOptions.client_unsafe] nothing
    /// else is verified. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    pinned_certificates: PackedStringArray,

    /// The certificate revocation lists of the authorities, as the concatenated text of PEM files. A revoked
    /// certificate, or one that was signed by a revoked certificate, is rejected. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    revocation_lists: GString,

    /// The certificate to present to a server that requests client certificates
    /// ([member LodeDTLSServer.client_ca_chain]). Set it and [member client_key] before you connect.
    #[var(usage_flags = [DEFAULT])]
    client_certificate: Option<Gd<X509Certificate>>,

    /// The private key of [member client_certificate].
    #[var(usage_flags = [DEFAULT])]
    client_key: Option<Gd<CryptoKey>>,

    /// The maximum size of a datagram of the handshake in bytes, at least 296; longer messages are fragmented.
    /// Datagrams of packets are as long as needed. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 1400)]
    mtu: i32,

    /// The maximum duration of the handshake in seconds; 0 is unlimited. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 60.0)]
    handshake_timeout: f64,

    /// The time in seconds without a packet after which the connection is closed; 0, the default, disables it. A
    /// crashed server sends no close_notify. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    idle_timeout: f64,

    /// The maximum size in bytes of the received packets that you have not read; further packets are dropped. Each
    /// packet counts 64 bytes more than its length. Set it before you connect.
    #[var(usage_flags = [DEFAULT])]
    #[init(val = 8 << 20)]
    max_buffered_bytes: i64,

    /// The maximum size in bytes of the packets that are buffered to be sent. Beyond it, [method PacketPeer.put_packet]
    /// returns [constant ERR_OUT_OF_MEMORY]. It only applies to [method connect_to_host]; otherwise nothing is
    /// buffered. Set it before you connect.
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

    /// Creates the script's object for a client with a socket of the engine.
    pub(crate) fn moved(peer: Box<ManualPeer>, udp: Gd<PacketPeerUdp>) -> Gd<Self> {
        Self::create(Link::Manual(peer, Some(udp)))
    }

    /// Creates the script's object for a client of a server with its own socket.
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

    /// Reads the additional checks, and the certificate that this client presents.
    fn prepare(
        &self,
        setup: impl FnOnce(&ExtraChecks) -> Result<ClientConfig, String>,
    ) -> Result<ClientConfig, (Error, String)> {
        if matches!(self.get_status(), Status::Handshaking | Status::Connected) {
            let why = "the peer is connected, or connecting. Call disconnect_from_peer() first.";
            return Err((Error::ERR_ALREADY_IN_USE, why.to_owned()));
        }
        let invalid = |why: String| (Error::ERR_INVALID_PARAMETER, why);
        let extra = ExtraChecks::read(&self.pinned_certificates, &self.revocation_lists)
            .map_err(invalid)?;
        let mut setup = setup(&extra).map_err(invalid)?;
        match (&self.client_key, &self.client_certificate) {
            (None, None) => {}
            (Some(key), Some(certificate)) => {
                let key = key_text(key).map_err(|why| invalid(format!("client_key {why}")))?;
                let certificate = certificate_text(certificate);
                setup
                    .set_client_certificate(&key, &certificate)
                    .map_err(|error| invalid(format!("client_key: {}", error_message(error))))?;
            }
            _ => {
                let why = "client_key and client_certificate must both be set, or neither.";
                return Err(invalid(why.to_owned()));
            }
        }
        Ok(setup)
    }

    /// Connects through a socket of the engine.
    fn connect_through(
        &mut self,
        caller: &str,
        udp: Option<Gd<PacketPeerUdp>>,
        setup: impl FnOnce(&ExtraChecks) -> Result<ClientConfig, String>,
    ) -> Error {
        let begun = self.prepare(setup).and_then(|setup| {
            let udp = udp.filter(|udp| udp.is_socket_connected()).ok_or_else(|| {
                let why = "the PacketPeerUDP is not connected. Call its connect_to_host() first.";
                (Error::ERR_INVALID_PARAMETER, why.to_owned())
            })?;
            Ok(Link::Manual(Box::new(ManualPeer::connect(&setup, self.limits())), Some(udp)))
        });
        match begun {
            Ok(mut link) => {
                link.exchange();
                self.begin(link)
            }
            Err((error, why)) => self.reject(caller, error, why),
        }
    }

    fn begin(&mut self, link: Link) -> Error {
        self.link = link;
        self.lookup = None;
        self.rejection = String::new();
        Error::OK
    }

    fn reject(&mut self, caller: &str, error: Error, why: String) -> Error {
        godot_error!("LodePacketPeerDTLS.{caller}: {why}");
        self.rejection = why;
        error
    }
}

#[godot_api]
impl LodePacketPeerDTLS {
    /// Connects to a server through [param packet_peer], which must be connected with
    /// [method PacketPeerUDP.connect_to_host]. Call [method poll] until [method get_status] is
    /// [constant STATUS_CONNECTED].
    ///
    /// The server's certificate must be valid for [param hostname], and is verified according to
    /// [param client_options]: [code]TLSOptions.client(certificate)[/code] trusts that certificate and the ones that it
    /// has signed, [code]TLSOptions.client()[/code] and [code]null[/code] trust the authorities of the operating
    /// system, [code]TLSOptions.client_unsafe()[/code] disables verification, and
    /// [code]TLSOptions.client_unsafe(certificate)[/code] verifies everything except the name.
    ///
    /// Returns [constant ERR_INVALID_PARAMETER] if the socket is not connected or an option is invalid, and
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

    /// Connects like [method connect_to_peer], with the arguments of Godot 3. If [param validate_certs] is
    /// [code]true[/code], the server's certificate must be valid for [param for_hostname], and must be
    /// [param valid_certificate] or be signed by it; without [param valid_certificate], the authorities of the
    /// operating system are trusted. If [param validate_certs] is [code]false[/code], verification is disabled.
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
                _ if !validate_certs => TrustAnchors::Insecure,
                Some(certificate) => TrustAnchors::Custom(certificate),
                None => return client_setup(None, &hostname, extra),
            };
            ClientConfig::new(extra.rules(trust), &hostname, validate_certs).map_err(error_message)
        })
    }

    /// Connects to the server at [param address], an IP address or a host name, and [param port], with its own socket:
    /// the game thread neither moves datagrams nor does any part of the handshake. The engine resolves host names on
    /// another thread, and [method poll] takes the result; the addresses are tried one after the other.
    ///
    /// The server's certificate must be valid for [param hostname], or for [param address] if that is empty; for
    /// [param client_options] see [method connect_to_peer]. Network failures are reported by [method get_status] and
    /// [method get_error_message].
    ///
    /// Returns [constant ERR_INVALID_PARAMETER] if the port, the address or an option is invalid,
    /// [constant ERR_ALREADY_IN_USE] while this peer is connected or connecting, and [constant ERR_CANT_CREATE] if the
    /// system has no free socket.
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
                        "the address is empty. Use an IP address or a host name.".into(),
                    ));
                }
                let number = u16::try_from(port).ok().filter(|port| *port > 0);
                let number = number
                    .ok_or_else(|| invalid(format!("invalid port {port}. Use 1 to 65535.")))?;
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
            Err((error, why)) => self.reject("connect_to_host", error, why),
        }
    }

    /// Closes the connection, and informs the other side. Received packets remain readable.
    #[func]
    fn disconnect_from_peer(&mut self) {
        self.lookup = None;
        self.link.end();
    }

    /// Returns the connection status as of the last [method poll].
    #[func]
    pub(crate) fn get_status(&self) -> Status {
        match self.link.status() {
            None | Some(dtls::Status::Disconnected(_)) => Status::Disconnected,
            Some(dtls::Status::Handshaking) => Status::Handshaking,
            Some(dtls::Status::Connected) => Status::Connected,
            Some(dtls::Status::Failed(_)) => Status::Error,
            Some(dtls::Status::HostnameMismatch(_)) => Status::ErrorHostnameMismatch,
        }
    }

    /// Processes received packets, and updates the status. With a [PacketPeerUDP] it also retransmits: call it every
    /// frame.
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

    /// Returns why the connection was not started, has failed or has ended, as a message; empty if it is open
    /// or was closed normally. For example [code]the certificate is not accepted: expired[/code].
    #[func]
    fn get_error_message(&self) -> GString {
        if self.rejection.is_empty() {
            GString::from(self.link.status().map_or("", dtls::Status::reason))
        } else {
            GString::from(&self.rejection)
        }
    }

    /// Returns the certificate of the other side: always for a server, for a client only if the server requests it.
    /// Without one, or before the connection is established, returns [code]null[/code].
    #[func]
    fn get_peer_certificate(&self) -> Option<Gd<X509Certificate>> {
        let chain = self.link.certificates();
        let mut certificate = X509Certificate::new_gd();
        let text = GString::from(&to_pem(chain.first()?));
        (certificate.load_from_string(&text) == Error::OK).then_some(certificate)
    }

    /// Returns all available packets in order, like calling [method PacketPeer.get_packet] until none is left.
    #[func]
    fn get_packets(&mut self) -> Array<PackedByteArray> {
        let mut packets = Vec::new();
        while let Some(packet) = self.link.receive() {
            packets.push(PackedByteArray::from(packet));
        }
        Array::from(packets.as_slice())
    }

    /// Returns the number of packets that were dropped because the receive buffer was full: see
    /// [member max_buffered_bytes].
    #[func]
    fn get_dropped_packet_count(&self) -> i64 {
        let dropped = self.link.dropped();
        i64::try_from(dropped).unwrap_or(i64::MAX)
    }

    /// Returns the IP address of the other side, if this peer has its own socket or comes from
    /// [method LodeDTLSServer.listen]; otherwise use the [PacketPeerUDP].
    #[func]
    fn get_connected_host(&self) -> GString {
        let remote = self.link.remote();
        remote.map_or_else(GString::new, |remote| GString::from(&remote.ip().to_string()))
    }

    /// Returns the port of the other side, or 0: see [method get_connected_host].
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
        i32::try_from(MAX_PACKET_SIZE).unwrap_or(i32::MAX)
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
                // The peer may have negotiated a smaller record size, which is not a script error.
                if packet.len() > MAX_PACKET_SIZE {
                    godot_error!(
                        "LodePacketPeerDTLS.put_packet: {} bytes exceed the maximum of 16384. Split the packet.",
                        packet.len()
                    );
                }
                Error::ERR_INVALID_PARAMETER
            }
        }
    }
}

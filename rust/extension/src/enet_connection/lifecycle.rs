//! Creates, connects and destroys the host.

use super::{LodeENetConnection, inactive};
use crate::enet_packet_peer::LodeENetPacketPeer;
use crate::name_lookup::NameLookup;
use crate::optional::Optional;
use crate::tls_options::{ExtraChecks, client_setup, server_setup};
use crate::websocket_settings::timeout;
use godot::classes::TlsOptions;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::Bind;
use lodewire_net::enet::{ConnectError, Host, HostConfig, MAX_PEERS, Peer};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// Timeout of a name lookup: about as long as a connection attempt to a host that does not answer.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum number of channels.
const MAX_CHANNELS: i32 = 255;

/// The arguments of `create_host` and `create_host_bound`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostParams {
    pub(crate) max_peers: i32,
    pub(crate) max_channels: i32,
    pub(crate) in_bandwidth: i32,
    pub(crate) out_bandwidth: i32,
}

impl HostParams {
    fn config(self) -> Result<HostConfig, String> {
        let peers = usize::try_from(self.max_peers)
            .ok()
            .filter(|peers| (1..=MAX_PEERS).contains(peers))
            .ok_or_else(|| format!("max_peers is {}; it must be 1 to 4095.", self.max_peers))?;
        let channels = usize::try_from(self.max_channels)
            .ok()
            .filter(|_| self.max_channels <= MAX_CHANNELS)
            .ok_or_else(|| {
                format!("max_channels is {}; it must be 0 to 255.", self.max_channels)
            })?;
        let bandwidth = |bandwidth: i32, name: &str| {
            u32::try_from(bandwidth).map_err(|_| {
                format!("{name} is {bandwidth}; it must be 0, for unlimited, or more.")
            })
        };
        Ok(HostConfig {
            peers,
            channel_limit: if channels == 0 { 255 } else { channels },
            incoming_bandwidth: bandwidth(self.in_bandwidth, "in_bandwidth")?,
            outgoing_bandwidth: bandwidth(self.out_bandwidth, "out_bandwidth")?,
            ..HostConfig::default()
        })
    }
}

/// Converts a port to send to, or prints an error. `caller` is the class and method that the script has called.
pub(super) fn port_of(caller: &str, port: i32) -> Option<u16> {
    let port_number = u16::try_from(port).ok().filter(|port| *port > 0);
    if port_number.is_none() {
        godot_error!("{caller}: invalid port {port}. Use 1 to 65535.");
    }
    port_number
}

/// Returns true if a text looks like a host name; anything else that is not an address is a mistake.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte) || byte >= 0x80;
    let dotted_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(allowed) && !dotted_number
}

#[godot_api(secondary)]
impl LodeENetConnection {
    /// Creates a host on a free UDP port, for up to [param max_peers] connections (1 to 4095) with up to
    /// [param max_channels] channels each (0 means 255). The bandwidths are in bytes per second; 0 is unlimited.
    /// [method get_local_port] returns the port immediately.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if there is a host already, [constant ERR_INVALID_PARAMETER] if a number
    /// is out of range, and [constant ERR_CANT_CREATE] if the system has no free port.
    #[func]
    fn create_host(
        &mut self,
        #[opt(default = 32)] max_peers: i32,
        #[opt(default = 0)] max_channels: i32,
        #[opt(default = 0)] in_bandwidth: i32,
        #[opt(default = 0)] out_bandwidth: i32,
    ) -> Error {
        let params = HostParams { max_peers, max_channels, in_bandwidth, out_bandwidth };
        self.create("LodeENetConnection.create_host", Bind::Any, 0, params)
    }

    /// Creates a host like [method create_host], on the local address [param bind_address] ([code]*[/code] for all
    /// addresses, IPv6 and IPv4) and the UDP port [param bind_port]; 0 picks a free port.
    ///
    /// Nothing is received or sent before the first [method service], so that everything that you set up until then
    /// applies from the first datagram on: [method compress], [method dtls_server_setup],
    /// [method refuse_new_connections] and the properties.
    #[func]
    fn create_host_bound(
        &mut self,
        bind_address: GString,
        bind_port: i32,
        #[opt(default = 32)] max_peers: i32,
        #[opt(default = 0)] max_channels: i32,
        #[opt(default = 0)] in_bandwidth: i32,
        #[opt(default = 0)] out_bandwidth: i32,
    ) -> Error {
        let params = HostParams { max_peers, max_channels, in_bandwidth, out_bandwidth };
        let address = bind_address.to_string();
        self.create_bound("LodeENetConnection.create_host_bound", &address, bind_port, params)
    }

    /// Destroys the host and frees its port. Queued packets are sent once, and the peers are informed of the
    /// disconnection. The same happens when the last reference to this object is released, and when the game quits.
    #[func]
    fn destroy(&mut self) {
        if self.connection.is_none() {
            inactive("destroy");
        }
        self.destroy_quietly();
    }

    /// Starts a connection to the host at [param address], an IP address or a host name, and [param port], with
    /// [param channels] channels (0 means 255). The other side receives [param data], a 32-bit number.
    ///
    /// The peer is returned immediately, and its request is sent with the next [method service] or [method flush]. The
    /// engine resolves host names on another thread, and [method service] takes the result.
    ///
    /// [constant EVENT_CONNECT] reports that the peer is connected, [constant EVENT_DISCONNECT] that it could not be
    /// connected: immediately if the other side refuses or the name is not found, otherwise after about 31 seconds. A
    /// host can have several outgoing connections.
    ///
    /// Returns [code]null[/code] if there is no host, it has no free peer slot, or an argument is invalid.
    #[func]
    fn connect_to_host(
        &mut self,
        address: GString,
        port: i32,
        #[opt(default = 0)] channels: i32,
        #[opt(default = 0)] data: i32,
    ) -> Option<Gd<LodeENetPacketPeer>> {
        self.active("connect_to_host")?;
        let caller = "LodeENetConnection.connect_to_host";
        let peer = self.dial(caller, &address.to_string(), port, channels, data)?;
        Some(self.handle(&peer))
    }

    /// Encrypts the host's connections with DTLS, as a client of the server [param hostname]. Call it after
    /// [method create_host]. Connections that are being established start again with DTLS. The server's certificate
    /// must be valid for [param hostname], and is verified according to [param client_options]: see
    /// [method LodePacketPeerDTLS.connect_to_peer].
    ///
    /// If the server's certificate is not accepted, [constant EVENT_DISCONNECT] is returned, and
    /// [method LodeENetPacketPeer.get_disconnect_reason] has the cause.
    ///
    /// Returns [constant ERR_UNCONFIGURED] if there is no host, [constant ERR_INVALID_PARAMETER] if the options are
    /// invalid, and [constant FAILED] if the host uses DTLS already; it keeps its setup.
    #[func]
    fn dtls_client_setup(
        &mut self,
        hostname: GString,
        #[opt(default = Optional::NONE)] client_options: Optional<TlsOptions>,
    ) -> Error {
        if self.active("dtls_client_setup").is_none() {
            return Error::ERR_UNCONFIGURED;
        }
        let caller = "LodeENetConnection.dtls_client_setup";
        self.secure_client(caller, &hostname.to_string(), client_options.0.as_ref())
    }

    /// Encrypts the host's connections with DTLS, as a server. Call it after [method create_host_bound] and before the
    /// first [method service]. Clients have to call [method dtls_client_setup]; datagrams of plain ENet are ignored.
    ///
    /// [method refuse_new_connections] refuses clients from the first datagram of their handshake on.
    ///
    /// Returns [constant ERR_UNCONFIGURED] if there is no host, [constant ERR_INVALID_PARAMETER] if the options are
    /// invalid, which is logged, and [constant FAILED] if the host uses DTLS already; it keeps its setup.
    #[func]
    fn dtls_server_setup(&mut self, server_options: Option<Gd<TlsOptions>>) -> Error {
        if self.active("dtls_server_setup").is_none() {
            return Error::ERR_UNCONFIGURED;
        }
        self.secure_server("LodeENetConnection.dtls_server_setup", server_options)
    }
}

fn secured(caller: &str, is_first: bool) -> Error {
    if is_first {
        return Error::OK;
    }
    godot_error!("{caller}: the host uses DTLS already. Create another host for another setup.");
    Error::FAILED
}

fn reject(caller: &str, why: &str) -> Error {
    godot_error!("{caller}: {why}");
    Error::ERR_INVALID_PARAMETER
}

/// Also called by [`LodeENetMultiplayerPeer`](crate::enet_multiplayer_peer::LodeENetMultiplayerPeer).
impl LodeENetConnection {
    pub(crate) fn create_bound(
        &mut self,
        caller: &str,
        address: &str,
        port: i32,
        params: HostParams,
    ) -> Error {
        let Some(bind) = Bind::parse(address) else {
            return reject(caller, &format!("{address:?} is not an IP address. Use * for all."));
        };
        let Ok(port) = u16::try_from(port) else {
            return reject(caller, &format!("invalid port {port}. Use 0 to 65535."));
        };
        self.create(caller, bind, port, params)
    }

    pub(crate) fn dial(
        &mut self,
        caller: &str,
        address: &str,
        port: i32,
        channels: i32,
        data: i32,
    ) -> Option<Rc<Peer>> {
        self.apply();
        let port = port_of(caller, port)?;
        let channels =
            usize::try_from(channels).ok().filter(|channels| (1..=255).contains(channels));
        let channels = channels.unwrap_or(255);
        let data = data.cast_unsigned();
        let timeout = timeout(self.connect_timeout);
        let connection = self.connection.as_mut()?;
        connection.set_connect_timeout(timeout);
        let peer = match address.parse::<IpAddr>() {
            Ok(ip) => connection.connect(SocketAddr::new(ip, port), channels, data),
            Err(_) if is_name(address) => {
                let lookup = match NameLookup::begin(address, timeout.or(Some(LOOKUP_TIMEOUT))) {
                    Ok(lookup) => lookup,
                    Err(why) => {
                        godot_error!("{caller}: {why}");
                        return None;
                    }
                };
                let peer = connection.connect_unresolved(channels, data);
                if let Ok(peer) = &peer {
                    self.lookups.push((lookup, Rc::clone(peer), port));
                }
                peer
            }
            Err(_) => {
                godot_error!("{caller}: {address:?} is neither an IP address nor a host name.");
                return None;
            }
        };
        match peer {
            Ok(peer) => Some(peer),
            Err(error) => {
                let why = match error {
                    ConnectError::Full => {
                        "the host has no free peer slot. Increase max_peers in create_host()."
                    }
                    ConnectError::Unreachable => {
                        "the address is of another family (IPv4, IPv6) than the host's. Bind to *."
                    }
                };
                godot_error!("{caller}: {why}");
                None
            }
        }
    }

    pub(crate) fn secure_client(
        &mut self,
        caller: &str,
        hostname: &str,
        options: Option<&Gd<TlsOptions>>,
    ) -> Error {
        let Some(connection) = &mut self.connection else { return Error::ERR_UNCONFIGURED };
        match client_setup(options, hostname, &ExtraChecks::default()) {
            Ok(setup) => secured(caller, connection.secure_client(setup)),
            Err(why) => reject(caller, &why),
        }
    }

    pub(crate) fn secure_server(&mut self, caller: &str, options: Option<Gd<TlsOptions>>) -> Error {
        let Some(connection) = &mut self.connection else { return Error::ERR_UNCONFIGURED };
        let setup = options
            .ok_or_else(|| "the options are null. Use TLSOptions.server().".to_owned())
            .and_then(|options| server_setup(&options, None, None));
        match setup {
            Ok(setup) => secured(caller, connection.secure_server(setup)),
            Err(why) => reject(caller, &why),
        }
    }

    /// Destroys the host: the peers are informed, and the port is freed.
    pub(crate) fn destroy_quietly(&mut self) {
        self.connection = None;
        self.lookups.clear();
        self.handles.get_mut().clear();
        self.monitor.remove();
    }

    fn create(&mut self, caller: &str, bind: Bind, port: u16, params: HostParams) -> Error {
        if self.connection.is_some() {
            godot_error!("{caller}: there is a host already. Call destroy() first.");
            return Error::ERR_ALREADY_IN_USE;
        }
        let host = match params.config() {
            Ok(host) => host,
            Err(why) => {
                return reject(caller, &why);
            }
        };
        let config = self.config(host);
        match Host::bind(bind, port, &config) {
            Ok(connection) => {
                self.connection = Some(connection);
                self.failure_reported = false;
                self.apply();
                Error::OK
            }
            Err(error) => {
                godot_error!("{caller}: {}", error.explain(bind, port));
                Error::ERR_CANT_CREATE
            }
        }
    }
}

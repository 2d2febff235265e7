//! Creates a server, a client or a mesh.

use super::{LodeENetMultiplayerPeer, Mode};
use crate::enet_connection::{HostParams, LodeENetConnection};
use crate::optional::Optional;
use godot::classes::TlsOptions;
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::enet::PeerState;
use std::rc::Rc;

/// The engine's own channels: for reliable and for unreliable packets without a transfer channel.
pub(super) const SYSTEM_CHANNELS: i32 = 2;

/// Returns the number of ENet channels for a number of transfer channels; 0 means the maximum.
fn channels_for(transfer_channels: i32) -> i32 {
    if transfer_channels > 0 {
        transfer_channels.saturating_add(SYSTEM_CHANNELS).min(255)
    } else {
        0
    }
}

#[godot_api(secondary)]
impl LodeENetMultiplayerPeer {
    /// Creates a server on the UDP port [param port], for up to [param max_clients] clients (1 to 4095). If
    /// [param max_channels] is greater than 0, it limits the number of transfer channels. The bandwidths are in bytes
    /// per second; 0 is unlimited.
    ///
    /// With [param tls_server_options], for example [code]TLSOptions.server(key, certificate)[/code], connections are
    /// encrypted with DTLS, and clients need [code]tls_client_options[/code].
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the peer is active, [constant ERR_INVALID_PARAMETER] if a number is out
    /// of range or the options are invalid, and [constant ERR_CANT_CREATE] if the port is not available.
    #[func]
    fn create_server(
        &mut self,
        port: i32,
        #[opt(default = 32)] max_clients: i32,
        #[opt(default = 0)] max_channels: i32,
        #[opt(default = 0)] in_bandwidth: i32,
        #[opt(default = 0)] out_bandwidth: i32,
        #[opt(default = Optional::NONE)] tls_server_options: Optional<TlsOptions>,
    ) -> Error {
        const CALLER: &str = "LodeENetMultiplayerPeer.create_server";
        if self.is_in_use(CALLER) {
            return Error::ERR_ALREADY_IN_USE;
        }
        let mut host = LodeENetConnection::new_gd();
        let max_channels = channels_for(max_channels);
        let params =
            HostParams { max_peers: max_clients, max_channels, in_bandwidth, out_bandwidth };
        let mut error = host.bind_mut().create_bound(CALLER, &self.bind_address(), port, params);
        if error == Error::OK
            && let Some(options) = tls_server_options.0
        {
            error = host.bind_mut().secure_server(CALLER, Some(options));
        }
        if error == Error::OK {
            host.bind().refuse_quietly(self.refusing);
            self.begin(Mode::Server, 1, ConnectionStatus::CONNECTED);
            self.host = Some(host);
        }
        error
    }

    /// Creates a client of the server at [param address], an IP address or a host name, and [param port]. If
    /// [param channel_count] is greater than 0, it limits the number of transfer channels. The bandwidths are in bytes
    /// per second; 0 is unlimited. If [param local_port] is greater than 0, that UDP port is used.
    ///
    /// With [param tls_client_options] the connection is encrypted with DTLS; the server must use DTLS as well. The
    /// options determine how its certificate is verified: see [method LodePacketPeerDTLS.connect_to_peer]. The
    /// certificate must be valid for [param tls_hostname] or, if that is empty, for [param address].
    ///
    /// Poll it until [method MultiplayerPeer.get_connection_status] is no longer
    /// [constant MultiplayerPeer.CONNECTION_CONNECTING]. The request is sent with the first poll, so changes to
    /// [member host] before that still apply.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the peer is active, [constant ERR_INVALID_PARAMETER] if
    /// [param local_port] or a bandwidth is out of range or the options are invalid, and [constant ERR_CANT_CREATE] if
    /// the local port is in use, or if [param address] or [param port] is invalid.
    #[func]
    #[allow(clippy::too_many_arguments, reason = "the engine's six, and two of ours")]
    fn create_client(
        &mut self,
        address: GString,
        port: i32,
        #[opt(default = 0)] channel_count: i32,
        #[opt(default = 0)] in_bandwidth: i32,
        #[opt(default = 0)] out_bandwidth: i32,
        #[opt(default = 0)] local_port: i32,
        #[opt(default = Optional::NONE)] tls_client_options: Optional<TlsOptions>,
        #[opt(default = "")] tls_hostname: GString,
    ) -> Error {
        const CALLER: &str = "LodeENetMultiplayerPeer.create_client";
        if self.is_in_use(CALLER) {
            return Error::ERR_ALREADY_IN_USE;
        }
        let mut host = LodeENetConnection::new_gd();
        let channels = channels_for(channel_count);
        let params =
            HostParams { max_peers: 1, max_channels: channels, in_bandwidth, out_bandwidth };
        let bind_address = if local_port == 0 { "*".to_owned() } else { self.bind_address() };
        let error = host.bind_mut().create_bound(CALLER, &bind_address, local_port, params);
        if error != Error::OK {
            return error;
        }
        let address = address.to_string();
        let tls_hostname = tls_hostname.to_string();
        if let Some(options) = tls_client_options.0 {
            let hostname = if tls_hostname.is_empty() { &address } else { &tls_hostname };
            let error = host.bind_mut().secure_client(CALLER, hostname, Some(&options));
            if error != Error::OK {
                return error;
            }
        }
        let unique_id = self.base().generate_unique_id().cast_signed();
        host.bind_mut().connect_timeout = self.connect_timeout;
        let peer = host.bind_mut().dial(CALLER, &address, port, channels, unique_id);
        let Some(peer) = peer else { return Error::ERR_CANT_CREATE };
        self.peers.insert(1, peer);
        self.begin(Mode::Client, unique_id, ConnectionStatus::CONNECTING);
        self.host = Some(host);
        Error::OK
    }

    /// Creates a mesh peer with the id [param unique_id] (1 or more). Connect to each of the other peers with its own
    /// [LodeENetConnection], then add it with [method add_mesh_peer].
    #[func]
    fn create_mesh(&mut self, unique_id: i32) -> Error {
        const CALLER: &str = "LodeENetMultiplayerPeer.create_mesh";
        if unique_id <= 0 {
            godot_error!("{CALLER}: an id must be 1 or more.");
            return Error::ERR_INVALID_PARAMETER;
        }
        if self.is_in_use(CALLER) {
            return Error::ERR_ALREADY_IN_USE;
        }
        self.begin(Mode::Mesh, unique_id, ConnectionStatus::CONNECTED);
        Error::OK
    }

    /// Adds a peer to the mesh. [param host] must have exactly one peer, which is connected. The mesh services the host
    /// from then on: do not call its [method LodeENetConnection.service].
    #[func]
    fn add_mesh_peer(&mut self, peer_id: i32, host: Option<Gd<LodeENetConnection>>) -> Error {
        const CALLER: &str = "LodeENetMultiplayerPeer.add_mesh_peer";
        let Some(host) = host else {
            godot_error!("{CALLER}: host is null.");
            return Error::ERR_INVALID_PARAMETER;
        };
        if self.mode != Mode::Mesh {
            godot_error!("{CALLER}: this peer is not a mesh. Call create_mesh() first.");
            return Error::ERR_UNCONFIGURED;
        }
        if peer_id <= 0 || peer_id == self.unique_id || self.peers.contains_key(&peer_id) {
            godot_error!("{CALLER}: the id {peer_id} is in use, or less than 1.");
            return Error::ERR_INVALID_PARAMETER;
        }
        let connected = match &host.bind().peers_quietly()[..] {
            [peer] if peer.state() == PeerState::Connected => Some(Rc::clone(peer)),
            _ => None,
        };
        let Some(peer) = connected else {
            godot_error!("{CALLER}: the host must have exactly one peer, which is connected.");
            return Error::ERR_INVALID_PARAMETER;
        };
        self.mesh.insert(peer_id, host);
        self.peers.insert(peer_id, peer);
        self.signals().peer_connected().emit(i64::from(peer_id));
        Error::OK
    }
}

impl LodeENetMultiplayerPeer {
    fn is_in_use(&self, caller: &str) -> bool {
        if self.is_active() {
            godot_error!("{caller}: the peer is in use. Call close() first.");
        }
        self.is_active()
    }

    fn begin(&mut self, mode: Mode, unique_id: i32, status: ConnectionStatus) {
        self.mode = mode;
        self.unique_id = unique_id;
        self.status = status;
        self.session += 1;
    }

    fn bind_address(&self) -> String {
        self.bind_ip.map_or_else(|| "*".to_owned(), |ip| ip.to_string())
    }
}

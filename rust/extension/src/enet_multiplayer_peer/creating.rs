//! Becoming a server, a client or a part of a mesh.

use super::{LodeENetMultiplayerPeer, Mode};
use crate::enet_connection::{LodeENetConnection, Wanted};
use crate::optional::Optional;
use godot::classes::TlsOptions;
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::enet::PeerState;
use std::rc::Rc;

/// The channels of the engine's own: for reliable and for unreliable packets without a transfer channel.
pub(super) const SYSTEM_CHANNELS: i32 = 2;

/// How many channels are needed for so many transfer channels; 0 stands for as many as there can be.
fn channels_for(transfer_channels: i32) -> i32 {
    if transfer_channels > 0 {
        transfer_channels.saturating_add(SYSTEM_CHANNELS).min(255)
    } else {
        0
    }
}

#[godot_api(secondary)]
impl LodeENetMultiplayerPeer {
    /// Becomes a server on the UDP port [param port], for up to [param max_clients] clients (1 to 4095). A
    /// [param max_channels] of more than 0 limits the transfer channels; the bandwidths are in bytes a second, 0 is no
    /// limit.
    ///
    /// With [param tls_server_options], as [code]TLSOptions.server(key, certificate)[/code] makes them, everything is
    /// encrypted with DTLS: clients need [code]tls_client_options[/code] then.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the peer is in use, [constant ERR_INVALID_PARAMETER] for a number out of
    /// its range or options that cannot be used, and [constant ERR_CANT_CREATE] if the port cannot be had.
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
        let wanted = Wanted { max_peers: max_clients, max_channels, in_bandwidth, out_bandwidth };
        let mut error = host.bind_mut().create_bound(CALLER, &self.bind_address(), port, wanted);
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

    /// Becomes a client of the server at [param address], an IP address or a name, and [param port]. A
    /// [param channel_count] of more than 0 limits the transfer channels; the bandwidths are in bytes a second, 0 is no
    /// limit. With a [param local_port] of more than 0 that UDP port is used.
    ///
    /// With [param tls_client_options] everything is encrypted with DTLS, as the server must want it: they say who vouches
    /// for its certificate, as of [method LodePacketPeerDTLS.connect_to_peer]. The certificate must be for
    /// [param tls_hostname] or, if that is empty, for [param address].
    ///
    /// Poll it until [method MultiplayerPeer.get_connection_status] is no longer
    /// [constant MultiplayerPeer.CONNECTION_CONNECTING]. It asks the server with the first poll: what you set up at
    /// [member host] until then counts.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the peer is in use, [constant ERR_INVALID_PARAMETER] for a
    /// [param local_port] or a bandwidth out of its range or options that cannot be used, and [constant ERR_CANT_CREATE] if
    /// the local port is taken, or [param address] or [param port] is none that can be asked.
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
        let wanted = Wanted { max_peers: 1, max_channels: channels, in_bandwidth, out_bandwidth };
        let bind_address = if local_port == 0 { "*".to_owned() } else { self.bind_address() };
        let error = host.bind_mut().create_bound(CALLER, &bind_address, local_port, wanted);
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

    /// Becomes a part of a mesh, with the id [param unique_id] (1 or more). Connect to each of the others with a
    /// [LodeENetConnection] of its own, then hand it over with [method add_mesh_peer].
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

    /// Adds a peer of the mesh: [param host] must have exactly one, which is connected. It belongs to the mesh from then
    /// on: do not service it any more.
    #[func]
    fn add_mesh_peer(&mut self, peer_id: i32, host: Option<Gd<LodeENetConnection>>) -> Error {
        const CALLER: &str = "LodeENetMultiplayerPeer.add_mesh_peer";
        let Some(host) = host else {
            godot_error!("{CALLER}: there is no host.");
            return Error::ERR_INVALID_PARAMETER;
        };
        if self.mode != Mode::Mesh {
            godot_error!("{CALLER}: this is no mesh. Call create_mesh() first.");
            return Error::ERR_UNCONFIGURED;
        }
        if peer_id <= 0 || peer_id == self.unique_id || self.peers.contains_key(&peer_id) {
            godot_error!("{CALLER}: the id {peer_id} is taken, or not 1 or more.");
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
        self.life += 1;
    }

    fn bind_address(&self) -> String {
        self.bind_ip.map_or_else(|| "*".to_owned(), |ip| ip.to_string())
    }
}

//! `LodeENetMultiplayerPeer`.

mod create;
mod multiplayer_peer;
mod poll;
mod sending;

use crate::enet_connection::LodeENetConnection;
use crate::enet_packet_peer::LodeENetPacketPeer;
use crate::packet_buffer::PacketBuffer;
use godot::classes::MultiplayerPeerExtension;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::prelude::*;
use lodewire_net::enet::{Event, Peer};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

/// The role of the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    None,
    Server,
    Client,
    Mesh,
}

/// A multiplayer peer over ENet, with the interface of [ENetMultiplayerPeer]. Assign it to
/// [member MultiplayerAPI.multiplayer_peer] after one of the [code]create[/code] methods.
///
/// It is compatible with Godot 4's [ENetMultiplayerPeer] as a server, as a client and in a mesh. Packets of one frame
/// share datagrams, and clients stay connected while the game loads a level.
/// ```gdscript
/// func _ready():
///     var peer := LodeENetMultiplayerPeer.new()
///     peer.create_server(9080)
///     multiplayer.multiplayer_peer = peer
/// ```
#[derive(GodotClass)]
#[class(base=MultiplayerPeerExtension, init, tool)]
pub(crate) struct LodeENetMultiplayerPeer {
    base: Base<MultiplayerPeerExtension>,
    mode: Mode,
    unique_id: i32,
    #[init(val = ConnectionStatus::DISCONNECTED)]
    status: ConnectionStatus,
    /// The hosts of a mesh, by the ids of their peers.
    mesh: BTreeMap<i32, Gd<LodeENetConnection>>,
    peers: BTreeMap<i32, Rc<Peer>>,
    /// The ids of the server's clients, by their numbers at the host.
    ids: HashMap<u32, i32>,
    /// The senders of received packets, in order. The packets are queued at the peers.
    arrivals: VecDeque<(i32, Rc<Peer>)>,
    /// Peers that have disconnected while the game has not read their packets: reported with the next poll.
    departing: VecDeque<i32>,
    /// Peers that have connected after these, and their later events: also reported with the next poll.
    deferred: VecDeque<Event>,
    /// The number of calls of the `create` methods: a signal's handler may have closed the peer and created another.
    session: u64,
    bind_ip: Option<std::net::IpAddr>,
    refusing: bool,
    target_peer: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,
    packet: PacketBuffer<Box<[u8]>>,

    /// The host of a server or a client, for its properties and statistics: see [LodeENetConnection]. A mesh has none
    /// here, but one for each peer.
    #[var(get = get_host, usage_flags = [NONE])]
    host: Option<Gd<LodeENetConnection>>,

    /// The maximum time in seconds of [method create_client]'s connection attempt, including the name lookup. 0 uses
    /// the protocol's own limit, about 31 seconds. Set it before [method create_client].
    #[var(usage_flags = [DEFAULT])]
    connect_timeout: f64,
}

#[godot_api]
impl LodeENetMultiplayerPeer {
    /// Returns the peer with this id, for example for [method LodeENetPacketPeer.get_statistic].
    #[func]
    fn get_peer(&self, id: i32) -> Option<Gd<LodeENetPacketPeer>> {
        let Some(peer) = self.peers.get(&id) else {
            godot_error!("LodeENetMultiplayerPeer.get_peer: there is no peer {id}.");
            return None;
        };
        let host = self.mesh.get(&id).or(self.host.as_ref())?;
        Some(host.bind().handle(peer))
    }

    #[func]
    fn get_host(&self) -> Option<Gd<LodeENetConnection>> {
        self.host.clone()
    }

    /// Sets the address that [method create_server] listens on, and that [method create_client] binds to if a
    /// [code]local_port[/code] is set. [code]*[/code], the default, means all addresses.
    #[func]
    fn set_bind_ip(&mut self, ip: GString) {
        let text = ip.to_string();
        if text == "*" {
            self.bind_ip = None;
        } else if let Ok(ip) = text.parse() {
            self.bind_ip = Some(ip);
        } else {
            godot_error!(
                "LodeENetMultiplayerPeer.set_bind_ip: {text:?} is not an IP address. Use * for all addresses."
            );
        }
    }
}

impl LodeENetMultiplayerPeer {
    fn is_active(&self) -> bool {
        self.mode != Mode::None
    }

    /// Ends all connections: the peers are informed immediately, the ports are freed, and no signal is emitted.
    fn end(&mut self) {
        if !self.is_active() {
            return;
        }
        self.peers.clear();
        let mesh = std::mem::take(&mut self.mesh);
        for mut host in self.host.take().into_iter().chain(mesh.into_values()) {
            // A script may hold a reference to it.
            host.bind_mut().destroy_quietly();
        }
        self.mode = Mode::None;
        self.ids.clear();
        self.arrivals.clear();
        self.departing.clear();
        self.deferred.clear();
        self.unique_id = 0;
        self.status = ConnectionStatus::DISCONNECTED;
        self.refusing = false;
    }
}

impl Drop for LodeENetMultiplayerPeer {
    /// Informs the peers when the object is freed or replaced or the game quits, even if a script still holds the host.
    fn drop(&mut self) {
        self.end();
    }
}

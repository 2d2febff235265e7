//! `LodeENetMultiplayerPeer`.

mod creating;
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

/// What the peer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    None,
    Server,
    Client,
    Mesh,
}

/// A multiplayer peer over ENet, as [ENetMultiplayerPeer] is: assign it to [member MultiplayerAPI.multiplayer_peer] after
/// one of the [code]create[/code] methods.
///
/// It talks to [ENetMultiplayerPeer] of Godot 4, as a server, as a client and in a mesh. What is sent in a frame shares
/// datagrams, and clients are not lost while the game loads a level.
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
    /// From whom packets have come, in their order. They wait at the peers.
    arrivals: VecDeque<(i32, Rc<Peer>)>,
    /// Peers that have gone and whose packets the game has not read: they are told to be gone with the next poll.
    leaving: VecDeque<i32>,
    /// Peers that have come behind these, and all that has happened to them since: told with the next poll as well.
    held: VecDeque<Event>,
    /// How often one of the `create` methods was called: a signal's handler may have closed it, and begun again.
    life: u64,
    bind_ip: Option<std::net::IpAddr>,
    refusing: bool,
    target_peer: i32,
    transfer_channel: i32,
    #[init(val = TransferMode::RELIABLE)]
    transfer_mode: TransferMode,
    packet: PacketBuffer<Box<[u8]>>,

    /// The host of a server or a client, for its properties and statistics: see [LodeENetConnection]. A mesh has one for
    /// each peer, those that it was given.
    #[var(get = get_host, usage_flags = [NONE])]
    host: Option<Gd<LodeENetConnection>>,

    /// How many seconds [method create_client] may take until the server has answered, the lookup of its name included.
    /// 0 is as long as the protocol tries, some 31 seconds. Set it before.
    #[var(usage_flags = [DEFAULT])]
    connect_timeout: f64,
}

#[godot_api]
impl LodeENetMultiplayerPeer {
    /// The peer with this id: for [method LodeENetPacketPeer.get_statistic], say.
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

    /// Sets the address that [method create_server] listens on, and [method create_client] with a
    /// [code]local_port[/code]: [code]*[/code], the default, stands for all.
    #[func]
    fn set_bind_ip(&mut self, ip: GString) {
        let text = ip.to_string();
        if text == "*" {
            self.bind_ip = None;
        } else if let Ok(ip) = text.parse() {
            self.bind_ip = Some(ip);
        } else {
            godot_error!(
                "LodeENetMultiplayerPeer.set_bind_ip: {text:?} is no IP address. Use * for all."
            );
        }
    }
}

impl LodeENetMultiplayerPeer {
    fn is_active(&self) -> bool {
        self.mode != Mode::None
    }

    /// Ends everything: the peers are told at once, the ports are free, and nothing is told here.
    fn end(&mut self) {
        if !self.is_active() {
            return;
        }
        self.peers.clear();
        let mesh = std::mem::take(&mut self.mesh);
        for mut host in self.host.take().into_iter().chain(mesh.into_values()) {
            // A script may hold it.
            host.bind_mut().destroy_quietly();
        }
        self.mode = Mode::None;
        self.ids.clear();
        self.arrivals.clear();
        self.leaving.clear();
        self.held.clear();
        self.unique_id = 0;
        self.status = ConnectionStatus::DISCONNECTED;
        self.refusing = false;
    }
}

impl Drop for LodeENetMultiplayerPeer {
    /// Freed, replaced or at the game's end: the other sides are told, also if a script still holds the host.
    fn drop(&mut self) {
        self.end();
    }
}

//! One poll: what happened, as signals.

use super::{LodeENetMultiplayerPeer, Mode};
use crate::enet_connection::LodeENetConnection;
use crate::last_reference::{is_last, release_later};
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::prelude::*;
use lodewire_net::enet::{Event, Peer};
use std::rc::Rc;

/// The least id of a client: 0 stands for all, 1 for the server.
const FIRST_CLIENT: i32 = 2;

/// Returns whether a packet that has come is not to be told: a script has disconnected its peer, or has read it from the peer
/// itself.
pub(super) fn is_void(peer: &Peer) -> bool {
    peer.is_ended_here() || peer.available() == 0
}

impl LodeENetMultiplayerPeer {
    pub(super) fn poll_once(&mut self) {
        // A handler may drop the script's last reference; the object must outlive this method.
        let this = self.to_gd();
        self.poll_life();
        if is_last(&this) {
            self.end();
            release_later(this);
        }
    }

    /// Polls what there is now. Each handler may call anything: what is there is asked again after it.
    fn poll_life(&mut self) {
        let life = self.life;
        self.sweep(life);
        self.tell_held(life);
        if self.life != life {
            return;
        }
        match self.mode {
            Mode::None => {}
            Mode::Server | Mode::Client => self.poll_host(life),
            Mode::Mesh => {
                let ids: Vec<i32> = self.mesh.keys().copied().collect();
                for id in ids {
                    self.poll_mesh(life, id);
                }
            }
        }
    }

    /// Tells of the peers that have gone without an event, since a script has called
    /// [`LodeENetPacketPeer`](crate::enet_packet_peer::LodeENetPacketPeer)'s methods, and of those that were told to leave
    /// with this poll: the game has had the time since the last one to read their packets.
    fn sweep(&mut self, life: u64) {
        self.forget_packets();
        // One that stands in both is told once: it is not found again.
        let gone = self.peers.iter().filter(|(_, peer)| !peer.is_active()).map(|(id, _)| *id);
        self.leaving.extend(gone);
        while self.life == life
            && let Some(id) = self.leaving.pop_front()
        {
            self.left(id);
        }
    }

    /// Tells what was held at the last poll. Nothing is held twice: of a peer that has come and gone since, the packets are
    /// lost where another one has come behind it, as they are in the engine.
    fn tell_held(&mut self, life: u64) {
        while self.life == life
            && let Some(event) = self.held.pop_front()
        {
            if matches!(event, Event::Connect { .. }) {
                while self.life == life
                    && let Some(id) = self.leaving.pop_front()
                {
                    if let Some(peer) = self.peers.get(&id) {
                        drop(peer.receive_all());
                    }
                    self.left(id);
                }
            }
            if self.life == life {
                self.tell_server(event);
            }
        }
    }

    /// Returns whether an event is to be told with the next poll: that somebody comes while the end of another one is not
    /// told, who may be the same player, and what happens to him then.
    fn is_held(&self, event: &Event) -> bool {
        match event {
            Event::Connect { .. } => !self.leaving.is_empty() || !self.held.is_empty(),
            Event::Disconnect { peer, .. } | Event::Receive { peer, .. } => {
                !self.held.is_empty() && !self.ids.contains_key(&peer.id())
            }
        }
    }

    /// Drops the packets of peers that a script has disconnected.
    pub(super) fn forget_packets(&mut self) {
        if !self.arrivals.iter().any(|(_, peer)| is_void(peer)) {
            return;
        }
        self.arrivals.retain(|(_, peer)| {
            let keep = !is_void(peer);
            if !keep {
                drop(peer.receive());
            }
            keep
        });
    }

    /// From whom the next packet is.
    pub(super) fn next_arrival(&self) -> Option<&(i32, Rc<Peer>)> {
        self.arrivals.iter().find(|(_, peer)| !is_void(peer))
    }

    fn poll_host(&mut self, life: u64) {
        while let Some(mut host) = self.host.clone().filter(|_| self.life == life) {
            let event = host.bind_mut().next_event();
            match event {
                Some(event) if self.mode == Mode::Server => {
                    if self.is_held(&event) {
                        self.held.push_back(event);
                    } else {
                        self.tell_server(event);
                    }
                }
                Some(event) => {
                    let connects = matches!(event, Event::Connect { .. });
                    self.tell_client(event);
                    // The engine's multiplayer compares the status with that of the last poll: it has to see that this was
                    // connected, before it is told that the server is gone.
                    if connects {
                        return;
                    }
                }
                None => {
                    self.end_failed(&mut host);
                    return;
                }
            }
        }
    }

    fn tell_server(&mut self, event: Event) {
        match event {
            Event::Connect { peer, data } => {
                let id = data.cast_signed();
                // Two clients may have drawn the same number; the second one is let go of.
                if self.refusing || id < FIRST_CLIENT || self.peers.contains_key(&id) {
                    peer.disconnect_now(0);
                    return;
                }
                self.ids.insert(peer.id(), id);
                self.peers.insert(id, peer);
                self.signals().peer_connected().emit(i64::from(id));
            }
            Event::Disconnect { peer, .. } => {
                if let Some(id) = self.ids.remove(&peer.id()) {
                    self.leaves(id);
                }
            }
            Event::Receive { peer, .. } => match self.ids.get(&peer.id()) {
                Some(&id) => self.arrivals.push_back((id, peer)),
                None => drop(peer.receive()),
            },
        }
    }

    fn tell_client(&mut self, event: Event) {
        match event {
            Event::Connect { .. } => {
                self.status = ConnectionStatus::CONNECTED;
                self.signals().peer_connected().emit(1);
            }
            Event::Disconnect { reason, .. } => {
                let was_connected = self.status == ConnectionStatus::CONNECTED;
                if let Some(reason) = reason.filter(|_| !was_connected) {
                    godot_print!("LodeENetMultiplayerPeer: not connected: {reason}");
                }
                if was_connected {
                    self.leaves(1);
                } else {
                    self.end();
                }
            }
            Event::Receive { peer, .. } => self.arrivals.push_back((1, peer)),
        }
    }

    fn poll_mesh(&mut self, life: u64, id: i32) {
        while let Some(mut host) = self.mesh.get(&id).cloned().filter(|_| self.life == life) {
            let event = host.bind_mut().next_event();
            let known =
                |peer: &Rc<Peer>| self.peers.get(&id).is_some_and(|known| Rc::ptr_eq(known, peer));
            match event {
                Some(Event::Receive { peer, .. }) if known(&peer) => {
                    self.arrivals.push_back((id, peer));
                }
                Some(Event::Disconnect { peer, .. }) if known(&peer) => {
                    self.leaves(id);
                    return;
                }
                // A mesh's host has one peer.
                Some(Event::Connect { peer, .. }) => peer.disconnect_now(0),
                Some(_) => {}
                None => {
                    if host.bind_mut().has_failed() {
                        self.left(id);
                    }
                    return;
                }
            }
        }
    }

    /// A peer has gone. The engine takes no packets of peers that it was told to be gone.
    fn leaves(&mut self, id: i32) {
        let waits = |peer: &Rc<Peer>| peer.available() > 0 && !peer.is_ended_here();
        if self.peers.get(&id).is_some_and(waits) {
            self.leaving.push_back(id);
        } else {
            self.left(id);
        }
    }

    /// Tells that a peer has gone. It can still be asked for in the signal's handlers, for the reason.
    fn left(&mut self, id: i32) {
        let life = self.life;
        let Some(peer) = self.peers.get(&id).cloned() else { return };
        self.ids.remove(&peer.id());
        if self.status == ConnectionStatus::CONNECTED {
            self.signals().peer_disconnected().emit(i64::from(id));
        }
        if self.life != life {
            return;
        }
        if self.peers.get(&id).is_some_and(|there| Rc::ptr_eq(there, &peer)) {
            self.peers.remove(&id);
            if let Some(mut host) = self.mesh.remove(&id) {
                host.bind_mut().destroy_quietly();
            }
        }
        if self.mode == Mode::Client {
            self.end();
        }
    }

    /// Ends a peer whose host has failed by a fault of its own; its peers were told to be gone.
    fn end_failed(&mut self, host: &mut Gd<LodeENetConnection>) {
        if host.bind_mut().has_failed() {
            self.end();
        }
    }
}

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

impl LodeENetMultiplayerPeer {
    pub(super) fn poll_once(&mut self) {
        // A handler may drop the script's last reference; the object must outlive this method.
        let this = self.to_gd();
        // The game has had the time since the last poll to read their packets.
        for id in std::mem::take(&mut self.leaving) {
            self.left(id);
        }
        match self.mode {
            Mode::None => {}
            Mode::Server | Mode::Client => self.poll_host(),
            Mode::Mesh => {
                let ids: Vec<i32> = self.mesh.keys().copied().collect();
                for id in ids {
                    self.poll_mesh(id);
                }
            }
        }
        if is_last(&this) {
            self.end();
            release_later(this);
        }
    }

    /// Each handler may call anything: which host there is is asked anew after it.
    fn poll_host(&mut self) {
        while let Some(mut host) = self.host.clone() {
            let event = host.bind_mut().next_event();
            match event {
                Some(event) if self.mode == Mode::Server => self.tell_server(event),
                Some(event) => self.tell_client(event),
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

    fn poll_mesh(&mut self, id: i32) {
        while let Some(mut host) = self.mesh.get(&id).cloned() {
            let event = host.bind_mut().next_event();
            let known =
                |peer: &Rc<Peer>| self.peers.get(&id).is_some_and(|known| Rc::ptr_eq(known, peer));
            match event {
                Some(Event::Receive { peer, .. }) if known(&peer) => {
                    self.arrivals.push_back((id, peer));
                }
                Some(Event::Disconnect { peer, .. }) if known(&peer) => {
                    self.mesh.remove(&id);
                    self.leaves(id);
                }
                // A mesh's host has one peer.
                Some(Event::Connect { peer, .. }) => peer.disconnect_now(0),
                Some(_) => {}
                None => {
                    if host.bind_mut().has_failed() {
                        self.mesh.remove(&id);
                        self.left(id);
                    }
                    return;
                }
            }
        }
    }

    /// A peer has gone. The engine takes no packets of peers that it was told to be gone.
    fn leaves(&mut self, id: i32) {
        if self.arrivals.iter().any(|(from, _)| *from == id) {
            self.leaving.push(id);
        } else {
            self.left(id);
        }
    }

    fn left(&mut self, id: i32) {
        if self.peers.remove(&id).is_some() {
            self.signals().peer_disconnected().emit(i64::from(id));
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

//! One poll: emits the events as signals.

use super::{LodeENetMultiplayerPeer, Mode};
use crate::enet_connection::LodeENetConnection;
use crate::last_reference::{is_last, release_later};
use godot::classes::multiplayer_peer::ConnectionStatus;
use godot::prelude::*;
use lodewire_net::enet::{Event, Peer};
use std::rc::Rc;

/// Minimum id of a client: 0 means all peers, 1 is the server.
const FIRST_CLIENT: i32 = 2;

/// Returns true if a received packet is not reported: a script has disconnected its peer, or has read the packet from
/// the peer itself.
pub(super) fn is_discarded(peer: &Peer) -> bool {
    peer.is_ended_locally() || peer.available() == 0
}

impl LodeENetMultiplayerPeer {
    pub(super) fn poll_once(&mut self) {
        // A handler may drop the script's last reference; the object must outlive this method.
        let this = self.to_gd();
        self.poll_session();
        if is_last(&this) {
            self.end();
            release_later(this);
        }
    }

    /// Polls the current hosts. A handler may call any method, so the state is checked again after each signal.
    fn poll_session(&mut self) {
        let session = self.session;
        self.remove_departed(session);
        self.emit_deferred(session);
        if self.session != session {
            return;
        }
        match self.mode {
            Mode::None => {}
            Mode::Server | Mode::Client => self.poll_host(session),
            Mode::Mesh => {
                let ids: Vec<i32> = self.mesh.keys().copied().collect();
                for id in ids {
                    self.poll_mesh(session, id);
                }
            }
        }
    }

    /// Reports peers that have disconnected without an event, because a script has called methods of
    /// [`LodeENetPacketPeer`](crate::enet_packet_peer::LodeENetPacketPeer), and peers that were deferred to this poll:
    /// the game had one poll interval to read their packets.
    fn remove_departed(&mut self, session: u64) {
        self.forget_packets();
        // A peer in both lists is reported once: the second time it is not found.
        let gone = self.peers.iter().filter(|(_, peer)| !peer.is_active()).map(|(id, _)| *id);
        self.departing.extend(gone);
        while self.session == session
            && let Some(id) = self.departing.pop_front()
        {
            self.remove_peer(id);
        }
    }

    /// Reports the events that were deferred at the last poll. No event is deferred twice: if a peer has connected and
    /// disconnected since, and another one has connected after it, its packets are lost, as in the engine.
    fn emit_deferred(&mut self, session: u64) {
        while self.session == session
            && let Some(event) = self.deferred.pop_front()
        {
            if matches!(event, Event::Connect { .. }) {
                while self.session == session
                    && let Some(id) = self.departing.pop_front()
                {
                    if let Some(peer) = self.peers.get(&id) {
                        drop(peer.receive_all());
                    }
                    self.remove_peer(id);
                }
            }
            if self.session == session {
                self.handle_server_event(event);
            }
        }
    }

    /// Returns true if an event is reported with the next poll: a new connection while an earlier disconnection has not
    /// been reported, which may be of the same player, and the later events of that connection.
    fn is_deferred(&self, event: &Event) -> bool {
        match event {
            Event::Connect { .. } => !self.departing.is_empty() || !self.deferred.is_empty(),
            Event::Disconnect { peer, .. } | Event::Receive { peer, .. } => {
                !self.deferred.is_empty() && !self.ids.contains_key(&peer.id())
            }
        }
    }

    /// Drops the packets of peers that a script has disconnected.
    pub(super) fn forget_packets(&mut self) {
        if !self.arrivals.iter().any(|(_, peer)| is_discarded(peer)) {
            return;
        }
        self.arrivals.retain(|(_, peer)| {
            let keep = !is_discarded(peer);
            if !keep {
                drop(peer.receive());
            }
            keep
        });
    }

    /// Returns the sender of the next packet.
    pub(super) fn next_arrival(&self) -> Option<&(i32, Rc<Peer>)> {
        self.arrivals.iter().find(|(_, peer)| !is_discarded(peer))
    }

    fn poll_host(&mut self, session: u64) {
        while let Some(mut host) = self.host.clone().filter(|_| self.session == session) {
            let event = host.bind_mut().next_event();
            match event {
                Some(event) if self.mode == Mode::Server => {
                    if self.is_deferred(&event) {
                        self.deferred.push_back(event);
                    } else {
                        self.handle_server_event(event);
                    }
                }
                Some(event) => {
                    let connects = matches!(event, Event::Connect { .. });
                    self.handle_client_event(event);
                    // The engine's multiplayer API compares the status with that of the last poll: it must see the connection
                    // before it is told that the server has disconnected.
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

    fn handle_server_event(&mut self, event: Event) {
        match event {
            Event::Connect { peer, data } => {
                let id = data.cast_signed();
                // Two clients may have generated the same id; the second one is disconnected.
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
                    self.peer_left(id);
                }
            }
            Event::Receive { peer, .. } => match self.ids.get(&peer.id()) {
                Some(&id) => self.arrivals.push_back((id, peer)),
                None => drop(peer.receive()),
            },
        }
    }

    fn handle_client_event(&mut self, event: Event) {
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
                    self.peer_left(1);
                } else {
                    self.end();
                }
            }
            Event::Receive { peer, .. } => self.arrivals.push_back((1, peer)),
        }
    }

    fn poll_mesh(&mut self, session: u64, id: i32) {
        while let Some(mut host) = self.mesh.get(&id).cloned().filter(|_| self.session == session) {
            let event = host.bind_mut().next_event();
            let known =
                |peer: &Rc<Peer>| self.peers.get(&id).is_some_and(|known| Rc::ptr_eq(known, peer));
            match event {
                Some(Event::Receive { peer, .. }) if known(&peer) => {
                    self.arrivals.push_back((id, peer));
                }
                Some(Event::Disconnect { peer, .. }) if known(&peer) => {
                    self.peer_left(id);
                    return;
                }
                // The host of a mesh peer has one peer.
                Some(Event::Connect { peer, .. }) => peer.disconnect_now(0),
                Some(_) => {}
                None => {
                    if host.bind_mut().has_failed() {
                        self.remove_peer(id);
                    }
                    return;
                }
            }
        }
    }

    /// Handles a disconnection. The engine ignores packets of peers after their disconnection was reported.
    fn peer_left(&mut self, id: i32) {
        let waits = |peer: &Rc<Peer>| peer.available() > 0 && !peer.is_ended_locally();
        if self.peers.get(&id).is_some_and(waits) {
            self.departing.push_back(id);
        } else {
            self.remove_peer(id);
        }
    }

    /// Reports that a peer has disconnected. The signal's handlers can still get the peer, to read the reason.
    fn remove_peer(&mut self, id: i32) {
        let session = self.session;
        let Some(peer) = self.peers.get(&id).cloned() else { return };
        self.ids.remove(&peer.id());
        if self.status == ConnectionStatus::CONNECTED {
            self.signals().peer_disconnected().emit(i64::from(id));
        }
        if self.session != session {
            return;
        }
        if self.peers.get(&id).is_some_and(|current| Rc::ptr_eq(current, &peer)) {
            self.peers.remove(&id);
            if let Some(mut host) = self.mesh.remove(&id) {
                host.bind_mut().destroy_quietly();
            }
        }
        if self.mode == Mode::Client {
            self.end();
        }
    }

    /// Closes the peer after an internal failure of the host; `peer_disconnected` has been emitted for every peer.
    fn end_failed(&mut self, host: &mut Gd<LodeENetConnection>) {
        if host.bind_mut().has_failed() {
            self.end();
        }
    }
}

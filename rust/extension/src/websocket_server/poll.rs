//! One poll: emits the events as signals.

use super::LodeWebSocketServer;
use crate::last_reference::{is_last, release_later};
use crate::monitors::Family;
use crate::websocket_request::LodeWebSocketRequest;
use godot::prelude::*;
use lodewire_net::websocket::multiplayer::{MultiplayerEvent, ServerMultiplayer};
use lodewire_net::websocket::{CloseFrame, PendingRequest, Server, ServerEvent};
use std::rc::Rc;

impl LodeWebSocketServer {
    pub(super) fn poll_once(&mut self) {
        // A handler may drop the script's last reference; the object must outlive this method.
        let this = self.to_gd();
        if let (Some(multiplayer), Some(server)) = (&mut self.multiplayer, &mut self.server) {
            multiplayer.begin_poll(server);
        }
        // Reported before new events: the game had one poll interval to read their packets.
        while let Some(id) = self.multiplayer.as_mut().and_then(ServerMultiplayer::next_departed) {
            self.peer_gone(id);
        }
        if let Some(server) = &mut self.server {
            server.poll();
            let port = server.local_port();
            self.monitor.update("LodeWebSocketServer", Family::WebSocket, port, || server.stats());
        }
        // A handler may call any method, so the state is checked again after each event.
        if self.multiplayer.is_some() {
            while let Some(event) = self.next_multiplayer_event() {
                self.emit_multiplayer_event(event);
            }
        } else {
            let mut listened = None;
            while let Some(event) = self.server.as_mut().and_then(Server::next_event) {
                self.emit_event(event, &mut listened);
            }
        }
        self.end_failed();
        if is_last(&this) {
            self.stop();
            release_later(this);
        }
    }

    /// Emits the signal for an event. `listened` caches whether `data_received` has a connection: a game that only uses
    /// `get_packets()` should not pay for one signal per message.
    fn emit_event(&mut self, event: ServerEvent, listened: &mut Option<bool>) {
        match event {
            ServerEvent::Data(id) => {
                let is_connected =
                    || !self.base().get_signal_connection_list("data_received").is_empty();
                if *listened.get_or_insert_with(is_connected) {
                    self.signals().data_received().emit(id);
                }
                return;
            }
            ServerEvent::CloseRequest { id, close } => self.close_requested(id, &close),
            ServerEvent::Disconnected { id, clean } => {
                self.signals().client_disconnected().emit(id, clean);
                self.handles.get_mut().remove(&id);
            }
            ServerEvent::Request(request) => self.requested(request),
            ServerEvent::Connected(id) => {
                let peer = self.server.as_ref().and_then(|server| server.peer(id));
                let protocol =
                    peer.and_then(|peer| peer.protocol()).map_or_else(GString::new, GString::from);
                self.signals().client_connected().emit(id, &protocol);
            }
        }
        // A handler of the other signals may have connected to `data_received`.
        *listened = None;
    }

    fn next_multiplayer_event(&mut self) -> Option<MultiplayerEvent> {
        self.multiplayer.as_mut()?.next_event(self.server.as_mut()?)
    }

    fn emit_multiplayer_event(&mut self, event: MultiplayerEvent) {
        match event {
            MultiplayerEvent::Packet(id) => self.signals().peer_packet().emit(id),
            MultiplayerEvent::CloseRequest { id, close } => self.close_requested(id, &close),
            MultiplayerEvent::Disconnected(id) => self.peer_gone(id),
            MultiplayerEvent::Request(request) => self.requested(request),
            MultiplayerEvent::Connected(id) => {
                self.signals().peer_connected().emit(i64::from(id));
            }
            // Only a client gets these.
            MultiplayerEvent::Joined(_)
            | MultiplayerEvent::Failed(_)
            | MultiplayerEvent::Closed => {}
        }
    }

    /// Emits the signal by which the engine's multiplayer API learns that a peer has disconnected.
    pub(super) fn peer_gone(&mut self, id: i32) {
        self.signals().peer_disconnected().emit(i64::from(id));
        self.handles.get_mut().remove(&id);
    }

    fn close_requested(&mut self, id: i32, close: &CloseFrame) {
        let reason = GString::from(&close.reason);
        self.signals().client_close_request().emit(id, i32::from(close.code.0), &reason);
    }

    fn requested(&mut self, request: Rc<PendingRequest>) {
        let request = LodeWebSocketRequest::pending(request);
        self.signals().client_request().emit(&request);
    }

    /// Stops a server after an internal failure; `peer_disconnected` has been emitted for its peers.
    fn end_failed(&mut self) {
        let Some(why) = self.server.as_ref().and_then(Server::failure) else {
            return;
        };
        godot_error!("LodeWebSocketServer stopped by an internal error ({why}). Please report it.");
        self.stop();
    }
}

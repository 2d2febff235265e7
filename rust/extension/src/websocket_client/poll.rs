//! One poll: emits the events as signals.

use super::{LodeWebSocketClient, Stage};
use crate::last_reference::{is_last, release_later};
use crate::monitors::Family;
use godot::prelude::*;
use lodewire_net::websocket::multiplayer::{ClientMultiplayer, MultiplayerEvent};
use lodewire_net::websocket::{Client, ClientEvent, CloseFrame, Failure, Peer};
use std::rc::Rc;

impl LodeWebSocketClient {
    pub(super) fn poll_once(&mut self) {
        // A handler may drop the script's last reference; the object must outlive this method.
        let this = self.to_gd();
        if self.server.as_ref().is_some_and(|server| server.bind().is_given_up()) {
            self.abandon();
        }
        if let Err(why) = self.resolve() {
            self.failed(Failure { message: why, ..Failure::default() });
        }
        if let Some(multiplayer) = &mut self.multiplayer {
            multiplayer.begin_poll();
        }
        if let Stage::Running(client) = &mut self.stage {
            client.poll();
            let port = client.peer().map_or(0, |peer| peer.remote().port());
            self.monitor.update("LodeWebSocketClient", Family::WebSocket, port, || client.stats());
        } else {
            self.monitor.remove();
        }
        // A handler may call any method, so the state is checked again after each event.
        if self.multiplayer.is_some() {
            while let Some(event) = self.next_multiplayer_event() {
                self.emit_multiplayer_event(event);
            }
        } else {
            while let Some(event) = self.next_event() {
                self.emit_event(event);
            }
        }
        if is_last(&this) {
            self.abandon();
            release_later(this);
        }
    }

    /// Drops the connection in any stage.
    pub(super) fn abandon(&mut self) {
        self.stage = Stage::Idle;
        self.multiplayer = None;
        self.monitor.remove();
        if let Some(server) = &mut self.server {
            server.bind_mut().give_up();
        }
    }

    /// Returns the server while there is a connection.
    pub(super) fn peer(&self) -> Option<&Rc<Peer>> {
        match &self.stage {
            Stage::Running(client) => client.peer(),
            _ => None,
        }
    }

    /// Returns the multiplayer mode and the server.
    pub(super) fn multiplayer_and_peer(&self) -> Option<(&ClientMultiplayer, &Rc<Peer>)> {
        self.multiplayer.as_ref().zip(self.peer())
    }

    fn next_event(&mut self) -> Option<ClientEvent> {
        match &mut self.stage {
            Stage::Running(client) => client.next_event(),
            _ => None,
        }
    }

    fn next_multiplayer_event(&mut self) -> Option<MultiplayerEvent> {
        match &mut self.stage {
            Stage::Running(client) => self.multiplayer.as_mut()?.next_event(client),
            _ => None,
        }
    }

    fn emit_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Established => {
                self.keep_server();
                let protocol = self
                    .peer()
                    .and_then(|peer| peer.protocol())
                    .map_or_else(GString::new, GString::from);
                self.signals().connection_established().emit(&protocol);
            }
            ClientEvent::Failed(failure) => self.failed(failure),
            ClientEvent::Data => self.signals().data_received().emit(),
            ClientEvent::CloseRequest(close) => self.close_requested(&close),
            ClientEvent::Closed { clean } => {
                self.stage = Stage::Idle;
                self.signals().connection_closed().emit(clean);
            }
        }
    }

    fn emit_multiplayer_event(&mut self, event: MultiplayerEvent) {
        match event {
            MultiplayerEvent::Joined(_) => {
                self.keep_server();
                self.signals().connection_succeeded().emit();
            }
            MultiplayerEvent::Connected(id) => {
                self.signals().peer_connected().emit(i64::from(id));
            }
            MultiplayerEvent::Disconnected(id) => {
                self.signals().peer_disconnected().emit(i64::from(id));
            }
            MultiplayerEvent::Packet(id) => self.signals().peer_packet().emit(id),
            MultiplayerEvent::CloseRequest { close, .. } => self.close_requested(&close),
            MultiplayerEvent::Failed(failure) => self.failed(failure),
            MultiplayerEvent::Closed => {
                self.abandon();
                self.signals().server_disconnected().emit();
            }
            // Only a server gets these.
            MultiplayerEvent::Request(_) => {}
        }
    }

    fn keep_server(&mut self) {
        if let (Some(peer), Some(server)) = (self.peer().cloned(), &mut self.server) {
            server.bind_mut().connected(peer);
        }
    }

    fn close_requested(&mut self, close: &CloseFrame) {
        let reason = GString::from(&close.reason);
        self.signals().server_close_request().emit(i32::from(close.code.0), &reason);
    }

    /// Logs a failed connection and emits the signal. A network failure is not a script error, so it is a plain line.
    fn failed(&mut self, failure: Failure) {
        godot_print!("LodeWebSocketClient: no connection: {}.", failure.message);
        self.failure = failure;
        let multiplayer = self.multiplayer.is_some();
        self.abandon();
        if multiplayer {
            self.signals().connection_failed().emit();
        } else {
            self.signals().connection_error().emit();
        }
    }

    /// Returns true if messages can be exchanged.
    pub(super) fn is_connected(&self) -> bool {
        match &self.multiplayer {
            Some(multiplayer) => multiplayer.id() != 0,
            None => self.peer().is_some(),
        }
    }

    pub(super) fn running(&self) -> Option<&Client> {
        match &self.stage {
            Stage::Running(client) => Some(client),
            _ => None,
        }
    }
}

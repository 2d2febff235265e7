//! What a script calls.

use super::LodeWebSocketServer;
use super::config::Objection;
use crate::class_enum::ByNumber;
use crate::strings::headers_of;
use crate::websocket_peer::{LodeWebSocketPeer, WriteMode, close_peer};
use crate::websocket_settings::limits_of;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::BindError;
use lodewire_net::websocket::Server;
use lodewire_net::websocket::multiplayer::{ServerMultiplayer, Wire};
use std::rc::Rc;

#[godot_api(secondary)]
impl LodeWebSocketServer {
    /// Starts to listen on [param port]; 0 takes one that is free, which [method get_local_port] tells. Of
    /// [param protocols] the first that a client offers is agreed on, and a client that offers none of them is refused;
    /// when empty, none is agreed on.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the port is taken or the server listens already,
    /// [constant ERR_INVALID_PARAMETER] for a port out of range, a bad [member bind_ip] or a bad sub-protocol,
    /// or a property that cannot be used, such as a [member private_key] that does not belong to the
    /// [member ssl_certificate], [constant ERR_UNAVAILABLE] for an address that is not this machine's or a port that needs
    /// more rights, and [constant ERR_CANT_CREATE] if the system has no socket left. A line in the log says which.
    ///
    /// With [param gd_mp_api] the server is a multiplayer peer, with the id 1: assign it to
    /// [member MultiplayerAPI.multiplayer_peer], which polls it then. Clients connect with
    /// [method WebSocketMultiplayerPeer.create_client], or with a [LodeWebSocketClient] whose [code]gd_mp_api[/code] is
    /// on. Instead of [signal client_connected], [signal client_disconnected] and [signal data_received],
    /// [signal MultiplayerPeer.peer_connected], [signal MultiplayerPeer.peer_disconnected] and [signal peer_packet] are
    /// emitted then.
    #[func]
    fn listen(
        &mut self,
        port: i32,
        #[opt(default = &PackedStringArray::new())] protocols: PackedStringArray,
        #[opt(default = false)] gd_mp_api: bool,
    ) -> Error {
        let (bind, port, config) = match self.configure(port, &protocols) {
            Ok(configured) => configured,
            Err(Objection(error, why)) => {
                godot_error!("LodeWebSocketServer.listen: {why}");
                return error;
            }
        };
        match Server::listen(bind, port, config) {
            Ok(server) => {
                server.set_refusing(self.refusing);
                server.set_draining(self.draining);
                self.server = Some(server);
                let wire = if self.godot_3_protocol { Wire::Godot3 } else { Wire::Godot4 };
                self.multiplayer = gd_mp_api.then(|| ServerMultiplayer::new(wire));
                Error::OK
            }
            Err(error) => {
                godot_error!("LodeWebSocketServer.listen: {}", error.explain(bind, port));
                match error {
                    BindError::InUse => Error::ERR_ALREADY_IN_USE,
                    BindError::Refused(_) => Error::ERR_UNAVAILABLE,
                    BindError::System(_) => Error::ERR_CANT_CREATE,
                }
            }
        }
    }

    /// Sets how much may wait for each client, before [method listen]: in from the client, until you read it, and out to
    /// it, in KiB and in packets. The sizes are also those of the largest message. The default is 1024 KiB each way, 1024
    /// packets in and 16384 out.
    ///
    /// A client that sends more than you read has to wait; nothing is lost. When too much waits for a client,
    /// [method PacketPeer.put_packet] returns [constant ERR_OUT_OF_MEMORY].
    ///
    /// Returns [constant FAILED] while the server listens, and [constant ERR_INVALID_PARAMETER] for a number that is less
    /// than 1, or a size over 1048576 KiB.
    #[func]
    fn set_buffers(
        &mut self,
        input_buffer_size_kb: i32,
        input_max_packets: i32,
        output_buffer_size_kb: i32,
        output_max_packets: i32,
    ) -> Error {
        if !self.may_set("set_buffers") {
            return Error::FAILED;
        }
        let limits = limits_of(
            "LodeWebSocketServer.set_buffers",
            input_buffer_size_kb,
            input_max_packets,
            output_buffer_size_kb,
            output_max_packets,
        );
        match limits {
            Ok(limits) => self.limits = limits,
            Err(error) => return error,
        }
        Error::OK
    }

    /// Stops to listen, and closes every connection with code 1000. The port is free when it returns. No signal tells of
    /// the peers, but a peer that you keep is closed, and its packets stay readable.
    #[func]
    pub(super) fn stop(&mut self) {
        self.handles.get_mut().clear();
        self.multiplayer = None;
        self.monitor.remove();
        self.server = None;
    }

    /// Whether the server listens.
    #[func]
    pub(super) fn is_listening(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.failure().is_none())
    }

    /// The port that the server listens on, or 0.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.server.as_ref().map_or(0, |server| server.local_port().into())
    }

    /// Whether a client with this id is connected. During [signal client_disconnected] it still is.
    #[func]
    fn has_peer(&self, id: i32) -> bool {
        self.server.as_ref().is_some_and(|server| server.peer(id).is_some())
    }

    /// The client with this id: the same object each time. An unknown id gives [code]null[/code] and an error.
    #[func]
    fn get_peer(&self, peer_id: i32) -> Option<Gd<LodeWebSocketPeer>> {
        let peer = Rc::clone(self.known_peer("get_peer", peer_id)?);
        let mut handles = self.handles.borrow_mut();
        Some(handles.entry(peer_id).or_insert_with(|| LodeWebSocketPeer::create(peer)).clone())
    }

    /// The IP address of a client. An unknown id gives an empty text and an error.
    #[func]
    fn get_peer_address(&self, id: i32) -> GString {
        self.known_peer("get_peer_address", id)
            .map_or_else(GString::new, |peer| GString::from(&peer.remote().ip().to_string()))
    }

    /// The port of a client. An unknown id gives 0 and an error.
    #[func]
    fn get_peer_port(&self, id: i32) -> i32 {
        self.known_peer("get_peer_port", id).map_or(0, |peer| peer.remote().port().into())
    }

    /// Closes the connection to a client: as [method LodeWebSocketPeer.close]. Nothing of that client reaches the game any
    /// more but [signal client_disconnected]; with [code]gd_mp_api[/code] the next poll emits
    /// [signal MultiplayerPeer.peer_disconnected].
    ///
    /// A [param code] of 0 or 1, which no close may have, is the [code]force[/code] of
    /// [method MultiplayerPeer.disconnect_peer], whose name this method shares: [code]true[/code] lets go of the client
    /// without a signal.
    #[func]
    pub(super) fn disconnect_peer(
        &mut self,
        id: i32,
        #[opt(default = 1000)] code: i32,
        #[opt(default = "")] reason: GString,
    ) {
        let Some(peer) = self.known_peer("disconnect_peer", id) else {
            return;
        };
        if code == 1 {
            self.force_out(id);
            return;
        }
        let code = if code == 0 { 1000 } else { code };
        close_peer("LodeWebSocketServer.disconnect_peer", peer, code, &reason.to_string());
    }

    /// Adds header lines, such as [code]"Set-Cookie: id=1"[/code], to the answer that every client gets. It counts from the
    /// next [method listen] on. Lines that are no headers, or that the handshake itself writes, are an error, and nothing
    /// is changed.
    #[func]
    fn set_extra_headers(
        &mut self,
        #[opt(default = &PackedStringArray::new())] headers: PackedStringArray,
    ) {
        match headers_of(&headers) {
            Ok(headers) => self.extra_headers = headers,
            Err(line) => godot_error!(
                "LodeWebSocketServer.set_extra_headers: {line:?} is not a header that can be added. Write \"Name: value\"."
            ),
        }
    }

    /// Sends [param message] to all clients but those in [param except]. It is encoded, and compressed, once for all of
    /// them. Returns how many it was sent to: clients that are closing, or for which too much waits already, are left out;
    /// -1 for text that is not UTF-8.
    #[func]
    fn broadcast(
        &mut self,
        message: PackedByteArray,
        #[opt(default = ByNumber(WriteMode::Binary))] write_mode: ByNumber<WriteMode>,
        #[opt(default = &PackedInt32Array::new())] except: PackedInt32Array,
    ) -> i32 {
        let write_mode = write_mode.0;
        let message = message.to_vec();
        if write_mode == WriteMode::Text && std::str::from_utf8(&message).is_err() {
            godot_error!("LodeWebSocketServer.broadcast: text must be UTF-8. Send bytes instead.");
            return -1;
        }
        let reached = self
            .server
            .as_ref()
            .map_or(0, |server| server.broadcast(write_mode.into(), message, except.as_slice()));
        i32::try_from(reached).unwrap_or(i32::MAX)
    }

    /// The ids of all clients that are connected.
    #[func]
    fn get_peers(&self) -> PackedInt32Array {
        let peers = self.server.iter().flat_map(Server::peers);
        peers.map(|peer| peer.id()).collect()
    }
}

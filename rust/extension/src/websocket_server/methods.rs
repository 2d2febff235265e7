//! The methods that a script calls.

use super::LodeWebSocketServer;
use super::config::ConfigError;
use crate::class_enum::ByNumber;
use crate::strings::headers_of;
use crate::websocket_peer::{LodeWebSocketPeer, WriteMode, close_peer};
use crate::websocket_settings::limits_of;
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::BindError;
use lodewire_net::websocket::multiplayer::{PacketFormat, ServerMultiplayer};
use lodewire_net::websocket::{OutgoingMessage, Server};
use std::rc::Rc;

#[godot_api(secondary)]
impl LodeWebSocketServer {
    /// Starts listening on [param port]; 0 picks a free port, see [method get_local_port]. The first entry of
    /// [param protocols] that a client offers is selected as its sub-protocol; a client that offers none of them is
    /// rejected. If [param protocols] is empty, no sub-protocol is selected.
    ///
    /// Returns [constant ERR_ALREADY_IN_USE] if the port is in use or the server is already listening,
    /// [constant ERR_INVALID_PARAMETER] if the port, [member bind_ip], a sub-protocol or another property is invalid,
    /// for example if [member private_key] does not belong to [member ssl_certificate], [constant ERR_UNAVAILABLE] if
    /// the address does not belong to this machine or the port requires more privileges, and [constant ERR_CANT_CREATE]
    /// if the system has no free socket. The reason is logged.
    ///
    /// With [param gd_mp_api] the server is a multiplayer peer with the id 1: assign it to
    /// [member MultiplayerAPI.multiplayer_peer], which then polls it. Clients connect with
    /// [method WebSocketMultiplayerPeer.create_client], or with a [LodeWebSocketClient] that also uses
    /// [code]gd_mp_api[/code]. In this mode [signal MultiplayerPeer.peer_connected],
    /// [signal MultiplayerPeer.peer_disconnected] and [signal peer_packet] are emitted instead of
    /// [signal client_connected], [signal client_disconnected] and [signal data_received].
    #[func]
    fn listen(
        &mut self,
        port: i32,
        #[opt(default = &PackedStringArray::new())] protocols: PackedStringArray,
        #[opt(default = false)] gd_mp_api: bool,
    ) -> Error {
        let (bind, port, config) = match self.configure(port, &protocols) {
            Ok(configured) => configured,
            Err(ConfigError(error, why)) => {
                godot_error!("LodeWebSocketServer.listen: {why}");
                return error;
            }
        };
        match Server::listen(bind, port, config) {
            Ok(server) => {
                server.set_refusing(self.refusing);
                server.set_draining(self.draining);
                self.server = Some(server);
                let format =
                    if self.godot_3_protocol { PacketFormat::Godot3 } else { PacketFormat::Godot4 };
                self.multiplayer = gd_mp_api.then(|| ServerMultiplayer::new(format));
                Error::OK
            }
            Err(error) => {
                godot_error!("LodeWebSocketServer.listen: {}", error.explain(bind, port));
                match error {
                    BindError::InUse => Error::ERR_ALREADY_IN_USE,
                    BindError::Unavailable(_) => Error::ERR_UNAVAILABLE,
                    BindError::System(_) => Error::ERR_CANT_CREATE,
                }
            }
        }
    }

    /// Sets the buffer limits for each client: for received messages that you have not read yet, and for messages that
    /// have not been sent yet, in KiB and in packets. The sizes also limit the size of one message. The default is 1024
    /// KiB in each direction, 1024 received packets and 16384 packets to send. Call it before [method listen].
    ///
    /// While the receive buffer of a client is full, the client has to wait; nothing is lost. When its send buffer is
    /// full, [method PacketPeer.put_packet] returns [constant ERR_OUT_OF_MEMORY].
    ///
    /// Returns [constant FAILED] while the server is listening, and [constant ERR_INVALID_PARAMETER] if a number is
    /// less than 1 or a size is greater than 1048576 KiB.
    #[func]
    fn set_buffers(
        &mut self,
        input_buffer_size_kb: i32,
        input_max_packets: i32,
        output_buffer_size_kb: i32,
        output_max_packets: i32,
    ) -> Error {
        if !self.ensure_not_listening("set_buffers") {
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

    /// Stops listening and closes every connection with code 1000. The port is free when the method returns. No signals
    /// are emitted for the peers. Peer objects that you keep are closed, and their packets remain readable.
    #[func]
    pub(super) fn stop(&mut self) {
        self.handles.get_mut().clear();
        self.multiplayer = None;
        self.monitor.remove();
        self.server = None;
    }

    /// Returns [code]true[/code] if the server is listening.
    #[func]
    pub(super) fn is_listening(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.failure().is_none())
    }

    /// Returns the port that the server is listening on, or 0.
    #[func]
    fn get_local_port(&self) -> i32 {
        self.server.as_ref().map_or(0, |server| server.local_port().into())
    }

    /// Returns [code]true[/code] if a client with this id is connected. During [signal client_disconnected] it still
    /// is.
    #[func]
    fn has_peer(&self, id: i32) -> bool {
        self.server.as_ref().is_some_and(|server| server.peer(id).is_some())
    }

    /// Returns the client with this id; each call returns the same object. If the id is unknown, returns
    /// [code]null[/code] and prints an error.
    #[func]
    fn get_peer(&self, peer_id: i32) -> Option<Gd<LodeWebSocketPeer>> {
        let peer = Rc::clone(self.known_peer("get_peer", peer_id)?);
        let mut handles = self.handles.borrow_mut();
        Some(handles.entry(peer_id).or_insert_with(|| LodeWebSocketPeer::create(peer)).clone())
    }

    /// Returns the IP address of a client. If the id is unknown, returns an empty string and prints an error.
    #[func]
    fn get_peer_address(&self, id: i32) -> GString {
        self.known_peer("get_peer_address", id)
            .map_or_else(GString::new, |peer| GString::from(&peer.remote().ip().to_string()))
    }

    /// Returns the port of a client. If the id is unknown, returns 0 and prints an error.
    #[func]
    fn get_peer_port(&self, id: i32) -> i32 {
        self.known_peer("get_peer_port", id).map_or(0, |peer| peer.remote().port().into())
    }

    /// Closes the connection to a client, like [method LodeWebSocketPeer.close]. After that, only
    /// [signal client_disconnected] is emitted for the client; with [code]gd_mp_api[/code], the next poll emits
    /// [signal MultiplayerPeer.peer_disconnected].
    ///
    /// The method shares its name with [method MultiplayerPeer.disconnect_peer]. A [param code] of 0 or 1, which no
    /// Close may have, is therefore the [code]force[/code] argument of that method: [code]true[/code] removes the
    /// client without a signal.
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
            self.remove_peer(id);
            return;
        }
        let code = if code == 0 { 1000 } else { code };
        close_peer("LodeWebSocketServer.disconnect_peer", peer, code, &reason.to_string());
    }

    /// Adds header lines, for example [code]"Set-Cookie: id=1"[/code], to the response to every client. Used from the
    /// next [method listen] on. Invalid lines, and headers that the handshake itself writes, print an error, and
    /// nothing is changed.
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

    /// Sends [param message] to all clients except those in [param except]. The message is encoded and compressed once
    /// for all of them. Returns the number of clients that it was queued for: clients that are closing, or whose send
    /// buffer is full, are skipped. Returns -1 if a text message is not UTF-8.
    #[func]
    fn broadcast(
        &mut self,
        message: PackedByteArray,
        #[opt(default = ByNumber(WriteMode::Binary))] write_mode: ByNumber<WriteMode>,
        #[opt(default = &PackedInt32Array::new())] except: PackedInt32Array,
    ) -> i32 {
        let Ok(message) = OutgoingMessage::new(write_mode.0.into(), message.to_vec()) else {
            godot_error!("LodeWebSocketServer.broadcast: text must be UTF-8. Send bytes instead.");
            return -1;
        };
        let reached =
            self.server.as_ref().map_or(0, |server| server.broadcast(message, except.as_slice()));
        i32::try_from(reached).unwrap_or(i32::MAX)
    }

    /// Returns the ids of all connected clients.
    #[func]
    fn get_peers(&self) -> PackedInt32Array {
        let peers = self.server.iter().flat_map(Server::peers);
        peers.map(|peer| peer.id()).collect()
    }
}

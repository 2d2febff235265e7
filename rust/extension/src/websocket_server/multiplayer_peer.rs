//! The server as a multiplayer peer of the engine.

use super::LodeWebSocketServer;
use crate::packet_buffer;
use godot::classes::IMultiplayerPeerExtension;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use lodewire_net::websocket::SendError;
use lodewire_net::websocket::multiplayer::{PacketFormat, ServerMultiplayer};

#[godot_api]
impl IMultiplayerPeerExtension for LodeWebSocketServer {
    fn poll(&mut self) {
        self.poll_once();
    }

    fn close(&mut self) {
        self.stop();
    }

    fn disconnect_peer(&mut self, id: i32, force: bool) {
        self.disconnect_peer(id, force.into(), GString::new());
    }

    fn get_connection_status(&self) -> ConnectionStatus {
        if self.is_listening() {
            ConnectionStatus::CONNECTED
        } else {
            ConnectionStatus::DISCONNECTED
        }
    }

    fn is_server(&self) -> bool {
        true
    }

    fn is_server_relay_supported(&self) -> bool {
        // With the protocol of Godot 3, this class relays.
        self.multiplayer
            .as_ref()
            .is_some_and(|multiplayer| multiplayer.format() == PacketFormat::Godot4)
    }

    fn get_unique_id(&self) -> i32 {
        self.is_listening().into()
    }

    fn set_refuse_new_connections(&mut self, enable: bool) {
        self.refusing = enable;
        if let Some(server) = &self.server {
            server.set_refusing(enable);
        }
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refusing
    }

    fn get_available_packet_count(&self) -> i32 {
        let available = self.multiplayer.as_ref().map_or(0, ServerMultiplayer::available);
        i32::try_from(available).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        i32::try_from(self.limits.out_bytes).unwrap_or(i32::MAX)
    }

    unsafe fn get_packet_rawptr(
        &mut self,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        let (packet, otherwise) = match &mut self.multiplayer {
            Some(multiplayer) => (multiplayer.receive(), Error::ERR_UNAVAILABLE),
            None => (None, Error::ERR_UNCONFIGURED),
        };
        // SAFETY: the pointers are the engine's own.
        unsafe { self.packet.answer(packet, otherwise, buffer, size) }
    }

    unsafe fn put_packet_rawptr(&mut self, buffer: RawPtr<*const u8>, size: i32) -> Error {
        let (Some(multiplayer), Some(server)) = (&self.multiplayer, &self.server) else {
            let why = if self.server.is_some() {
                "the server itself sends only with gd_mp_api. Use get_peer(id).put_packet()."
            } else {
                "the server is not listening. Call listen() with gd_mp_api first."
            };
            godot_error!("LodeWebSocketServer.put_packet: {why}");
            return Error::ERR_UNCONFIGURED;
        };
        // SAFETY: the pointer and the size are the engine's own.
        let packet: Vec<u8> = unsafe { packet_buffer::copy(buffer, size) };
        let target = self.target_peer;
        match multiplayer.send(server, target, &packet) {
            Ok(()) => Error::OK,
            Err(SendError::Full) => Error::ERR_OUT_OF_MEMORY,
            // The script has not been told yet that the peer has disconnected.
            Err(SendError::NotOpen) if multiplayer.is_departing(target) => Error::OK,
            Err(SendError::NotOpen) if server.peer(target).is_some() => Error::FAILED,
            Err(SendError::NotOpen) => {
                godot_error!(
                    "LodeWebSocketServer.put_packet: there is no peer {target}. Ask has_peer() first."
                );
                Error::ERR_INVALID_PARAMETER
            }
        }
    }

    fn get_packet_channel(&self) -> i32 {
        0
    }

    fn get_packet_mode(&self) -> TransferMode {
        TransferMode::RELIABLE
    }

    fn get_packet_peer(&self) -> i32 {
        self.multiplayer.as_ref().and_then(ServerMultiplayer::next_sender).unwrap_or(0)
    }

    fn set_target_peer(&mut self, id: i32) {
        self.target_peer = id;
    }

    fn get_transfer_channel(&self) -> i32 {
        self.transfer_channel
    }

    fn set_transfer_channel(&mut self, channel: i32) {
        self.transfer_channel = channel;
    }

    fn get_transfer_mode(&self) -> TransferMode {
        self.transfer_mode
    }

    fn set_transfer_mode(&mut self, mode: TransferMode) {
        self.transfer_mode = mode;
    }
}

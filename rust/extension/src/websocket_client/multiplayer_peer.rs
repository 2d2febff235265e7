//! The client as a multiplayer peer of the engine.

use super::{LodeWebSocketClient, Stage};
use crate::packet_buffer;
use crate::websocket_peer::close_peer;
use godot::classes::IMultiplayerPeerExtension;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;
use lodewire_net::websocket::multiplayer::{ClientMultiplayer, PacketFormat};
use lodewire_net::websocket::{Client, SendError};

#[godot_api]
impl IMultiplayerPeerExtension for LodeWebSocketClient {
    fn poll(&mut self) {
        self.poll_once();
    }

    fn close(&mut self) {
        self.abandon();
    }

    fn disconnect_peer(&mut self, id: i32, force: bool) {
        match self.peer() {
            Some(_) if id == 1 && force => self.abandon(),
            Some(peer) if id == 1 => {
                close_peer("LodeWebSocketClient.disconnect_peer", peer, 1000, "");
            }
            _ => {
                godot_error!(
                    "LodeWebSocketClient.disconnect_peer: there is no peer {id}. The server is 1, once connected."
                );
            }
        }
    }

    fn get_connection_status(&self) -> ConnectionStatus {
        match &self.stage {
            Stage::Idle => ConnectionStatus::DISCONNECTED,
            _ if self.is_connected() => ConnectionStatus::CONNECTED,
            _ => ConnectionStatus::CONNECTING,
        }
    }

    fn is_server(&self) -> bool {
        false
    }

    fn is_server_relay_supported(&self) -> bool {
        // With the protocol of Godot 3, the server's class relays.
        self.multiplayer
            .as_ref()
            .is_some_and(|multiplayer| multiplayer.format() == PacketFormat::Godot4)
    }

    fn get_unique_id(&self) -> i32 {
        self.multiplayer.as_ref().map_or(0, ClientMultiplayer::id)
    }

    fn set_refuse_new_connections(&mut self, enable: bool) {
        // A client gets no connections; the value is kept, as in the engine's classes.
        self.refusing = enable;
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refusing
    }

    fn get_available_packet_count(&self) -> i32 {
        let available = self.multiplayer_and_peer().map_or(0, |(mp, peer)| mp.available(peer));
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
        let peer = match &self.stage {
            Stage::Running(client) => client.peer(),
            _ => None,
        };
        let (packet, otherwise) = match &mut self.multiplayer {
            Some(mp) => (peer.and_then(|peer| mp.receive(peer)), Error::ERR_UNAVAILABLE),
            None => (None, Error::ERR_UNCONFIGURED),
        };
        // SAFETY: the pointers are the engine's own.
        unsafe { self.packet.answer(packet, otherwise, buffer, size) }
    }

    unsafe fn put_packet_rawptr(&mut self, buffer: RawPtr<*const u8>, size: i32) -> Error {
        let (Some(multiplayer), Some(peer)) =
            (&self.multiplayer, self.running().and_then(Client::peer))
        else {
            let why = if self.peer().is_some() {
                "the client itself sends only with gd_mp_api. Use get_peer(1).put_packet()."
            } else {
                "the client is not connected. Call connect_to_url() with gd_mp_api first, and wait for its id."
            };
            godot_error!("LodeWebSocketClient.put_packet: {why}");
            return Error::ERR_UNCONFIGURED;
        };
        // SAFETY: the pointer and the size are the engine's own.
        let packet: Vec<u8> = unsafe { packet_buffer::copy(buffer, size) };
        match multiplayer.send(peer, self.target_peer, &packet) {
            Ok(()) => Error::OK,
            Err(SendError::NotOpen) => Error::FAILED,
            Err(SendError::Full) => Error::ERR_OUT_OF_MEMORY,
        }
    }

    fn get_packet_channel(&self) -> i32 {
        0
    }

    fn get_packet_mode(&self) -> TransferMode {
        TransferMode::RELIABLE
    }

    fn get_packet_peer(&self) -> i32 {
        self.multiplayer_and_peer().and_then(|(mp, peer)| mp.next_sender(peer)).unwrap_or(0)
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

//! The methods that the engine's multiplayer API calls.

use super::poll::is_discarded;
use super::sending::{mode_of, transfer_channel_of};
use super::{LodeENetMultiplayerPeer, Mode};
use crate::packet_buffer;
use godot::classes::IMultiplayerPeerExtension;
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::meta::conv::RawPtr;
use godot::prelude::*;

/// Maximum size of a packet, as in the engine.
const MAX_PACKET_SIZE: i32 = 1 << 24;

#[godot_api]
impl IMultiplayerPeerExtension for LodeENetMultiplayerPeer {
    fn poll(&mut self) {
        self.poll_once();
    }

    fn close(&mut self) {
        self.end();
    }

    fn disconnect_peer(&mut self, id: i32, force: bool) {
        let Some(peer) = self.peers.get(&id) else {
            godot_error!("LodeENetMultiplayerPeer.disconnect_peer: there is no peer {id}.");
            return;
        };
        peer.disconnect(0);
        if !force {
            return;
        }
        // No further events of it are reported, and its id is free.
        if let Some(peer) = self.peers.remove(&id) {
            self.ids.remove(&peer.id());
        }
        if let Some(mut host) = self.mesh.remove(&id) {
            host.bind_mut().destroy_quietly();
        }
        if self.mode == Mode::Client {
            self.end();
        }
    }

    fn get_connection_status(&self) -> ConnectionStatus {
        self.status
    }

    fn is_server(&self) -> bool {
        self.mode == Mode::Server
    }

    fn is_server_relay_supported(&self) -> bool {
        matches!(self.mode, Mode::Server | Mode::Client)
    }

    fn get_unique_id(&self) -> i32 {
        self.unique_id
    }

    fn set_refuse_new_connections(&mut self, enable: bool) {
        self.refusing = enable;
        if let Some(host) = self.host.as_ref().filter(|_| self.mode == Mode::Server) {
            host.bind().refuse_quietly(enable);
        }
    }

    fn is_refusing_new_connections(&self) -> bool {
        self.refusing
    }

    fn get_available_packet_count(&self) -> i32 {
        // Called before each packet. Packets of peers that a script has just disconnected are skipped when they are next,
        // or with the next poll.
        let skipped = self.arrivals.iter().take_while(|(_, peer)| is_discarded(peer)).count();
        i32::try_from(self.arrivals.len() - skipped).unwrap_or(i32::MAX)
    }

    fn get_max_packet_size(&self) -> i32 {
        MAX_PACKET_SIZE
    }

    unsafe fn get_packet_rawptr(
        &mut self,
        buffer: RawPtr<*mut RawPtr<*const u8>>,
        size: RawPtr<*mut i32>,
    ) -> Error {
        let packet = loop {
            match self.arrivals.pop_front() {
                Some((_, peer)) if is_discarded(&peer) => drop(peer.receive()),
                next => break next.and_then(|(_, peer)| peer.receive()).map(|packet| packet.data),
            }
        };
        // SAFETY: the pointers are the engine's own.
        unsafe { self.packet.answer(packet, Error::ERR_UNAVAILABLE, buffer, size) }
    }

    unsafe fn put_packet_rawptr(&mut self, buffer: RawPtr<*const u8>, size: i32) -> Error {
        // SAFETY: the pointer and the size are the engine's own.
        let packet = unsafe { packet_buffer::copy(buffer, size) };
        self.send(packet)
    }

    fn get_packet_channel(&self) -> i32 {
        // The values without a packet are the engine's.
        self.next_arrival().map_or(1, |(_, peer)| transfer_channel_of(peer.packet_channel()))
    }

    fn get_packet_mode(&self) -> TransferMode {
        let next = self.next_arrival();
        next.map_or(TransferMode::RELIABLE, |(_, peer)| mode_of(peer.packet_flags()))
    }

    fn get_packet_peer(&self) -> i32 {
        self.next_arrival().map_or(1, |(id, _)| *id)
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

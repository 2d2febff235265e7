//! Selects the peers, the channel and the delivery mode of a packet.

use super::create::SYSTEM_CHANNELS;
use super::{LodeENetMultiplayerPeer, Mode};
use godot::classes::multiplayer_peer::{ConnectionStatus, TransferMode};
use godot::global::Error;
use godot::prelude::*;
use lodewire_net::enet::{Delivery, Peer, SendError};
use std::rc::Rc;
use std::sync::Arc;

/// The channels of packets without a transfer channel.
const RELIABLE_CHANNEL: i32 = 0;
const UNRELIABLE_CHANNEL: i32 = 1;

/// Returns ENet's delivery mode for a transfer mode, as the engine maps it.
fn delivery_of(mode: TransferMode) -> Delivery {
    match mode {
        TransferMode::UNRELIABLE => Delivery::UnsequencedFragment,
        TransferMode::UNRELIABLE_ORDERED => Delivery::UnreliableFragment,
        _ => Delivery::Reliable,
    }
}

/// Returns the transfer mode of a received packet.
pub(super) fn mode_of(flags: u8) -> TransferMode {
    match Delivery::from_flags(flags) {
        Delivery::Reliable => TransferMode::RELIABLE,
        Delivery::Unsequenced | Delivery::UnsequencedFragment => TransferMode::UNRELIABLE,
        Delivery::Unreliable | Delivery::UnreliableFragment => TransferMode::UNRELIABLE_ORDERED,
    }
}

/// Returns the transfer channel of a packet that was received on an ENet channel.
pub(super) fn transfer_channel_of(channel: u8) -> i32 {
    (i32::from(channel) - SYSTEM_CHANNELS + 1).max(0)
}

fn error_of(error: SendError) -> Error {
    match error {
        SendError::NotConnected => Error::FAILED,
        SendError::NoSuchChannel | SendError::TooLong => Error::ERR_INVALID_PARAMETER,
        SendError::Full => Error::ERR_OUT_OF_MEMORY,
    }
}

impl LodeENetMultiplayerPeer {
    pub(super) fn send(&self, data: Arc<[u8]>) -> Error {
        const CALLER: &str = "LodeENetMultiplayerPeer.put_packet";
        if !self.is_active() || self.status != ConnectionStatus::CONNECTED {
            godot_error!("{CALLER}: the peer is not connected.");
            return Error::ERR_UNCONFIGURED;
        }
        let (target, mode) = (self.target_peer, self.transfer_mode);
        if target != 0 && !self.peers.contains_key(&target.saturating_abs()) {
            godot_error!("{CALLER}: there is no peer {}.", target.saturating_abs());
            return Error::ERR_INVALID_PARAMETER;
        }
        let channel = match (self.transfer_channel, mode) {
            (channel @ 1.., _) => channel.saturating_add(SYSTEM_CHANNELS - 1),
            (_, TransferMode::RELIABLE) => RELIABLE_CHANNEL,
            _ => UNRELIABLE_CHANNEL,
        };
        let Ok(channel) = u8::try_from(channel) else {
            godot_error!("{CALLER}: invalid transfer channel {}.", self.transfer_channel);
            return Error::ERR_INVALID_PARAMETER;
        };
        let delivery = delivery_of(mode);
        // A client is only connected to the server, which relays.
        let only = if self.mode == Mode::Client { 1 } else { target };
        if only > 0 {
            let peer = self.peers.get(&only);
            return peer.map_or(Error::ERR_UNCONFIGURED, |peer| {
                peer.send(channel, delivery, data).map_or_else(error_of, |()| Error::OK)
            });
        }
        let to = |(id, _): &(&i32, &Rc<Peer>)| **id != target.saturating_neg();
        if let Some(host) = &self.host {
            let mut peers = self.peers.iter().filter(to).map(|(_, peer)| peer);
            host.bind().send_to(&mut peers, channel, delivery, data);
        } else {
            for (_, peer) in self.peers.iter().filter(to) {
                // A peer that cannot be sent to is skipped, as in the engine.
                let _ = peer.send(channel, delivery, data.clone());
            }
        }
        Error::OK
    }
}

//! The multiplayer mode of a client.

use super::godot3_format::{Header, Kind, parse_peer_id};
use super::{MultiplayerEvent, PacketFormat};
use crate::websocket::{Client, ClientEvent, Failure, OutgoingMessage, Peer, SendError};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// The server's id.
const SERVER: i32 = 1;

/// Maximum number of other clients that a server may announce: as many as a server of the engine can have.
const MAX_PEERS: usize = 65_536;

/// The state of a client in the multiplayer mode.
#[derive(Debug)]
pub struct ClientMultiplayer {
    format: PacketFormat,
    /// The id assigned by the server; 0 before that.
    id: i32,
    /// The senders of the unread packets, in order.
    senders: VecDeque<i32>,
    /// The ids of the connected peers, including the server.
    peers: BTreeSet<i32>,
    /// Events to report before the next message.
    events: VecDeque<MultiplayerEvent>,
    /// The connection has ended with unread packets: reported with the next poll.
    is_close_pending: bool,
}

impl ClientMultiplayer {
    /// Creates the state of a client.
    pub fn new(format: PacketFormat) -> Self {
        Self {
            format,
            id: 0,
            senders: VecDeque::new(),
            peers: BTreeSet::new(),
            events: VecDeque::new(),
            is_close_pending: false,
        }
    }

    /// Returns the id of this client; 0 until the server has assigned it.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Returns the packet format.
    pub fn format(&self) -> PacketFormat {
        self.format
    }

    /// Starts a poll, with which a pending close is reported.
    pub fn begin_poll(&mut self) {
        if std::mem::take(&mut self.is_close_pending) {
            self.close();
        }
    }

    /// Returns the next event of the last poll of `client`.
    pub fn next_event(&mut self, client: &mut Client) -> Option<MultiplayerEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match client.next_event()? {
                // Reported once the server has assigned the id.
                ClientEvent::Established => {}
                ClientEvent::Failed(failure) => {
                    return Some(MultiplayerEvent::Failed(failure));
                }
                ClientEvent::Data => {
                    let peer = Rc::clone(client.peer()?);
                    self.on_message(&peer);
                }
                ClientEvent::CloseRequest(close) => {
                    return Some(MultiplayerEvent::CloseRequest { id: SERVER, close });
                }
                ClientEvent::Closed { .. } if self.id == 0 => {
                    let message = "the server closed the connection before it assigned an id";
                    return Some(MultiplayerEvent::Failed(Failure::new(message)));
                }
                ClientEvent::Closed { .. }
                    if client.peer().is_none_or(|peer| self.available(peer) == 0) =>
                {
                    self.close();
                }
                ClientEvent::Closed { .. } => self.is_close_pending = true,
            }
        }
    }

    fn close(&mut self) {
        let peers = std::mem::take(&mut self.peers);
        self.events.extend(peers.into_iter().rev().map(MultiplayerEvent::Disconnected));
        self.events.push_back(MultiplayerEvent::Closed);
    }

    /// Handles a message: the id, an announcement of another client, or a packet.
    fn on_message(&mut self, peer: &Peer) {
        match self.format {
            PacketFormat::Godot4 if self.id == 0 => {
                let id = peer
                    .take_newest()
                    .and_then(|message| message.payload.try_into().ok().map(i32::from_le_bytes));
                self.join(peer, id);
                if self.id != 0 {
                    self.add(SERVER);
                }
            }
            PacketFormat::Godot4 => self.push_sender(peer, SERVER),
            PacketFormat::Godot3 => {
                let header = peer.with_newest(|message| Header::parse(&message.payload)).flatten();
                if let Some(Header { kind: Kind::Packet, from, .. }) = header
                    && self.peers.contains(&from)
                {
                    self.push_sender(peer, from);
                    return;
                }
                let message = peer.take_newest();
                let id = message.and_then(|message| parse_peer_id(&message.payload));
                match header.map(|header| header.kind) {
                    Some(Kind::Id) if self.id == 0 => self.join(peer, id),
                    Some(Kind::Add) => id.into_iter().for_each(|id| self.add(id)),
                    Some(Kind::Remove) => {
                        let known = id.filter(|id| *id != SERVER && self.peers.remove(id));
                        self.events.extend(known.map(MultiplayerEvent::Disconnected));
                    }
                    _ => {}
                }
            }
        }
    }

    fn join(&mut self, peer: &Peer, id: Option<i32>) {
        match id.filter(|id| *id > SERVER) {
            Some(id) => {
                self.id = id;
                self.events.push_back(MultiplayerEvent::Joined(id));
            }
            // The server does not speak this protocol.
            None => peer.drop_connection(),
        }
    }

    fn add(&mut self, id: i32) {
        let valid = id >= SERVER && id != self.id && self.id != 0;
        if valid && self.peers.len() < MAX_PEERS && self.peers.insert(id) {
            self.events.push_back(MultiplayerEvent::Connected(id));
        }
    }

    /// Records the sender of the packet that `peer` has received last.
    fn push_sender(&mut self, peer: &Peer, from: i32) {
        self.senders.push_back(from);
        self.senders.drain(..self.senders.len().saturating_sub(peer.available()));
        self.events.push_back(MultiplayerEvent::Packet(from));
    }

    /// Returns the number of packets that can be read from `peer`.
    pub fn available(&self, peer: &Peer) -> usize {
        self.senders.len().min(peer.available())
    }

    /// Returns the sender of the next packet of `peer`.
    pub fn next_sender(&self, peer: &Peer) -> Option<i32> {
        // Packets read or discarded without the multiplayer mode were the first ones.
        self.senders.get(self.senders.len().checked_sub(peer.available())?).copied()
    }

    /// Reads the next packet.
    pub fn receive(&mut self, peer: &Peer) -> Option<Vec<u8>> {
        self.senders.drain(..self.senders.len().saturating_sub(peer.available()));
        self.senders.pop_front()?;
        let mut packet = peer.receive()?.payload;
        if self.format == PacketFormat::Godot3 {
            packet.drain(..Header::LEN.min(packet.len()));
        }
        Some(packet)
    }

    /// Sends a packet to a peer, to all (0), or to all but one (its negative id). In the Godot 4 format all packets go
    /// to the server, and the engine puts the target into the packet.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, peer: &Peer, target: i32, packet: &[u8]) -> Result<(), SendError> {
        let message = match self.format {
            _ if self.id == 0 => return Err(SendError::NotOpen),
            PacketFormat::Godot4 => packet.to_vec(),
            PacketFormat::Godot3 => Header::packet(self.id, target).message(packet),
        };
        peer.send(OutgoingMessage::Binary(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::MessageKind;
    use crate::websocket::endpoint::{EndpointShared, Key, Settings};
    use crate::websocket::peer::Message;
    use crate::websocket::peer_shared::{Arrival, PeerShared};
    use std::sync::Arc;

    #[test]
    fn packets_read_without_the_mode_hold_no_memory_in_it() {
        let endpoint = Arc::new(EndpointShared::new(Settings::default()));
        let (key, remote) = (Key { slot: 0, generation: 1 }, ([127, 0, 0, 1], 1).into());
        let shared = Arc::new(PeerShared::new(SERVER, key, remote, None, None, endpoint));
        let peer = Peer::new(Arc::clone(&shared));
        let mut multiplayer = ClientMultiplayer::new(PacketFormat::Godot4);
        multiplayer.id = 2;
        for number in 0..10_000_u32 {
            let payload = number.to_le_bytes().to_vec();
            shared.deliver(Arrival::Message(Message { kind: MessageKind::Binary, payload }));
            peer.collect();
            assert!(peer.next_event().is_some());
            multiplayer.on_message(&peer);
            assert!(multiplayer.senders.len() <= 2);
            assert_eq!(multiplayer.available(&peer), peer.available());
            // One packet is always unread.
            if number > 0 {
                assert!(peer.receive_directly().is_some());
            }
        }
        assert_eq!(multiplayer.next_sender(&peer), Some(SERVER));
        assert_eq!(multiplayer.receive(&peer), Some(9999_u32.to_le_bytes().to_vec()));
        assert_eq!(multiplayer.receive(&peer), None);
    }
}

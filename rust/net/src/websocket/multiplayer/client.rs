//! The client's end of the multiplayer mode.

use super::wire3::{Header, Kind, told_id};
use super::{MultiplayerEvent, Wire};
use crate::websocket::{Client, ClientEvent, Failure, MessageKind, Peer, SendError};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// The server's id.
const SERVER: i32 = 1;

/// The most other clients that a server may tell of: it cannot have more at its side than an engine's server.
const MAX_PEERS: usize = 65_536;

/// What a client in the multiplayer mode keeps beside its connection.
#[derive(Debug)]
pub struct ClientMultiplayer {
    wire: Wire,
    /// The id that the server gave; 0 before.
    id: i32,
    /// The senders of the packets that wait for the game, in their order.
    order: VecDeque<i32>,
    /// Who can be reached, the server included.
    peers: BTreeSet<i32>,
    /// What is to be told before the next message.
    told: VecDeque<MultiplayerEvent>,
    /// The connection has ended while packets waited: told with the next poll.
    closed: bool,
}

impl ClientMultiplayer {
    /// A client that writes packets as `wire` says.
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            id: 0,
            order: VecDeque::new(),
            peers: BTreeSet::new(),
            told: VecDeque::new(),
            closed: false,
        }
    }

    /// The client's own id; 0 until the server has told it.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// How it writes packets.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// Begins a poll: an end that waited for the game to read is told now.
    pub fn begin_poll(&mut self) {
        if std::mem::take(&mut self.closed) {
            self.close();
        }
    }

    /// The next thing to tell of the last poll of `client`.
    pub fn next_event(&mut self, client: &mut Client) -> Option<MultiplayerEvent> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Some(told);
            }
            match client.next_event()? {
                // The id comes first.
                ClientEvent::Established => {}
                ClientEvent::Failed(failure) => {
                    return Some(MultiplayerEvent::Failed(failure));
                }
                ClientEvent::Data => {
                    let peer = Rc::clone(client.peer()?);
                    self.take(&peer);
                }
                ClientEvent::CloseRequest(close) => {
                    return Some(MultiplayerEvent::CloseRequest { id: SERVER, close });
                }
                ClientEvent::Closed { .. } if self.id == 0 => {
                    let why = "the server closed the connection before it told an id";
                    return Some(MultiplayerEvent::Failed(Failure::new(why)));
                }
                ClientEvent::Closed { .. }
                    if client.peer().is_none_or(|peer| self.available(peer) == 0) =>
                {
                    self.close();
                }
                ClientEvent::Closed { .. } => self.closed = true,
            }
        }
    }

    fn close(&mut self) {
        let peers = std::mem::take(&mut self.peers);
        self.told.extend(peers.into_iter().rev().map(MultiplayerEvent::Disconnected));
        self.told.push_back(MultiplayerEvent::Closed);
    }

    /// A message has come: the id, news of others, a packet, or nothing.
    fn take(&mut self, peer: &Peer) {
        match self.wire {
            Wire::Godot4 if self.id == 0 => {
                let id = peer
                    .receive_newest()
                    .and_then(|message| message.payload.try_into().ok().map(i32::from_le_bytes));
                self.join(peer, id);
                if self.id != 0 {
                    self.add(SERVER);
                }
            }
            Wire::Godot4 => self.keep(peer, SERVER),
            Wire::Godot3 => {
                let header = peer.with_newest(|message| Header::parse(&message.payload)).flatten();
                if let Some(Header { kind: Kind::Packet, from, .. }) = header
                    && self.peers.contains(&from)
                {
                    self.keep(peer, from);
                    return;
                }
                let message = peer.receive_newest();
                let id = message.and_then(|message| told_id(&message.payload));
                match header.map(|header| header.kind) {
                    Some(Kind::Id) if self.id == 0 => self.join(peer, id),
                    Some(Kind::Add) => id.into_iter().for_each(|id| self.add(id)),
                    Some(Kind::Remove) => {
                        let known = id.filter(|id| *id != SERVER && self.peers.remove(id));
                        self.told.extend(known.map(MultiplayerEvent::Disconnected));
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
                self.told.push_back(MultiplayerEvent::Joined(id));
            }
            // What speaks there is no multiplayer server.
            None => peer.drop_connection(),
        }
    }

    fn add(&mut self, id: i32) {
        let valid = id >= SERVER && id != self.id && self.id != 0;
        if valid && self.peers.len() < MAX_PEERS && self.peers.insert(id) {
            self.told.push_back(MultiplayerEvent::Connected(id));
        }
    }

    /// A packet has come, and waits in `peer` as the last.
    fn keep(&mut self, peer: &Peer, from: i32) {
        self.order.push_back(from);
        self.order.drain(..self.order.len().saturating_sub(peer.available()));
        self.told.push_back(MultiplayerEvent::Packet(from));
    }

    /// How many packets can be read from `peer`.
    pub fn available(&self, peer: &Peer) -> usize {
        self.order.len().min(peer.available())
    }

    /// Who sent the next packet of `peer`.
    pub fn next_sender(&self, peer: &Peer) -> Option<i32> {
        // What was read or thrown away past the multiplayer mode came first.
        self.order.get(self.order.len().checked_sub(peer.available())?).copied()
    }

    /// Reads the next packet.
    pub fn receive(&mut self, peer: &Peer) -> Option<Vec<u8>> {
        self.order.drain(..self.order.len().saturating_sub(peer.available()));
        self.order.pop_front()?;
        let mut packet = peer.receive()?.payload;
        if self.wire == Wire::Godot3 {
            packet.drain(..Header::LEN.min(packet.len()));
        }
        Some(packet)
    }

    /// Sends a packet to a peer, to all (0), or to all but one (its id, negative). In Godot 4 everything goes to the
    /// server, and the engine says inside the packet for whom it is.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, peer: &Peer, target: i32, packet: &[u8]) -> Result<(), SendError> {
        let message = match self.wire {
            _ if self.id == 0 => return Err(SendError::NotOpen),
            Wire::Godot4 => packet.to_vec(),
            Wire::Godot3 => Header::packet(self.id, target).message(packet),
        };
        peer.send(MessageKind::Binary, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::endpoint::{Endpoint, Key, Settings};
    use crate::websocket::peer::Message;
    use crate::websocket::peer_shared::{Arrival, PeerShared};
    use std::sync::Arc;

    #[test]
    fn packets_that_are_read_past_the_mode_take_no_memory_in_it() {
        let endpoint = Arc::new(Endpoint::new(Settings::default()));
        let (key, remote) = (Key { slot: 0, serial: 1 }, ([127, 0, 0, 1], 1).into());
        let shared = Arc::new(PeerShared::new(SERVER, key, remote, None, None, endpoint));
        let peer = Peer::new(Arc::clone(&shared));
        let mut multiplayer = ClientMultiplayer::new(Wire::Godot4);
        multiplayer.id = 2;
        for number in 0..10_000_u32 {
            let payload = number.to_le_bytes().to_vec();
            shared.deliver(Arrival::Message(Message { kind: MessageKind::Binary, payload }));
            peer.collect();
            assert!(peer.step().is_some());
            multiplayer.take(&peer);
            assert!(multiplayer.order.len() <= 2);
            assert_eq!(multiplayer.available(&peer), peer.available());
            // One always waits.
            if number > 0 {
                assert!(peer.receive_directly().is_some());
            }
        }
        assert_eq!(multiplayer.next_sender(&peer), Some(SERVER));
        assert_eq!(multiplayer.receive(&peer), Some(9999_u32.to_le_bytes().to_vec()));
        assert_eq!(multiplayer.receive(&peer), None);
    }
}

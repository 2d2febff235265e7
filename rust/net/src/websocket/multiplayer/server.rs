//! The server's end of the multiplayer mode.

use super::wire3::{Header, Kind};
use super::{MultiplayerEvent, Wire};
use crate::websocket::{MessageKind, Peer, SendError, Server, ServerEvent};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

/// What a server in the multiplayer mode keeps beside its peers.
#[derive(Debug)]
pub struct ServerMultiplayer {
    wire: Wire,
    /// The packets that wait for the game, in their order. Their bytes wait in the peers, within their limits.
    order: RefCell<VecDeque<Entry>>,
    /// How many of the packets that [`Peer::passed`] counts have no entry in `order` any more.
    removed: Cell<usize>,
    /// The [`Server::discards`] of the last poll.
    polled_discards: usize,
    /// Peers that have gone, while packets of theirs waited: told with the next poll.
    gone: VecDeque<i32>,
}

/// A packet that waits for the game in its sender, unless it was read there.
#[derive(Debug)]
struct Entry {
    peer: Rc<Peer>,
    /// Which of the sender's messages it is.
    number: u64,
}

impl Entry {
    fn waits(&self) -> bool {
        self.peer.waits(self.number)
    }
}

impl ServerMultiplayer {
    /// A server that writes packets as `wire` says.
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            order: RefCell::default(),
            removed: Cell::new(0),
            polled_discards: 0,
            gone: VecDeque::new(),
        }
    }

    /// How it writes packets.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    /// Begins a poll: as the engine's class, it lets go of the peers that the game has closed, and tells so with it.
    pub fn begin_poll(&mut self, server: &mut Server) {
        let discards = server.discards();
        if std::mem::replace(&mut self.polled_discards, discards) == discards {
            return;
        }
        let closed: Vec<i32> =
            server.peers().filter(|peer| peer.is_discarding()).map(|peer| peer.id()).collect();
        for id in closed {
            server.forget(id);
            self.tell_left(server, id);
            self.gone.push_back(id);
        }
    }

    /// The next thing to tell of the last poll of `server`. Before the poll, those that
    /// [have gone](Self::next_gone) are to be told.
    pub fn next_event(&mut self, server: &mut Server) -> Option<MultiplayerEvent> {
        loop {
            let event = match server.next_event()? {
                ServerEvent::Connected(id) => {
                    self.welcome(server, id);
                    Some(MultiplayerEvent::Connected(id))
                }
                ServerEvent::Data(id) => self.take(server, id),
                ServerEvent::CloseRequest { id, close } => {
                    Some(MultiplayerEvent::CloseRequest { id, close })
                }
                ServerEvent::Disconnected { id, .. } => self.leave(server, id),
                ServerEvent::Request(request) => Some(MultiplayerEvent::Request(request)),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// A peer that has gone, and whose packets the game had time to read since the last poll.
    pub fn next_gone(&mut self) -> Option<i32> {
        self.gone.pop_front()
    }

    /// Returns whether a peer has gone, of which the game is told with the next poll.
    pub fn is_going(&self, id: i32) -> bool {
        self.gone.contains(&id)
    }

    /// Tells a new peer who it is and, where the server relays, everybody of everybody.
    fn welcome(&self, server: &Server, id: i32) {
        let Some(peer) = server.peer(id) else {
            return;
        };
        // A peer with no room for its first message is one that has gone.
        let tell = |peer: &Peer, message| {
            let _ = peer.send(MessageKind::Binary, message);
        };
        match self.wire {
            Wire::Godot4 => tell(peer, id.to_le_bytes().to_vec()),
            Wire::Godot3 => {
                tell(peer, Header::tell(Kind::Id, id));
                tell(peer, Header::tell(Kind::Add, 1));
                for other in server.peers().filter(|other| other.id() != id) {
                    tell(peer, Header::tell(Kind::Add, other.id()));
                    tell(other, Header::tell(Kind::Add, id));
                }
            }
        }
    }

    /// Where the server relays, tells everybody that a peer has gone.
    fn tell_left(&self, server: &Server, id: i32) {
        if self.wire == Wire::Godot3 {
            server.broadcast(MessageKind::Binary, Header::tell(Kind::Remove, id), &[id]);
        }
    }

    fn leave(&mut self, server: &mut Server, id: i32) -> Option<MultiplayerEvent> {
        self.tell_left(server, id);
        if server.peer(id).is_some_and(|peer| peer.available() > 0) {
            self.gone.push_back(id);
            server.hold_connected();
            return None;
        }
        Some(MultiplayerEvent::Disconnected(id))
    }

    /// A message has come from a peer: a packet for the game, or for others, or nothing.
    fn take(&mut self, server: &Server, id: i32) -> Option<MultiplayerEvent> {
        let peer = server.peer(id)?;
        if self.wire == Wire::Godot3 {
            let header = peer.with_newest(|message| Header::parse(&message.payload)).flatten();
            // A client speaks for itself alone.
            let header = header.filter(|header| header.kind == Kind::Packet && header.from == id);
            if !header.is_some_and(|header| matches!(header.to, 0 | 1) || header.to < -1) {
                let message = peer.receive_newest()?;
                if let Some(header) = header {
                    relay(server, header, message.payload);
                }
                return None;
            }
            if let Some(header) = header.filter(|header| header.to != 1) {
                let message = peer.with_newest(|message| message.payload.clone())?;
                relay(server, header, message);
            }
        }
        self.list(peer);
        Some(MultiplayerEvent::Packet(id))
    }

    /// Keeps an entry for the packet of `peer` that was told last.
    fn list(&self, peer: &Rc<Peer>) {
        let number = peer.list_newest();
        self.order().push_back(Entry { peer: Rc::clone(peer), number });
    }

    /// The packets that wait, with some that were read or thrown away past the multiplayer mode: by the peer itself, or
    /// since the game has closed it. The first is one that waits. Each entry costs a constant amount of work in all, however
    /// often the game reads otherwise.
    fn order(&self) -> RefMut<'_, VecDeque<Entry>> {
        let mut order = self.order.borrow_mut();
        let before = order.len();
        // So what was read otherwise holds no more memory than what waits.
        if self.stale(&order) > order.len() / 2 {
            order.retain(Entry::waits);
        }
        while order.pop_front_if(|entry| !entry.waits()).is_some() {}
        if order.is_empty() {
            // A burst's room is not kept for the next one.
            *order = VecDeque::new();
        }
        self.removed.set(self.removed.get().wrapping_add(before - order.len()));
        order
    }

    /// How many entries of `order` do not wait any more.
    fn stale(&self, order: &VecDeque<Entry>) -> usize {
        order.front().map_or(0, |entry| entry.peer.passed().wrapping_sub(self.removed.get()))
    }

    /// How many packets can be read.
    pub fn available(&self) -> usize {
        let order = self.order();
        order.len().saturating_sub(self.stale(&order))
    }

    /// Who sent the next packet.
    pub fn next_sender(&self) -> Option<i32> {
        self.order().front().map(|entry| entry.peer.id())
    }

    /// Reads the next packet.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let peer = self.order().pop_front()?.peer;
        let mut packet = peer.receive()?.payload;
        if self.wire == Wire::Godot3 {
            packet.drain(..Header::LEN.min(packet.len()));
        }
        Some(packet)
    }

    /// Sends a packet to one peer, to all (0), or to all but one (its id, negative).
    ///
    /// # Errors
    /// [`SendError::NotOpen`] if there is no such peer; [`SendError`] of the one peer. With several, one for which too
    /// much waits is left out.
    pub fn send(&self, server: &Server, target: i32, packet: &[u8]) -> Result<(), SendError> {
        let message = match self.wire {
            Wire::Godot4 => packet.to_vec(),
            Wire::Godot3 => Header::packet(1, target).message(packet),
        };
        if target > 0 {
            let peer = server.peer(target).ok_or(SendError::NotOpen)?;
            return peer.send(MessageKind::Binary, message);
        }
        let except = target.checked_neg().into_iter().filter(|id| *id > 0);
        server.broadcast(MessageKind::Binary, message, &except.collect::<Vec<_>>());
        Ok(())
    }

    /// Lets go of a peer without an event.
    pub fn forget(&mut self, server: &mut Server, id: i32) {
        server.forget(id);
        self.tell_left(server, id);
    }
}

/// Passes a client's packet on to those that it is for, but the sender.
fn relay(server: &Server, header: Header, message: Vec<u8>) {
    let Header { from, to, .. } = header;
    if to > 0 {
        if let Some(peer) = server.peer(to).filter(|_| to != from) {
            // One that is full loses it, as with a packet of the server's own that is refused.
            let _ = peer.send(MessageKind::Binary, message);
        }
        return;
    }
    let mut except: HashSet<i32> = HashSet::from([from]);
    except.extend(to.checked_neg());
    let except: Vec<i32> = except.into_iter().collect();
    server.broadcast(MessageKind::Binary, message, &except);
}

#[cfg(test)]
mod tests;

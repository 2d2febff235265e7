//! The multiplayer mode of a server.

use super::godot3_format::{Header, Kind};
use super::{MultiplayerEvent, PacketFormat};
use crate::websocket::{OutgoingMessage, Peer, SendError, Server, ServerEvent};
use std::cell::{Cell, RefCell, RefMut};
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

/// The state of a server in the multiplayer mode.
#[derive(Debug)]
pub struct ServerMultiplayer {
    format: PacketFormat,
    /// The unread packets, in order. Their bytes are in the peers' inboxes, within their limits.
    queue: RefCell<VecDeque<Entry>>,
    /// Number of the packets counted by [`Peer::bypassed`] that are no longer in `queue`.
    removed: Cell<usize>,
    /// The [`Server::discards`] of the last poll.
    polled_discards: usize,
    /// Peers that have disconnected with unread packets: reported with the next poll.
    departed: VecDeque<i32>,
}

/// A packet in the inbox of its sender, unless it was read there.
#[derive(Debug)]
struct Entry {
    peer: Rc<Peer>,
    /// The number of the message among those of the sender.
    number: u64,
}

impl Entry {
    fn is_unread(&self) -> bool {
        self.peer.is_unread(self.number)
    }
}

impl ServerMultiplayer {
    /// Creates the state of a server.
    pub fn new(format: PacketFormat) -> Self {
        Self {
            format,
            queue: RefCell::default(),
            removed: Cell::new(0),
            polled_discards: 0,
            departed: VecDeque::new(),
        }
    }

    /// Returns the packet format.
    pub fn format(&self) -> PacketFormat {
        self.format
    }

    /// Starts a poll: as in the engine's class, peers that the game has closed are removed and reported as
    /// disconnected.
    pub fn begin_poll(&mut self, server: &mut Server) {
        let discards = server.discards();
        if std::mem::replace(&mut self.polled_discards, discards) == discards {
            return;
        }
        let closed: Vec<i32> =
            server.peers().filter(|peer| peer.is_discarding()).map(|peer| peer.id()).collect();
        for id in closed {
            server.forget(id);
            self.notify_left(server, id);
            self.departed.push_back(id);
        }
    }

    /// Returns the next event of the last poll of `server`. Before the poll, report the peers that
    /// [have departed](Self::next_departed).
    pub fn next_event(&mut self, server: &mut Server) -> Option<MultiplayerEvent> {
        loop {
            let event = match server.next_event()? {
                ServerEvent::Connected(id) => {
                    self.announce(server, id);
                    Some(MultiplayerEvent::Connected(id))
                }
                ServerEvent::Data(id) => self.on_message(server, id),
                ServerEvent::CloseRequest { id, close } => {
                    Some(MultiplayerEvent::CloseRequest { id, close })
                }
                ServerEvent::Disconnected { id, .. } => self.on_disconnected(server, id),
                ServerEvent::Request(request) => Some(MultiplayerEvent::Request(request)),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Takes the next departed peer, whose packets the game had time to read since the last poll.
    pub fn next_departed(&mut self) -> Option<i32> {
        self.departed.pop_front()
    }

    /// Returns true if a peer has departed, which is reported with the next poll.
    pub fn is_departing(&self, id: i32) -> bool {
        self.departed.contains(&id)
    }

    /// Sends a new peer its id and, in the Godot 3 format, announces all peers to each other.
    fn announce(&self, server: &Server, id: i32) {
        let Some(peer) = server.peer(id) else {
            return;
        };
        // A new peer has an empty queue, so this fails only if it has disconnected.
        let send = |peer: &Peer, message| {
            let _ = peer.send(OutgoingMessage::Binary(message));
        };
        match self.format {
            PacketFormat::Godot4 => send(peer, id.to_le_bytes().to_vec()),
            PacketFormat::Godot3 => {
                send(peer, Header::notification(Kind::Id, id));
                send(peer, Header::notification(Kind::Add, 1));
                for other in server.peers().filter(|other| other.id() != id) {
                    send(peer, Header::notification(Kind::Add, other.id()));
                    send(other, Header::notification(Kind::Add, id));
                }
            }
        }
    }

    /// In the Godot 3 format, tells all peers that one has disconnected.
    fn notify_left(&self, server: &Server, id: i32) {
        if self.format == PacketFormat::Godot3 {
            server
                .broadcast(OutgoingMessage::Binary(Header::notification(Kind::Remove, id)), &[id]);
        }
    }

    fn on_disconnected(&mut self, server: &mut Server, id: i32) -> Option<MultiplayerEvent> {
        self.notify_left(server, id);
        if server.peer(id).is_some_and(|peer| peer.available() > 0) {
            self.departed.push_back(id);
            server.hold_connected();
            return None;
        }
        Some(MultiplayerEvent::Disconnected(id))
    }

    /// Handles a message of a peer: a packet for the game or for others.
    fn on_message(&mut self, server: &Server, id: i32) -> Option<MultiplayerEvent> {
        let peer = server.peer(id)?;
        if self.format == PacketFormat::Godot3 {
            let header = peer.with_newest(|message| Header::parse(&message.payload)).flatten();
            // A client can only send in its own name.
            let header = header.filter(|header| header.kind == Kind::Packet && header.from == id);
            if !header.is_some_and(|header| matches!(header.to, 0 | 1) || header.to < -1) {
                let message = peer.take_newest()?;
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
        self.track(peer);
        Some(MultiplayerEvent::Packet(id))
    }

    /// Queues the packet of `peer` that was reported last.
    fn track(&self, peer: &Rc<Peer>) {
        let number = peer.track_newest();
        self.queue().push_back(Entry { peer: Rc::clone(peer), number });
    }

    /// Returns the queue of packets, which may contain some that were read or discarded without the multiplayer mode:
    /// by the peer itself, or because the game has closed it. The first is always unread. The amortized cost per entry
    /// is constant, whatever else the game reads.
    fn queue(&self) -> RefMut<'_, VecDeque<Entry>> {
        let mut queue = self.queue.borrow_mut();
        let before = queue.len();
        // Stale entries hold no more memory than unread ones.
        if self.stale(&queue) > queue.len() / 2 {
            queue.retain(Entry::is_unread);
        }
        while queue.pop_front_if(|entry| !entry.is_unread()).is_some() {}
        if queue.is_empty() {
            // Frees the capacity that a burst has left behind.
            *queue = VecDeque::new();
        }
        self.removed.set(self.removed.get().wrapping_add(before - queue.len()));
        queue
    }

    /// Returns the number of entries of `queue` that are no longer unread.
    fn stale(&self, queue: &VecDeque<Entry>) -> usize {
        queue.front().map_or(0, |entry| entry.peer.bypassed().wrapping_sub(self.removed.get()))
    }

    /// Returns the number of packets that can be read.
    pub fn available(&self) -> usize {
        let queue = self.queue();
        queue.len().saturating_sub(self.stale(&queue))
    }

    /// Returns the sender of the next packet.
    pub fn next_sender(&self) -> Option<i32> {
        self.queue().front().map(|entry| entry.peer.id())
    }

    /// Reads the next packet.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let peer = self.queue().pop_front()?.peer;
        let mut packet = peer.receive()?.payload;
        if self.format == PacketFormat::Godot3 {
            packet.drain(..Header::LEN.min(packet.len()));
        }
        Some(packet)
    }

    /// Sends a packet to one peer, to all (0), or to all but one (its negative id).
    ///
    /// # Errors
    /// [`SendError::NotOpen`] if there is no such peer, or the [`SendError`] of the peer. With several targets, peers whose queue
    /// is full are skipped.
    pub fn send(&self, server: &Server, target: i32, packet: &[u8]) -> Result<(), SendError> {
        let message = match self.format {
            PacketFormat::Godot4 => packet.to_vec(),
            PacketFormat::Godot3 => Header::packet(1, target).message(packet),
        };
        if target > 0 {
            let peer = server.peer(target).ok_or(SendError::NotOpen)?;
            return peer.send(OutgoingMessage::Binary(message));
        }
        let except = target.checked_neg().into_iter().filter(|id| *id > 0);
        server.broadcast(OutgoingMessage::Binary(message), &except.collect::<Vec<_>>());
        Ok(())
    }

    /// Removes a peer without an event.
    pub fn forget(&mut self, server: &mut Server, id: i32) {
        server.forget(id);
        self.notify_left(server, id);
    }
}

/// Relays a client's packet to its targets, except the sender.
fn relay(server: &Server, header: Header, message: Vec<u8>) {
    let Header { from, to, .. } = header;
    if to > 0 {
        if let Some(peer) = server.peer(to).filter(|_| to != from) {
            // A peer whose queue is full loses the packet, as with packets of the server itself.
            let _ = peer.send(OutgoingMessage::Binary(message));
        }
        return;
    }
    let mut except: HashSet<i32> = HashSet::from([from]);
    except.extend(to.checked_neg());
    let except: Vec<i32> = except.into_iter().collect();
    server.broadcast(OutgoingMessage::Binary(message), &except);
}

#[cfg(test)]
mod tests;

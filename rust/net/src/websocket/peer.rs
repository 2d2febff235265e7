//! A peer: the game's handle.

use super::endpoint::{Command, Key};
use super::outgoing_message::OutgoingMessage;
use super::peer_shared::{Arrival, PeerShared};
use lodewire_websocket::{CloseCode, CloseFrame, FrameHeader, MessageKind, Request};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The type of the message; text is valid UTF-8.
    pub kind: MessageKind,
    /// The payload.
    pub payload: Vec<u8>,
}

/// The state of a peer's connection that is visible to the game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Messages can be sent and received.
    Open,
    /// The closing handshake has started: no more messages can be sent.
    Closing,
    /// The connection is closed. Unread messages can still be read.
    Closed,
}

/// The error of a message that was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is closing or closed.
    NotOpen,
    /// The send queue is full ([`Limits`](super::Limits)).
    Full,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection is not open",
            Self::Full => "the send queue is full",
        })
    }
}

impl std::error::Error for SendError {}

/// A peer of a [`Server`](super::Server). It may outlive its connection and its server.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<PeerShared>,
    visible: RefCell<VisibleState>,
}

/// The state that is visible to the game.
#[derive(Debug)]
struct VisibleState {
    /// Arrivals taken from the inbox that have not been reported.
    arrivals: VecDeque<Arrival>,
    /// Reported messages that have not been read.
    unread: VecDeque<Message>,
    /// The number of the first unread message: how many were read or discarded before.
    first: u64,
    /// The number after the last message that the multiplayer mode [tracks](Peer::track_newest).
    tracked_end: u64,
    state: PeerState,
    close: Option<Box<CloseFrame>>,
    /// The peer has sent a Close frame, or violated the protocol; the answering Close frame waits until the game has
    /// read the messages before it.
    close_pending: bool,
    /// The peer has sent a Close frame.
    clean: bool,
    /// The game has closed the connection, and receives no more messages.
    discarding: bool,
    /// The game knows that the peer has departed.
    departed: bool,
}

impl VisibleState {
    /// Notes that the game knows that the peer has departed.
    fn depart(&mut self, shared: &PeerShared) {
        if !std::mem::replace(&mut self.departed, true) {
            shared.depart();
        }
    }
}

impl Drop for Peer {
    /// A dropped peer counts as departed: its end need not be reported.
    fn drop(&mut self) {
        self.visible.get_mut().depart(&self.shared);
    }
}

/// An event of a peer.
#[derive(Debug)]
pub(super) enum PeerEvent {
    Message,
    CloseRequest(CloseFrame),
    /// The peer violated the protocol; only the close is reported.
    Failing,
    Closed {
        clean: bool,
    },
}

impl Peer {
    pub(super) fn new(shared: Arc<PeerShared>) -> Self {
        let visible = VisibleState {
            arrivals: VecDeque::new(),
            unread: VecDeque::new(),
            first: 0,
            tracked_end: 0,
            state: PeerState::Open,
            close: None,
            close_pending: false,
            clean: false,
            discarding: false,
            departed: false,
        };
        Self { shared, visible: RefCell::new(visible) }
    }

    /// Returns the id that the server assigned: random, greater than 1.
    pub fn id(&self) -> i32 {
        self.shared.id
    }

    /// Returns its address and port; IPv4-mapped addresses are converted to IPv4.
    pub fn remote(&self) -> SocketAddr {
        self.shared.remote()
    }

    /// Returns the negotiated sub-protocol, if any.
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol.as_deref()
    }

    /// Returns the request that opened the connection; `None` on a client.
    pub fn request(&self) -> Option<&Request> {
        self.shared.request.as_ref()
    }

    /// Returns the number of bytes in the inbox, and of those queued for the network.
    pub(super) fn buffered(&self) -> (u64, u64) {
        self.shared.buffered()
    }

    /// Returns the last round-trip time, once the heartbeat has measured one.
    pub fn round_trip(&self) -> Option<Duration> {
        let micros = self.shared.round_trip.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros.into()))
    }

    /// Returns the state of the connection.
    pub fn state(&self) -> PeerState {
        self.visible.borrow().state
    }

    /// Returns the code and reason of the close, once it is known: those of the peer's Close frame if it sent one,
    /// otherwise why this endpoint dropped the connection.
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.visible.borrow().close.as_deref().cloned()
    }

    /// Returns the number of messages that can be read.
    pub fn available(&self) -> usize {
        self.visible.borrow().unread.len()
    }

    /// Reads the next message.
    pub fn receive(&self) -> Option<Message> {
        let mut visible = self.visible.borrow_mut();
        let message = visible.unread.pop_front()?;
        visible.first += 1;
        if visible.unread.is_empty() {
            // An idle peer holds no memory for messages.
            visible.unread = VecDeque::new();
        }
        drop(visible);
        self.shared.release(message.payload.len());
        Some(message)
    }

    /// Reads the next message without the multiplayer mode, which skips it later.
    pub fn receive_directly(&self) -> Option<Message> {
        let before = self.visible.borrow().first;
        let message = self.receive()?;
        self.note_bypassed(before);
        Some(message)
    }

    /// Notes that the multiplayer mode has an entry for the message that was reported last. Returns the number of the
    /// message.
    pub(super) fn track_newest(&self) -> u64 {
        let mut visible = self.visible.borrow_mut();
        let next = visible.first + visible.unread.len() as u64;
        visible.tracked_end = next;
        next.saturating_sub(1)
    }

    /// Returns true if the message with this number is still unread.
    pub(super) fn is_unread(&self, number: u64) -> bool {
        self.visible.borrow().first <= number
    }

    /// Returns how many [tracked](Self::track_newest) messages of all peers of the endpoint were read or discarded
    /// without the multiplayer mode.
    pub(super) fn bypassed(&self) -> usize {
        self.shared.endpoint.bypassed.load(Ordering::Relaxed)
    }

    /// Counts the tracked messages from the number `before` on as read or discarded without the multiplayer mode.
    fn note_bypassed(&self, before: u64) {
        let visible = self.visible.borrow();
        let bypassed = visible.first.min(visible.tracked_end).saturating_sub(before);
        let bypassed = usize::try_from(bypassed).unwrap_or(usize::MAX);
        self.shared.endpoint.bypassed.fetch_add(bypassed, Ordering::Relaxed);
    }

    /// Takes all unread messages.
    fn take_unread(&self) -> VecDeque<Message> {
        let (before, unread) = {
            let mut visible = self.visible.borrow_mut();
            let unread = std::mem::take(&mut visible.unread);
            let before = visible.first;
            visible.first += unread.len() as u64;
            (before, unread)
        };
        self.note_bypassed(before);
        for message in &unread {
            self.shared.release(message.payload.len());
        }
        unread
    }

    /// Calls `look` with the message that was reported last, if it is unread.
    pub(super) fn with_newest<T>(&self, look: impl FnOnce(&Message) -> T) -> Option<T> {
        self.visible.borrow().unread.back().map(look)
    }

    /// Reads the message that was reported last, before earlier ones.
    pub(super) fn take_newest(&self) -> Option<Message> {
        let message = self.visible.borrow_mut().unread.pop_back()?;
        self.shared.release(message.payload.len());
        Some(message)
    }

    /// Reads all unread messages.
    pub fn receive_all(&self) -> VecDeque<Message> {
        self.take_unread()
    }

    /// Sends a message; no further call is needed. After the peer's Close frame, messages can be sent until it is
    /// answered: after the poll in which the game has read the last message before it.
    ///
    /// # Errors
    /// [`SendError`]; the message is not sent. The connection is not affected, unless
    /// [`disconnect_on_overflow`](super::Settings::disconnect_on_overflow) is set.
    pub fn send(&self, message: OutgoingMessage) -> Result<(), SendError> {
        self.reserve(message.len())?;
        self.shared.endpoint.command(Command::Send { key: self.shared.key, message });
        Ok(())
    }

    /// Accounts for a message of `len` bytes that is about to be sent, if there is space in the queue.
    pub(super) fn reserve(&self, len: usize) -> Result<(), SendError> {
        let is_open = {
            let visible = self.visible.borrow();
            visible.state == PeerState::Open || visible.close_pending
        };
        if !is_open {
            return Err(SendError::NotOpen);
        }
        let settings = &self.shared.endpoint.settings;
        let limits = settings.limits;
        // Frames to the server are masked; a peer without a request is the server.
        let len = FrameHeader::frame_len(len, self.shared.request.is_none());
        let queued = self.buffered_amount();
        let is_full = queued.saturating_add(len) > limits.out_bytes
            || self.shared.out_packets() >= limits.out_packets;
        let share = self.shared.endpoint.send_share().unwrap_or(usize::MAX);
        if is_full || queued.saturating_add(len) > share {
            // A peer below its share is not dropped because of the others.
            if settings.disconnect_on_overflow && (is_full || queued >= share) {
                self.drop_connection();
            }
            return Err(SendError::Full);
        }
        self.shared.charge_out(len);
        self.shared.out_packets.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the key of its connection on the I/O thread.
    pub(super) fn key(&self) -> Key {
        self.shared.key
    }

    /// Returns the number of bytes queued for the network.
    pub fn buffered_amount(&self) -> usize {
        self.shared.buffered_out()
    }

    /// Discards unread messages, and those that still arrive. Has no effect on a closed connection.
    pub fn discard(&self) {
        {
            let mut visible = self.visible.borrow_mut();
            if visible.state == PeerState::Closed {
                return;
            }
            visible.discarding = true;
        }
        self.shared.endpoint.discards.fetch_add(1, Ordering::Relaxed);
        self.take_unread();
    }

    /// Returns true if the game has closed the connection, and receives no more messages.
    pub fn is_discarding(&self) -> bool {
        self.visible.borrow().discarding
    }

    /// Starts the closing handshake, after the messages sent before; or answers the peer's Close frame at once, without
    /// waiting for the game to read. Unread messages are [discarded](Self::discard). Has no effect on a connection that
    /// is already closing or closed.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.discard();
        let mut visible = self.visible.borrow_mut();
        let key = self.shared.key;
        if std::mem::take(&mut visible.close_pending) {
            self.shared.endpoint.command(Command::FinishClose { key });
        } else if visible.state == PeerState::Open {
            visible.state = PeerState::Closing;
            let reason = reason.to_owned();
            self.shared.endpoint.command(Command::Close { key, code, reason });
        }
    }

    /// Drops the connection at once, without a closing handshake. Unread messages can still be read.
    pub fn drop_connection(&self) {
        let mut visible = self.visible.borrow_mut();
        visible.close_pending = false;
        if visible.state != PeerState::Closed {
            // An event reports the close; until then no more messages are accepted.
            visible.state = PeerState::Closing;
            self.shared.endpoint.command(Command::Drop { key: self.shared.key });
        }
    }

    /// Sets `TCP_NODELAY`, which is enabled by default.
    pub fn set_no_delay(&self, enabled: bool) {
        self.shared.endpoint.command(Command::SetNoDelay { key: self.shared.key, enabled });
    }

    /// Returns true if this is the peer of `shared`, and not an earlier one with the same id.
    pub(super) fn is(&self, shared: &Arc<PeerShared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Takes the arrivals from the inbox.
    pub(super) fn collect(&self) {
        self.shared.take(&mut self.visible.borrow_mut().arrivals);
    }

    /// Makes the next arrival visible, and returns it as an event.
    pub(super) fn next_event(&self) -> Option<PeerEvent> {
        let mut visible = self.visible.borrow_mut();
        let arrival = loop {
            match visible.arrivals.pop_front()? {
                Arrival::Message(message) if visible.discarding => {
                    self.shared.release(message.payload.len());
                }
                arrival => break arrival,
            }
        };
        if visible.arrivals.is_empty() {
            visible.arrivals = VecDeque::new();
        }
        Some(match arrival {
            Arrival::Message(message) => {
                visible.unread.push_back(message);
                PeerEvent::Message
            }
            Arrival::CloseRequest(close) => {
                visible.close_pending = visible.state == PeerState::Open;
                visible.clean = true;
                visible.state = PeerState::Closing;
                visible.close = Some(Box::new(close.clone()));
                PeerEvent::CloseRequest(close)
            }
            Arrival::Failing(close) => {
                visible.close_pending = visible.state == PeerState::Open;
                visible.state = PeerState::Closing;
                visible.close = Some(Box::new(close));
                PeerEvent::Failing
            }
            Arrival::Closed { clean, close } => {
                visible.state = PeerState::Closed;
                visible.close_pending = false;
                visible.close = Some(Box::new(close));
                visible.depart(&self.shared);
                PeerEvent::Closed { clean }
            }
        })
    }

    /// Answers the peer's Close frame or protocol error, if the game has read the messages before it. Returns then
    /// whether it was a Close frame.
    pub(super) fn finish_close(&self) -> Option<bool> {
        let mut visible = self.visible.borrow_mut();
        if !visible.close_pending || !visible.unread.is_empty() {
            return None;
        }
        visible.close_pending = false;
        self.shared.endpoint.command(Command::FinishClose { key: self.shared.key });
        Some(visible.clean)
    }

    /// Returns true if the peer's Close frame or protocol error has not been answered yet.
    pub(super) fn is_close_pending(&self) -> bool {
        self.visible.borrow().close_pending
    }

    /// Marks the peer as closed, because the server has reported that; the I/O thread's own report is ignored.
    pub(super) fn mark_closed(&self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
        let mut visible = self.visible.borrow_mut();
        visible.state = PeerState::Closed;
        visible.depart(&self.shared);
    }

    /// Closes the peer without an event, because its server was stopped. Unread messages can still be read.
    pub(super) fn detach(&self, close: CloseFrame) {
        self.collect();
        while self.next_event().is_some() {}
        let mut visible = self.visible.borrow_mut();
        visible.close_pending = false;
        visible.depart(&self.shared);
        if visible.state != PeerState::Closed {
            visible.state = PeerState::Closed;
            visible.close = Some(Box::new(close));
        }
    }

    /// Reports a failure of the I/O thread as the end of the connection.
    pub(super) fn fail(&self, reason: &str) {
        let close = CloseFrame { code: CloseCode::ABNORMAL, reason: reason.to_owned() };
        self.visible.borrow_mut().arrivals.push_back(Arrival::Closed { clean: false, close });
    }
}

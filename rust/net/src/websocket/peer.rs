//! A peer, as the game holds it.

use super::endpoint::{Command, Key};
use super::peer_shared::{Arrival, PeerShared};
use lodewire_websocket::{CloseCode, CloseFrame, FrameHeader, MessageKind, Request};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Text, which is UTF-8 then, or bytes.
    pub kind: MessageKind,
    /// Its content.
    pub payload: Vec<u8>,
}

/// How far a peer's connection has come, as the game has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Messages go both ways.
    Open,
    /// One end has begun the closing handshake: nothing more is sent.
    Closing,
    /// The connection has ended. What was received and not read stays readable.
    Closed,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The connection is closing or closed.
    NotOpen,
    /// Too much waits for the network already ([`Limits`](super::Limits)).
    Full,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "the connection is not open",
            Self::Full => "too much waits to be sent",
        })
    }
}

impl std::error::Error for SendError {}

/// A peer of a [`Server`](super::Server). It may outlive its connection and its server.
#[derive(Debug)]
pub struct Peer {
    shared: Arc<PeerShared>,
    seen: RefCell<Seen>,
}

/// What the game has been told of the peer.
#[derive(Debug)]
struct Seen {
    /// Taken from the inbox, and not yet told.
    arrivals: VecDeque<Arrival>,
    /// Told, and not yet read.
    unread: VecDeque<Message>,
    /// The number of the first of them: how many were read or thrown away before.
    first: u64,
    /// The number after the last that was [listed](Peer::list_newest).
    listed: u64,
    state: PeerState,
    close: Option<Box<CloseFrame>>,
    /// The other end has closed, or broken a rule, and is answered once the game has read what came before.
    finishing: bool,
    /// Its Close has come.
    clean: bool,
    /// The game has closed the connection, and gets no message of it any more.
    discarding: bool,
    /// The game knows that it has gone.
    left: bool,
}

impl Seen {
    /// The game knows that the peer has gone.
    fn leave(&mut self, shared: &PeerShared) {
        if !std::mem::replace(&mut self.left, true) {
            shared.leave();
        }
    }
}

impl Drop for Peer {
    /// Whoever let go of it does not wait to be told of its end.
    fn drop(&mut self) {
        self.seen.get_mut().leave(&self.shared);
    }
}

/// The next thing to tell of a peer.
#[derive(Debug)]
pub(super) enum Step {
    Message,
    CloseRequest(CloseFrame),
    /// The peer broke a rule; nothing is told before the end.
    Failing,
    Closed {
        clean: bool,
    },
}

impl Peer {
    pub(super) fn new(shared: Arc<PeerShared>) -> Self {
        let seen = Seen {
            arrivals: VecDeque::new(),
            unread: VecDeque::new(),
            first: 0,
            listed: 0,
            state: PeerState::Open,
            close: None,
            finishing: false,
            clean: false,
            discarding: false,
            left: false,
        };
        Self { shared, seen: RefCell::new(seen) }
    }

    /// The id that the server gave it: positive, neither 0 nor 1, random.
    pub fn id(&self) -> i32 {
        self.shared.id
    }

    /// Its address and port; an IPv4 address is given as such.
    pub fn remote(&self) -> SocketAddr {
        self.shared.remote()
    }

    /// The sub-protocol that was negotiated, if any.
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol.as_deref()
    }

    /// The request that opened the connection; none on a client.
    pub fn request(&self) -> Option<&Request> {
        self.shared.request.as_ref()
    }

    /// How many bytes wait for the game, and for the network.
    pub(super) fn waiting(&self) -> (u64, u64) {
        self.shared.waiting()
    }

    /// The latest round-trip time, once the heartbeat has measured one.
    pub fn round_trip(&self) -> Option<Duration> {
        let micros = self.shared.round_trip.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros.into()))
    }

    /// How far the connection has come.
    pub fn state(&self) -> PeerState {
        self.seen.borrow().state
    }

    /// The code and reason with which the connection was closed, once that is known: the peer's own if it sent a Close,
    /// else why this end dropped it.
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.seen.borrow().close.as_deref().cloned()
    }

    /// How many messages can be read.
    pub fn available(&self) -> usize {
        self.seen.borrow().unread.len()
    }

    /// Reads the next message.
    pub fn receive(&self) -> Option<Message> {
        let mut seen = self.seen.borrow_mut();
        let message = seen.unread.pop_front()?;
        seen.first += 1;
        if seen.unread.is_empty() {
            // A peer that waits for nothing holds no memory for it.
            seen.unread = VecDeque::new();
        }
        drop(seen);
        self.shared.release(message.payload.len());
        Some(message)
    }

    /// Reads the next message past the multiplayer mode, which skips it later.
    pub fn receive_directly(&self) -> Option<Message> {
        let before = self.seen.borrow().first;
        let message = self.receive()?;
        self.pass(before);
        Some(message)
    }

    /// Notes that the multiplayer mode keeps an entry for the message that was told last. Returns its number.
    pub(super) fn list_newest(&self) -> u64 {
        let mut seen = self.seen.borrow_mut();
        let next = seen.first + seen.unread.len() as u64;
        seen.listed = next;
        next.saturating_sub(1)
    }

    /// Returns whether the message with this number still waits for the game.
    pub(super) fn waits(&self, number: u64) -> bool {
        self.seen.borrow().first <= number
    }

    /// How many messages of any peer of the same end were [listed](Self::list_newest), and then read or thrown away past
    /// the multiplayer mode.
    pub(super) fn passed(&self) -> usize {
        self.shared.endpoint.passed.load(Ordering::Relaxed)
    }

    /// The messages from the number `before` on were read or thrown away past the multiplayer mode.
    fn pass(&self, before: u64) {
        let seen = self.seen.borrow();
        let passed = seen.first.min(seen.listed).saturating_sub(before);
        let passed = usize::try_from(passed).unwrap_or(usize::MAX);
        self.shared.endpoint.passed.fetch_add(passed, Ordering::Relaxed);
    }

    /// Takes all messages that wait.
    fn take_unread(&self) -> VecDeque<Message> {
        let (before, unread) = {
            let mut seen = self.seen.borrow_mut();
            let unread = std::mem::take(&mut seen.unread);
            let before = seen.first;
            seen.first += unread.len() as u64;
            (before, unread)
        };
        self.pass(before);
        for message in &unread {
            self.shared.release(message.payload.len());
        }
        unread
    }

    /// Looks at the message that was told last, if it is not read yet.
    pub(super) fn with_newest<T>(&self, look: impl FnOnce(&Message) -> T) -> Option<T> {
        self.seen.borrow().unread.back().map(look)
    }

    /// Reads the message that was told last, before those that wait.
    pub(super) fn receive_newest(&self) -> Option<Message> {
        let message = self.seen.borrow_mut().unread.pop_back()?;
        self.shared.release(message.payload.len());
        Some(message)
    }

    /// Reads all messages that wait.
    pub fn receive_all(&self) -> VecDeque<Message> {
        self.take_unread()
    }

    /// Sends a message. It leaves without a further call. To a peer that has asked to close, messages can be sent until
    /// the answer goes out: after the poll in which the game has read the last of what came before.
    ///
    /// # Errors
    /// [`SendError`]; the message is not sent then. The connection is as it was, unless
    /// [`drop_when_full`](super::Settings::drop_when_full) says otherwise.
    pub fn send(&self, kind: MessageKind, payload: Vec<u8>) -> Result<(), SendError> {
        self.reserve(payload.len())?;
        self.shared.endpoint.command(Command::Send { key: self.shared.key, kind, payload });
        Ok(())
    }

    /// Counts a message of `len` bytes that is about to be sent, if there is room for it.
    pub(super) fn reserve(&self, len: usize) -> Result<(), SendError> {
        let takes = {
            let seen = self.seen.borrow();
            seen.state == PeerState::Open || seen.finishing
        };
        if !takes {
            return Err(SendError::NotOpen);
        }
        let settings = &self.shared.endpoint.settings;
        let limits = settings.limits;
        // A client's frame has a mask, which only its one peer, the server, gets.
        let len = FrameHeader::frame_len(len, self.shared.request.is_none());
        let queued = self.buffered_amount();
        let is_full = queued.saturating_add(len) > limits.out_bytes
            || self.shared.out_packets() >= limits.out_packets;
        let share = self.shared.endpoint.share_of_queue().unwrap_or(usize::MAX);
        if is_full || queued.saturating_add(len) > share {
            // Who has had less than its share does not pay for the others.
            if settings.drop_when_full && (is_full || queued >= share) {
                self.drop_connection();
            }
            return Err(SendError::Full);
        }
        self.shared.queue(len);
        self.shared.out_packets.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Where it is on the I/O thread.
    pub(super) fn key(&self) -> Key {
        self.shared.key
    }

    /// How many bytes wait for the network.
    pub fn buffered_amount(&self) -> usize {
        self.shared.queued()
    }

    /// Throws away the messages that the game has not read, and those that still come. Without effect on a connection
    /// that has ended.
    pub fn discard(&self) {
        {
            let mut seen = self.seen.borrow_mut();
            if seen.state == PeerState::Closed {
                return;
            }
            seen.discarding = true;
        }
        self.shared.endpoint.discards.fetch_add(1, Ordering::Relaxed);
        self.take_unread();
    }

    /// Returns whether the game has closed the connection, and gets no message of it any more.
    pub fn is_discarding(&self) -> bool {
        self.seen.borrow().discarding
    }

    /// Begins the closing handshake, after what was sent before; or answers the other end's Close, which then does not
    /// wait for the game to read. What was received and not read is [discarded](Self::discard). Without effect on a
    /// connection that is closing otherwise, or closed.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.discard();
        let mut seen = self.seen.borrow_mut();
        let key = self.shared.key;
        if std::mem::take(&mut seen.finishing) {
            self.shared.endpoint.command(Command::Finish { key });
        } else if seen.state == PeerState::Open {
            seen.state = PeerState::Closing;
            let reason = reason.to_owned();
            self.shared.endpoint.command(Command::Close { key, code, reason });
        }
    }

    /// Drops the connection at once, without a closing handshake. What was received stays readable.
    pub fn drop_connection(&self) {
        let mut seen = self.seen.borrow_mut();
        seen.finishing = false;
        if seen.state != PeerState::Closed {
            // Its end is told by an event; until then nothing more is taken that could not arrive.
            seen.state = PeerState::Closing;
            self.shared.endpoint.command(Command::Drop { key: self.shared.key });
        }
    }

    /// Sends small packets at once (`TCP_NODELAY`), which is the default, or gathers them.
    pub fn set_no_delay(&self, enabled: bool) {
        self.shared.endpoint.command(Command::SetNoDelay { key: self.shared.key, enabled });
    }

    /// Whether it is the peer that the I/O thread speaks of, and not an earlier one with the same id.
    pub(super) fn is(&self, shared: &Arc<PeerShared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Takes over what has arrived.
    pub(super) fn collect(&self) {
        self.shared.take(&mut self.seen.borrow_mut().arrivals);
    }

    /// Makes the next arrival visible.
    pub(super) fn step(&self) -> Option<Step> {
        let mut seen = self.seen.borrow_mut();
        let arrival = loop {
            match seen.arrivals.pop_front()? {
                Arrival::Message(message) if seen.discarding => {
                    self.shared.release(message.payload.len());
                }
                arrival => break arrival,
            }
        };
        if seen.arrivals.is_empty() {
            seen.arrivals = VecDeque::new();
        }
        Some(match arrival {
            Arrival::Message(message) => {
                seen.unread.push_back(message);
                Step::Message
            }
            Arrival::CloseRequest(close) => {
                seen.finishing = seen.state == PeerState::Open;
                seen.clean = true;
                seen.state = PeerState::Closing;
                seen.close = Some(Box::new(close.clone()));
                Step::CloseRequest(close)
            }
            Arrival::Failing(close) => {
                seen.finishing = seen.state == PeerState::Open;
                seen.state = PeerState::Closing;
                seen.close = Some(Box::new(close));
                Step::Failing
            }
            Arrival::Closed { clean, close } => {
                seen.state = PeerState::Closed;
                seen.finishing = false;
                seen.close = Some(Box::new(close));
                seen.leave(&self.shared);
                Step::Closed { clean }
            }
        })
    }

    /// Answers the other end's Close, or its fault, if the game has read what came before it. Says then whether it was a
    /// Close.
    pub(super) fn finish(&self) -> Option<bool> {
        let mut seen = self.seen.borrow_mut();
        if !seen.finishing || !seen.unread.is_empty() {
            return None;
        }
        seen.finishing = false;
        self.shared.endpoint.command(Command::Finish { key: self.shared.key });
        Some(seen.clean)
    }

    /// Whether the other end's Close, or its fault, is still to be answered.
    pub(super) fn is_finishing(&self) -> bool {
        self.seen.borrow().finishing
    }

    /// The server has told its end; what the I/O thread says of that is not told again.
    pub(super) fn end(&self) {
        self.shared.forgotten.store(true, Ordering::Relaxed);
        let mut seen = self.seen.borrow_mut();
        seen.state = PeerState::Closed;
        seen.leave(&self.shared);
    }

    /// The connection is gone without an event: the server was stopped, or the peer was dropped by force. What arrived
    /// before stays readable.
    pub(super) fn abandon(&self, close: CloseFrame) {
        self.collect();
        while self.step().is_some() {}
        let mut seen = self.seen.borrow_mut();
        seen.finishing = false;
        seen.leave(&self.shared);
        if seen.state != PeerState::Closed {
            seen.state = PeerState::Closed;
            seen.close = Some(Box::new(close));
        }
    }

    /// The I/O thread has lost the connection by a fault of its own.
    pub(super) fn fail(&self, reason: &str) {
        let close = CloseFrame { code: CloseCode::ABNORMAL, reason: reason.to_owned() };
        self.seen.borrow_mut().arrivals.push_back(Arrival::Closed { clean: false, close });
    }
}

//! A peer, as the game holds it.

use super::shared::{Arrival, Command, PeerShared};
use lodewire_websocket::{CloseCode, CloseFrame, FrameHeader, MessageKind};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
    state: PeerState,
    close: Option<CloseFrame>,
}

/// The next thing to tell of a peer.
#[derive(Debug)]
pub(super) enum Step {
    Message,
    CloseRequest(CloseFrame),
    Closed { clean: bool },
}

impl Peer {
    pub(super) fn new(shared: Arc<PeerShared>) -> Self {
        let seen = Seen {
            arrivals: VecDeque::new(),
            unread: VecDeque::new(),
            state: PeerState::Open,
            close: None,
        };
        Self { shared, seen: RefCell::new(seen) }
    }

    /// The id that the server gave it: positive, neither 0 nor 1, random.
    pub fn id(&self) -> i32 {
        self.shared.id
    }

    /// Its address and port; an IPv4 address is given as such.
    pub fn remote(&self) -> SocketAddr {
        self.shared.remote
    }

    /// The sub-protocol that was negotiated, if any.
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol.as_deref()
    }

    /// How far the connection has come.
    pub fn state(&self) -> PeerState {
        self.seen.borrow().state
    }

    /// The code and reason with which the connection was closed, once that is known: the peer's own if it sent a Close,
    /// else why this end dropped it.
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.seen.borrow().close.clone()
    }

    /// How many messages can be read.
    pub fn available(&self) -> usize {
        self.seen.borrow().unread.len()
    }

    /// Reads the next message.
    pub fn receive(&self) -> Option<Message> {
        let message = self.seen.borrow_mut().unread.pop_front()?;
        self.shared.release(message.payload.len());
        Some(message)
    }

    /// Sends a message. It leaves without a further call.
    ///
    /// # Errors
    /// [`SendError`]; the message is not sent then, and the connection is as it was.
    pub fn send(&self, kind: MessageKind, payload: Vec<u8>) -> Result<(), SendError> {
        if self.state() != PeerState::Open {
            return Err(SendError::NotOpen);
        }
        let limits = self.shared.server.limits;
        let len = FrameHeader::frame_len(payload.len(), false);
        if self.buffered_amount() + len > limits.out_bytes
            || self.shared.out_packets.load(Ordering::Relaxed) >= limits.out_packets
        {
            return Err(SendError::Full);
        }
        self.shared.out_bytes.fetch_add(len, Ordering::Relaxed);
        self.shared.out_packets.fetch_add(1, Ordering::Relaxed);
        self.shared.server.command(Command::Send { key: self.shared.key, kind, payload });
        Ok(())
    }

    /// How many bytes wait for the network.
    pub fn buffered_amount(&self) -> usize {
        self.shared.out_bytes.load(Ordering::Relaxed)
    }

    /// Begins the closing handshake, after what was sent before. Without effect unless the connection is open.
    pub fn close(&self, code: CloseCode, reason: &str) {
        let mut seen = self.seen.borrow_mut();
        if seen.state == PeerState::Open {
            seen.state = PeerState::Closing;
            let reason = reason.to_owned();
            self.shared.server.command(Command::Close { key: self.shared.key, code, reason });
        }
    }

    /// Drops the connection at once, without a closing handshake. What was received stays readable.
    pub fn drop_connection(&self) {
        let mut seen = self.seen.borrow_mut();
        if seen.state != PeerState::Closed {
            // Its end is told by an event; until then nothing more is taken that could not arrive.
            seen.state = PeerState::Closing;
            self.shared.server.command(Command::Drop { key: self.shared.key });
        }
    }

    /// Sends small packets at once (`TCP_NODELAY`), which is the default, or gathers them.
    pub fn set_no_delay(&self, enabled: bool) {
        self.shared.server.command(Command::SetNoDelay { key: self.shared.key, enabled });
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
        Some(match seen.arrivals.pop_front()? {
            Arrival::Message(message) => {
                seen.unread.push_back(message);
                Step::Message
            }
            Arrival::CloseRequest(close) => {
                seen.state = PeerState::Closing;
                seen.close = Some(close.clone());
                Step::CloseRequest(close)
            }
            Arrival::Closed { clean, close } => {
                seen.state = PeerState::Closed;
                seen.close = Some(close);
                Step::Closed { clean }
            }
        })
    }

    /// Drops the connection, of which the server is to hear no more.
    pub(super) fn forget(&self) {
        self.shared.forgotten.store(true, Ordering::Relaxed);
        self.drop_connection();
        self.abandon(CloseFrame { code: CloseCode::ABNORMAL, reason: String::new() });
    }

    /// The connection is gone without an event: the server was stopped, or the peer was dropped by force. What arrived
    /// before stays readable.
    pub(super) fn abandon(&self, close: CloseFrame) {
        self.collect();
        while self.step().is_some() {}
        let mut seen = self.seen.borrow_mut();
        if seen.state != PeerState::Closed {
            seen.state = PeerState::Closed;
            seen.close = Some(close);
        }
    }

    /// The I/O thread has lost the connection by a fault of its own.
    pub(super) fn fail(&self, reason: &str) {
        let close = CloseFrame { code: CloseCode::ABNORMAL, reason: reason.to_owned() };
        self.seen.borrow_mut().arrivals.push_back(Arrival::Closed { clean: false, close });
    }
}

//! What the game's thread and the I/O thread share.

use super::peer::Message;
use crate::reactor::{DriverWaker, lock};
use lodewire_websocket::{CloseCode, CloseFrame, MessageKind};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// How much may wait for a peer, in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that wait for the game. One message may be as long as this, and is let in while less than this waits.
    pub in_bytes: usize,
    /// Messages that wait for the game.
    pub in_packets: usize,
    /// Bytes that wait for the network, frame headers included.
    pub out_bytes: usize,
    /// Messages that the I/O thread has not turned into frames yet.
    pub out_packets: usize,
}

impl Default for Limits {
    /// 1 MiB each way, which a level or a large state fits into; 1024 messages in, as in the engine; 16384 out, which a
    /// burst of one frame does not reach.
    fn default() -> Self {
        Self { in_bytes: 1 << 20, in_packets: 1024, out_bytes: 1 << 20, out_packets: 16_384 }
    }
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The sub-protocols it speaks; none: no sub-protocol is negotiated.
    pub protocols: Vec<String>,
    /// The limits of each peer.
    pub limits: Limits,
    /// How long a client may take from its connection to the end of its opening request.
    pub handshake_timeout: Duration,
}

/// What the game asks of the I/O thread, in its order.
#[derive(Debug)]
pub(super) enum Command {
    Send {
        key: Key,
        kind: MessageKind,
        payload: Vec<u8>,
    },
    Close {
        key: Key,
        code: CloseCode,
        reason: String,
    },
    /// Drop the connection without a word.
    Drop {
        key: Key,
    },
    /// The game has made room in an inbox that was full.
    Resume {
        key: Key,
    },
    SetNoDelay {
        key: Key,
        enabled: bool,
    },
}

/// A connection on the I/O thread: its place, and a serial number that no other connection of the server ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: usize,
    pub(super) serial: u64,
}

/// A server, as both threads know it.
#[derive(Debug)]
pub(super) struct ServerShared {
    pub(super) protocols: Vec<String>,
    pub(super) limits: Limits,
    handshake_timeout: AtomicU64,
    pub(super) refusing: AtomicBool,
    pub(super) commands: Mutex<Vec<Command>>,
    pub(super) news: Mutex<News>,
    pub(super) waker: OnceLock<DriverWaker>,
}

/// What the I/O thread has for the next poll.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Peers whose handshake is done.
    pub(super) connected: Vec<Arc<PeerShared>>,
    /// Peers whose inbox is not empty.
    pub(super) active: Vec<Arc<PeerShared>>,
}

impl ServerShared {
    pub(super) fn new(config: Config) -> Self {
        let shared = Self {
            protocols: config.protocols,
            limits: config.limits,
            handshake_timeout: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            commands: Mutex::default(),
            news: Mutex::default(),
            waker: OnceLock::new(),
        };
        shared.set_handshake_timeout(config.handshake_timeout);
        shared
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        Duration::from_micros(self.handshake_timeout.load(Ordering::Relaxed))
    }

    pub(super) fn set_handshake_timeout(&self, timeout: Duration) {
        let micros = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        self.handshake_timeout.store(micros, Ordering::Relaxed);
    }

    /// Queues a command and wakes the I/O thread. The queue is bounded by its users: messages by each peer's limits, the
    /// others by one of a kind per call of the script, which the I/O thread serves faster than a script can call.
    pub(super) fn command(&self, command: Command) {
        lock(&self.commands).push(command);
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }
}

/// A peer, as both threads know it.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: i32,
    pub(super) key: Key,
    pub(super) remote: SocketAddr,
    pub(super) protocol: Option<String>,
    pub(super) server: Arc<ServerShared>,
    inbox: Mutex<Inbox>,
    in_bytes: AtomicUsize,
    in_packets: AtomicUsize,
    /// The I/O thread has stopped reading since the inbox is full, and waits for [`Command::Resume`].
    stalled: AtomicBool,
    /// What waits for the network, in bytes as they go over the wire.
    pub(super) out_bytes: AtomicUsize,
    pub(super) out_packets: AtomicUsize,
    /// The server has dropped it and does not know it any more.
    pub(super) forgotten: AtomicBool,
}

#[derive(Debug, Default)]
struct Inbox {
    arrivals: VecDeque<Arrival>,
    /// The peer stands in [`News::active`].
    listed: bool,
}

/// What a peer's inbox holds.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message),
    /// The peer began the closing handshake.
    CloseRequest(CloseFrame),
    /// The connection has ended. Always the last.
    Closed {
        clean: bool,
        close: CloseFrame,
    },
}

impl PeerShared {
    pub(super) fn new(
        id: i32,
        key: Key,
        remote: SocketAddr,
        protocol: Option<String>,
        server: Arc<ServerShared>,
    ) -> Self {
        Self {
            id,
            key,
            remote,
            protocol,
            server,
            inbox: Mutex::default(),
            in_bytes: AtomicUsize::new(0),
            in_packets: AtomicUsize::new(0),
            stalled: AtomicBool::new(false),
            out_bytes: AtomicUsize::new(0),
            out_packets: AtomicUsize::new(0),
            forgotten: AtomicBool::new(false),
        }
    }

    /// Puts something into the inbox, from the I/O thread. Says whether there is room for more.
    pub(super) fn deliver(self: &Arc<Self>, arrival: Arrival) -> bool {
        if let Arrival::Message(message) = &arrival {
            self.in_bytes.fetch_add(message.payload.len(), Ordering::SeqCst);
            self.in_packets.fetch_add(1, Ordering::SeqCst);
        }
        let listed = {
            let mut inbox = lock(&self.inbox);
            inbox.arrivals.push_back(arrival);
            std::mem::replace(&mut inbox.listed, true)
        };
        if !listed {
            lock(&self.server.news).active.push(Arc::clone(self));
        }
        self.has_room() || {
            self.stalled.store(true, Ordering::SeqCst);
            // The game may have made room before it could see the flag.
            self.is_drained() && self.stalled.swap(false, Ordering::SeqCst)
        }
    }

    /// Whether enough has been taken to go on: less often than with each message, since what had been read meanwhile is
    /// moved each time.
    fn is_drained(&self) -> bool {
        let limits = self.server.limits;
        self.in_bytes.load(Ordering::SeqCst) <= limits.in_bytes / 2
            && self.in_packets.load(Ordering::SeqCst) <= limits.in_packets / 2
    }

    fn has_room(&self) -> bool {
        let limits = self.server.limits;
        self.in_bytes.load(Ordering::SeqCst) < limits.in_bytes
            && self.in_packets.load(Ordering::SeqCst) < limits.in_packets
    }

    /// Takes what arrived, onto the end of `arrivals`.
    pub(super) fn take(&self, arrivals: &mut VecDeque<Arrival>) {
        let mut inbox = lock(&self.inbox);
        inbox.listed = false;
        if arrivals.is_empty() {
            std::mem::swap(arrivals, &mut inbox.arrivals);
        } else {
            arrivals.append(&mut inbox.arrivals);
        }
    }

    /// The game has taken a message of `len` bytes.
    pub(super) fn release(&self, len: usize) {
        self.in_bytes.fetch_sub(len, Ordering::SeqCst);
        self.in_packets.fetch_sub(1, Ordering::SeqCst);
        if self.stalled.load(Ordering::SeqCst)
            && self.is_drained()
            && self.stalled.swap(false, Ordering::SeqCst)
        {
            self.server.command(Command::Resume { key: self.key });
        }
    }
}

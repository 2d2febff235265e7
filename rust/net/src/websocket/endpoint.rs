//! What the game's thread and the I/O thread share of a server or a client.

use super::client::Failure;
use super::peer_shared::PeerShared;
use super::request::RequestShared;
use crate::reactor::{DriverWaker, lock};
use crate::stats::Counters;
use lodewire_websocket::{CloseCode, DeflateOptions, HandshakeRejection, MessageKind};
use std::collections::HashSet;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// What a peer may hold at least, in bytes, however many there are.
const LEAST_SHARE: usize = 64 << 10;

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
    /// Bytes of all peers of a server together that wait for the game, with 64 for each message and those of messages that
    /// are incomplete. Beyond half of it a peer that holds more than its share of the other half is not read, and the longest
    /// incomplete message is given up.
    pub in_total: usize,
    /// Bytes that wait for the network, of all peers of a server together. Beyond half of it nothing more is taken for a
    /// peer for which more than its share of the other half waits.
    pub out_total: usize,
}

impl Default for Limits {
    /// 1 MiB each way, which a level or a large state fits into; 1024 messages in, as in the engine; 16384 out, which a
    /// burst of one frame does not reach; 256 MiB each way of all peers together.
    fn default() -> Self {
        Self {
            in_bytes: 1 << 20,
            in_packets: 1024,
            out_bytes: 1 << 20,
            out_packets: 16_384,
            in_total: 256 << 20,
            out_total: 256 << 20,
        }
    }
}

/// How the connections of a server or a client behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The limits of each peer.
    pub limits: Limits,
    /// How long the Close that answers a peer's Close, or its fault, waits for the game to read what came before it.
    pub close_timeout: Duration,
    /// How often a peer is asked whether it is there, if at all. One that says nothing for as long is dropped.
    pub heartbeat: Option<Duration>,
    /// Offer, or accept, permessage-deflate.
    pub deflate: Option<DeflateOptions>,
    /// Answer every message with itself, on the I/O thread: to measure the protocol and the driver alone. Messages do not
    /// reach the game then, and what waits for a peer that does not read is not limited.
    pub echo: bool,
    /// Drop a peer for which too much waits, instead of refusing what is too much.
    pub drop_when_full: bool,
}

impl Default for Settings {
    /// No heartbeat, no compression, a second for the game to read, and a refusal of what is too much.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            close_timeout: Duration::from_secs(1),
            heartbeat: None,
            deflate: None,
            echo: false,
            drop_when_full: false,
        }
    }
}

/// What the game asks of the I/O thread, in its order.
#[derive(Debug)]
pub(super) enum Command {
    Send {
        key: Key,
        kind: MessageKind,
        payload: Vec<u8>,
    },
    /// The same message to many.
    Broadcast {
        keys: Vec<Key>,
        kind: MessageKind,
        payload: Vec<u8>,
    },
    Close {
        key: Key,
        code: CloseCode,
        reason: String,
    },
    /// The game has read what came before the peer's Close, or its fault: the Close that answers it may go.
    Finish {
        key: Key,
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
    /// The game accepts a request that waited for it.
    Accept {
        key: Key,
        headers: Vec<(String, String)>,
    },
    /// The game refuses it.
    Refuse {
        key: Key,
        refusal: HandshakeRejection,
    },
}

/// A connection on the I/O thread: its place, and a serial number that no other connection of the endpoint ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: usize,
    pub(super) serial: u64,
}

/// One end, server or client, as both threads know it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) settings: Settings,
    pub(super) commands: Mutex<Vec<Command>>,
    pub(super) news: Mutex<News>,
    pub(super) waker: OnceLock<DriverWaker>,
    pub(super) counters: Counters,
    /// How often the game has closed a peer, whose messages are thrown away then.
    pub(super) discards: AtomicUsize,
    /// How many messages that the multiplayer mode has [listed](super::Peer::list_newest) were read or thrown away past it.
    pub(super) passed: AtomicUsize,
    /// What peers have sent and the game has not taken, in bytes, also of those that have gone.
    held: AtomicUsize,
    /// What waits for the network, in bytes.
    queued: AtomicUsize,
    /// The ids of the peers that are connected, and of those of whose end the game was not told yet.
    ids: Mutex<HashSet<i32>>,
    /// How many of them have left on one side: their connection has ended, or the game knows that it has.
    leaving: AtomicIsize,
}

/// What the I/O thread has for the next poll.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Requests that the game has to decide on.
    pub(super) requests: Vec<Arc<RequestShared>>,
    /// Peers whose handshake is done.
    pub(super) connected: Vec<Arc<PeerShared>>,
    /// Peers whose inbox is not empty.
    pub(super) active: Vec<Arc<PeerShared>>,
    /// Why a client could not connect.
    pub(super) failed: Option<Failure>,
}

impl Endpoint {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            commands: Mutex::default(),
            news: Mutex::default(),
            waker: OnceLock::new(),
            counters: Counters::default(),
            discards: AtomicUsize::new(0),
            passed: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            ids: Mutex::default(),
            leaving: AtomicIsize::new(0),
        }
    }

    /// Counts memory that is held for the game.
    pub(super) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    /// That memory is free again.
    pub(super) fn free(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How much is held for the game.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Returns whether half of what may wait for the game does. That half is for whoever comes first; the other one is
    /// for the peers that have less than their [share](Self::share) of it, so that both together are the bound.
    pub(super) fn is_full(&self) -> bool {
        self.held() >= self.settings.limits.in_total / 2
    }

    /// How much a peer may hold when [all of them](Self::is_full) hold too much.
    pub(super) fn share(&self) -> usize {
        self.share_of(self.settings.limits.in_total)
    }

    /// A peer's part of the half that is for those that have less.
    fn share_of(&self, total: usize) -> usize {
        (total / 2 / self.places().max(1)).max(LEAST_SHARE)
    }

    /// Counts bytes that wait for the network.
    pub(super) fn queue(&self, bytes: usize) {
        self.queued.fetch_add(bytes, Ordering::Relaxed);
    }

    /// They have gone out, or their peer has gone.
    pub(super) fn unqueue(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How much waits for the network.
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// How much may wait for the network per peer, if for all of them together half of what may wait does.
    pub(super) fn share_of_queue(&self) -> Option<usize> {
        let total = self.settings.limits.out_total;
        (self.queued() >= total / 2).then(|| self.share_of(total))
    }

    /// How many peers there are, with those of whose end the game was not told yet.
    pub(super) fn places(&self) -> usize {
        lock(&self.ids).len()
    }

    /// Returns whether a peer has this id.
    pub(super) fn has_id(&self, id: i32) -> bool {
        lock(&self.ids).contains(&id)
    }

    /// A peer has this id from now on, and a place.
    pub(super) fn take_place(&self, id: i32) {
        lock(&self.ids).insert(id);
    }

    /// A peer has left on one side, and does not keep others out any more.
    pub(super) fn half_leave_place(&self) {
        self.leaving.fetch_add(1, Ordering::Relaxed);
    }

    /// It has left on both: another peer may have its id and place.
    pub(super) fn leave_place(&self, id: i32) {
        self.leaving.fetch_sub(1, Ordering::Relaxed);
        lock(&self.ids).remove(&id);
    }

    /// How many peers have left on one side.
    pub(super) fn leaving(&self) -> usize {
        usize::try_from(self.leaving.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Returns whether another peer is one too many. Those that are leaving do not count, so that a player who has just left
    /// can come back at once, but there are never more than `max_clients` of them besides.
    pub(super) fn has_no_place(&self, max_clients: usize) -> bool {
        let places = self.places();
        let staying = places.saturating_sub(self.leaving());
        staying >= max_clients || places >= max_clients.saturating_mul(2)
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

//! The state of a server or a client that the game thread and the I/O thread share.

use super::client::Failure;
use super::outgoing_message::OutgoingMessage;
use super::peer_shared::PeerShared;
use super::request::RequestShared;
use crate::reactor::{DriverWaker, lock};
use crate::stats::Counters;
use lodewire_websocket::{CloseCode, DeflateOptions, HandshakeRejection};
use std::collections::HashSet;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// Minimum share of the total buffer for each peer, in bytes, however many peers there are.
const MIN_SHARE: usize = 64 << 10;

/// Limits on the data buffered for a peer, in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of bytes in the inbox. This is also the maximum length of a message, and one more message is
    /// accepted while the inbox holds less.
    pub in_bytes: usize,
    /// Maximum number of messages in the inbox.
    pub in_packets: usize,
    /// Maximum number of bytes queued for the network, including frame headers.
    pub out_bytes: usize,
    /// Maximum number of messages that the I/O thread has not encoded yet.
    pub out_packets: usize,
    /// Maximum number of bytes in the inboxes of all peers of a server, including 64 per message and incomplete
    /// messages. Beyond half of it, a peer that holds more than its share of the other half is not read, and the
    /// longest incomplete message is dropped.
    pub in_total: usize,
    /// Maximum number of bytes queued for the network for all peers of a server. Beyond half of it, no more data is
    /// accepted for a peer whose queue holds more than its share of the other half.
    pub out_total: usize,
}

impl Default for Limits {
    /// 1 MiB each way, enough for a level or a large state; 1024 messages in, as in the engine; 16384 out, more than a
    /// burst of one frame; 256 MiB each way for all peers together.
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

/// The settings of the connections of a server or a client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The limits per peer.
    pub limits: Limits,
    /// Maximum time for which the answer to a peer's Close frame or protocol error waits for the game to read the
    /// messages before it.
    pub close_timeout: Duration,
    /// The interval of pings, if they are enabled. A peer that sends nothing for a whole interval after a ping is
    /// dropped.
    pub heartbeat: Option<Duration>,
    /// The permessage-deflate options to offer or accept, if any.
    pub deflate: Option<DeflateOptions>,
    /// Echo every message on the I/O thread, to measure the protocol and the driver in isolation. Messages do not reach
    /// the game, and the queue of a peer that does not read is not bounded.
    pub echo: bool,
    /// Drop a peer whose queue overflows, instead of rejecting the message.
    pub disconnect_on_overflow: bool,
}

impl Default for Settings {
    /// No heartbeat, no compression, one second for the game to read, and messages over the limit are rejected.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            close_timeout: Duration::from_secs(1),
            heartbeat: None,
            deflate: None,
            echo: false,
            disconnect_on_overflow: false,
        }
    }
}

/// A command of the game to the I/O thread.
#[derive(Debug)]
pub(super) enum Command {
    Send {
        key: Key,
        message: OutgoingMessage,
    },
    /// Sends one message to several peers.
    Broadcast {
        keys: Vec<Key>,
        message: OutgoingMessage,
    },
    Close {
        key: Key,
        code: CloseCode,
        reason: String,
    },
    /// Sends the pending Close frame: the game has read the messages before the peer's Close frame or protocol error.
    FinishClose {
        key: Key,
    },
    /// Drops the connection without a Close frame.
    Drop {
        key: Key,
    },
    /// Resumes reading: the game has freed space in a full inbox.
    Resume {
        key: Key,
    },
    SetNoDelay {
        key: Key,
        enabled: bool,
    },
    /// Accepts a held request.
    Accept {
        key: Key,
        headers: Vec<(String, String)>,
    },
    /// Rejects a held request.
    Reject {
        key: Key,
        rejection: HandshakeRejection,
    },
}

/// The key of a connection on the I/O thread: its slot, and a generation that is unique within the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) slot: usize,
    pub(super) generation: u64,
}

/// A server or a client, shared by both threads.
#[derive(Debug)]
pub(super) struct EndpointShared {
    pub(super) settings: Settings,
    pub(super) commands: Mutex<Vec<Command>>,
    pub(super) poll_batch: Mutex<PollBatch>,
    pub(super) waker: OnceLock<DriverWaker>,
    pub(super) counters: Counters,
    /// Number of times that the game has closed a peer, whose unread messages are then discarded.
    pub(super) discards: AtomicUsize,
    /// Number of messages that the multiplayer mode [tracks](super::Peer::track_newest) and that were read or discarded
    /// without it.
    pub(super) bypassed: AtomicUsize,
    /// Number of received bytes that the game has not read, including those of peers that have gone.
    buffered_in: AtomicUsize,
    /// Number of bytes queued for the network.
    buffered_out: AtomicUsize,
    /// The ids of the connected peers, and of those whose end has not been reported to the game yet.
    ids: Mutex<HashSet<i32>>,
    /// Number of these peers that have departed on one side: their connection has ended, or the game knows that it has.
    departing: AtomicIsize,
}

/// The changes for the next poll.
#[derive(Debug, Default)]
pub(super) struct PollBatch {
    /// Requests that the game must decide on.
    pub(super) requests: Vec<Arc<RequestShared>>,
    /// Peers whose handshake is complete.
    pub(super) connected: Vec<Arc<PeerShared>>,
    /// Peers whose inbox is not empty.
    pub(super) active: Vec<Arc<PeerShared>>,
    /// The failure of a client to connect.
    pub(super) failed: Option<Failure>,
}

impl EndpointShared {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            commands: Mutex::default(),
            poll_batch: Mutex::default(),
            waker: OnceLock::new(),
            counters: Counters::default(),
            discards: AtomicUsize::new(0),
            bypassed: AtomicUsize::new(0),
            buffered_in: AtomicUsize::new(0),
            buffered_out: AtomicUsize::new(0),
            ids: Mutex::default(),
            departing: AtomicIsize::new(0),
        }
    }

    /// Accounts for received bytes.
    pub(super) fn charge_in(&self, bytes: usize) {
        self.buffered_in.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Releases received bytes.
    pub(super) fn release_in(&self, bytes: usize) {
        self.buffered_in.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the number of received bytes that the game has not read.
    pub(super) fn buffered_in(&self) -> usize {
        self.buffered_in.load(Ordering::Relaxed)
    }

    /// Returns true if the total receive buffer is half full. The first half is shared by all peers; the second is for
    /// peers that hold less than their [share](Self::share) of it, so that both together are bounded.
    pub(super) fn is_half_full(&self) -> bool {
        self.buffered_in() >= self.settings.limits.in_total / 2
    }

    /// Returns how many bytes a peer may hold while the receive buffer is [half full](Self::is_half_full).
    pub(super) fn share(&self) -> usize {
        self.share_of(self.settings.limits.in_total)
    }

    /// Returns a peer's share of the second half of `total`.
    fn share_of(&self, total: usize) -> usize {
        (total / 2 / self.peer_slots().max(1)).max(MIN_SHARE)
    }

    /// Accounts for bytes queued for the network.
    pub(super) fn charge_out(&self, bytes: usize) {
        self.buffered_out.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Releases bytes that were written, or whose peer has gone.
    pub(super) fn release_out(&self, bytes: usize) {
        self.buffered_out.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the number of bytes queued for the network.
    pub(super) fn buffered_out(&self) -> usize {
        self.buffered_out.load(Ordering::Relaxed)
    }

    /// Returns how many bytes may be queued per peer, if the total send buffer is half full.
    pub(super) fn send_share(&self) -> Option<usize> {
        let total = self.settings.limits.out_total;
        (self.buffered_out() >= total / 2).then(|| self.share_of(total))
    }

    /// Returns the number of occupied peer slots, including peers whose end has not been reported to the game yet.
    pub(super) fn peer_slots(&self) -> usize {
        lock(&self.ids).len()
    }

    /// Returns true if a peer has this id.
    pub(super) fn has_id(&self, id: i32) -> bool {
        lock(&self.ids).contains(&id)
    }

    /// Assigns an id, and a slot, to a peer.
    pub(super) fn add_peer(&self, id: i32) {
        lock(&self.ids).insert(id);
    }

    /// Notes that a peer has departed on one side, after which it no longer keeps others out.
    pub(super) fn begin_departure(&self) {
        self.departing.fetch_add(1, Ordering::Relaxed);
    }

    /// Frees the id and the slot of a peer that has departed on both sides.
    pub(super) fn remove_peer(&self, id: i32) {
        self.departing.fetch_sub(1, Ordering::Relaxed);
        lock(&self.ids).remove(&id);
    }

    /// Returns the number of peers that have departed on one side.
    pub(super) fn departing(&self) -> usize {
        usize::try_from(self.departing.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Returns true if no slot is free. Departing peers do not count, so that a player who has just left can reconnect
    /// at once, but there are at most `max_clients` of them in addition.
    pub(super) fn is_at_capacity(&self, max_clients: usize) -> bool {
        let peer_slots = self.peer_slots();
        let staying = peer_slots.saturating_sub(self.departing());
        staying >= max_clients || peer_slots >= max_clients.saturating_mul(2)
    }

    /// Queues a command and wakes the I/O thread. The queue is bounded: messages by the limits of each peer, other
    /// commands by the script's calls, which the I/O thread serves faster than a script can make them.
    pub(super) fn command(&self, command: Command) {
        lock(&self.commands).push(command);
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }
}

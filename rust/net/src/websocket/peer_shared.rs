//! The state of a peer that both threads share: its inbox, and the buffered bytes in each direction.

use super::endpoint::{Command, EndpointShared, Key};
use super::peer::Message;
use crate::reactor::lock;
use lodewire_websocket::{CloseFrame, Request};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A peer, shared by both threads.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: i32,
    pub(super) key: Key,
    ip: IpAddr,
    port: u16,
    pub(super) protocol: Option<Box<str>>,
    /// The request that opened the connection; `None` on a client.
    pub(super) request: Option<Request>,
    pub(super) endpoint: Arc<EndpointShared>,
    inbox: Mutex<Inbox>,
    in_bytes: AtomicUsize,
    in_packets: AtomicU32,
    /// The I/O thread has paused reading because the inbox is full, and waits for [`Command::Resume`].
    read_paused: AtomicBool,
    /// Number of bytes queued for the network, as encoded.
    out_bytes: AtomicUsize,
    pub(super) out_packets: AtomicU32,
    /// The last round-trip time in microseconds; 0 before the first.
    pub(super) round_trip: AtomicU32,
    /// The server has removed the peer.
    pub(super) abandoned: AtomicBool,
    /// The connection has ended, or the game knows that it has: the second of both frees the slot.
    has_departed_once: AtomicBool,
}

/// Memory of a message in addition to its payload, in bytes.
const MESSAGE_OVERHEAD: usize = 64;

#[derive(Debug, Default)]
struct Inbox {
    arrivals: VecDeque<Arrival>,
    /// The peer is in [`PollBatch::active`](super::endpoint::PollBatch::active).
    is_queued: bool,
}

/// An entry of a peer's inbox.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message),
    /// The peer has started the closing handshake.
    CloseRequest(CloseFrame),
    /// The peer violated the protocol, and the connection is closed with this Close frame.
    Failing(CloseFrame),
    /// The connection has ended. Always the last entry.
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
        protocol: Option<Box<str>>,
        request: Option<Request>,
        endpoint: Arc<EndpointShared>,
    ) -> Self {
        endpoint.add_peer(id);
        Self {
            id,
            key,
            ip: remote.ip(),
            port: remote.port(),
            protocol,
            request,
            endpoint,
            inbox: Mutex::default(),
            in_bytes: AtomicUsize::new(0),
            in_packets: AtomicU32::new(0),
            read_paused: AtomicBool::new(false),
            out_bytes: AtomicUsize::new(0),
            out_packets: AtomicU32::new(0),
            round_trip: AtomicU32::new(0),
            abandoned: AtomicBool::new(false),
            has_departed_once: AtomicBool::new(false),
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// Returns the number of messages that the I/O thread has not encoded yet.
    pub(super) fn out_packets(&self) -> usize {
        count(&self.out_packets)
    }

    /// Notes that the connection has ended, or that the game knows it; each side calls this once. A peer keeps its id
    /// and its slot until both have, so that connections cannot be replaced without limit while the game does not poll.
    pub(super) fn depart(&self) {
        if self.has_departed_once.swap(true, Ordering::SeqCst) {
            self.endpoint.remove_peer(self.id);
        } else {
            self.endpoint.begin_departure();
        }
    }

    /// Accounts for bytes queued for the network.
    pub(super) fn charge_out(&self, bytes: usize) {
        self.out_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.endpoint.charge_out(bytes);
    }

    /// Releases bytes that were written.
    pub(super) fn release_out(&self, bytes: usize) {
        self.out_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.endpoint.release_out(bytes);
    }

    /// Releases all bytes queued for the network, which are not sent any more.
    pub(super) fn release_queued(&self) {
        self.endpoint.release_out(self.out_bytes.swap(0, Ordering::Relaxed));
    }

    /// Returns the number of bytes queued for the network.
    pub(super) fn buffered_out(&self) -> usize {
        self.out_bytes.load(Ordering::Relaxed)
    }

    /// Returns the memory of its inbox, without the incomplete message.
    pub(super) fn buffered_in(&self) -> usize {
        self.in_bytes.load(Ordering::Relaxed) + count(&self.in_packets) * MESSAGE_OVERHEAD
    }

    /// Returns the number of bytes in the inbox, and of those queued for the network.
    pub(super) fn buffered(&self) -> (u64, u64) {
        let load = |bytes: &AtomicUsize| bytes.load(Ordering::Relaxed) as u64;
        (load(&self.in_bytes), load(&self.out_bytes))
    }

    /// Puts an arrival into the inbox, from the I/O thread. Returns true if there is space for more.
    pub(super) fn deliver(self: &Arc<Self>, arrival: Arrival) -> bool {
        if let Arrival::Message(message) = &arrival {
            self.endpoint.counters.received(1, 0);
            self.endpoint.charge_in(message.payload.len() + MESSAGE_OVERHEAD);
            self.in_bytes.fetch_add(message.payload.len(), Ordering::SeqCst);
            self.in_packets.fetch_add(1, Ordering::SeqCst);
        }
        let was_queued = {
            let mut inbox = lock(&self.inbox);
            inbox.arrivals.push_back(arrival);
            std::mem::replace(&mut inbox.is_queued, true)
        };
        if !was_queued {
            lock(&self.endpoint.poll_batch).active.push(Arc::clone(self));
        }
        self.has_space() || {
            self.read_paused.store(true, Ordering::SeqCst);
            // The game may have freed space before it could see the flag.
            self.is_drained() && self.read_paused.swap(false, Ordering::SeqCst)
        }
    }

    /// Returns true if a close is in the inbox.
    pub(super) fn is_ending(&self) -> bool {
        let inbox = lock(&self.inbox);
        inbox.arrivals.back().is_some_and(|last| !matches!(last, Arrival::Message(_)))
    }

    /// Returns true if the inbox is at most half full, so that reading resumes. This is rarer than with each message,
    /// because undecoded bytes are moved each time.
    fn is_drained(&self) -> bool {
        let limits = &self.endpoint.settings.limits;
        self.in_bytes.load(Ordering::SeqCst) <= limits.in_bytes / 2
            && count(&self.in_packets) <= limits.in_packets / 2
    }

    fn has_space(&self) -> bool {
        let limits = &self.endpoint.settings.limits;
        self.in_bytes.load(Ordering::SeqCst) < limits.in_bytes
            && count(&self.in_packets) < limits.in_packets
    }

    /// Moves the arrivals to the end of `arrivals`.
    pub(super) fn take(&self, arrivals: &mut VecDeque<Arrival>) {
        let mut inbox = lock(&self.inbox);
        inbox.is_queued = false;
        if arrivals.is_empty() {
            *arrivals = std::mem::take(&mut inbox.arrivals);
        } else {
            arrivals.append(&mut inbox.arrivals);
        }
    }

    /// Releases a message of `len` bytes that the game has read.
    pub(super) fn release(&self, len: usize) {
        self.endpoint.release_in(len + MESSAGE_OVERHEAD);
        self.in_bytes.fetch_sub(len, Ordering::SeqCst);
        self.in_packets.fetch_sub(1, Ordering::SeqCst);
        if self.read_paused.load(Ordering::SeqCst)
            && self.is_drained()
            && self.read_paused.swap(false, Ordering::SeqCst)
        {
            self.endpoint.command(Command::Resume { key: self.key });
        }
    }
}

impl Drop for PeerShared {
    /// Releases the unread messages.
    fn drop(&mut self) {
        self.endpoint.release_in(self.buffered_in());
        self.release_queued();
    }
}

fn count(packets: &AtomicU32) -> usize {
    usize::try_from(packets.load(Ordering::SeqCst)).unwrap_or(usize::MAX)
}

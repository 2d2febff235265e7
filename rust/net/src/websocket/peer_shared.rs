//! A peer, as both threads know it: its inbox, and what waits in each direction.

use super::endpoint::{Command, Endpoint, Key};
use super::peer::Message;
use crate::reactor::lock;
use lodewire_websocket::{CloseFrame, Request};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A peer, as both threads know it.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: i32,
    pub(super) key: Key,
    ip: IpAddr,
    port: u16,
    pub(super) protocol: Option<Box<str>>,
    /// The request that opened it; not there on a client.
    pub(super) request: Option<Request>,
    pub(super) endpoint: Arc<Endpoint>,
    inbox: Mutex<Inbox>,
    in_bytes: AtomicUsize,
    in_packets: AtomicU32,
    /// The I/O thread has stopped reading since the inbox is full, and waits for [`Command::Resume`].
    stalled: AtomicBool,
    /// What waits for the network, in bytes as they go over the wire.
    out_bytes: AtomicUsize,
    pub(super) out_packets: AtomicU32,
    /// The latest round-trip time in microseconds, 0 before the first.
    pub(super) round_trip: AtomicU32,
    /// The server has dropped it and does not know it any more.
    pub(super) forgotten: AtomicBool,
    /// Its connection has ended, or the game knows that it has: the second of both frees its place.
    has_half_left: AtomicBool,
}

/// What a message takes beside its bytes.
const MESSAGE_OVERHEAD: usize = 64;

#[derive(Debug, Default)]
struct Inbox {
    arrivals: VecDeque<Arrival>,
    /// The peer stands in [`News::active`](super::endpoint::News::active).
    listed: bool,
}

/// What a peer's inbox holds.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Message),
    /// The peer began the closing handshake.
    CloseRequest(CloseFrame),
    /// The peer broke a rule, and the connection is going to end with this Close.
    Failing(CloseFrame),
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
        protocol: Option<Box<str>>,
        request: Option<Request>,
        endpoint: Arc<Endpoint>,
    ) -> Self {
        endpoint.take_place(id);
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
            stalled: AtomicBool::new(false),
            out_bytes: AtomicUsize::new(0),
            out_packets: AtomicU32::new(0),
            round_trip: AtomicU32::new(0),
            forgotten: AtomicBool::new(false),
            has_half_left: AtomicBool::new(false),
        }
    }

    pub(super) fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// How many messages the I/O thread has not turned into frames yet.
    pub(super) fn out_packets(&self) -> usize {
        count(&self.out_packets)
    }

    /// Its connection has ended, or the game knows that it has. To be said once by either side: a peer keeps its id, and a
    /// place, until both have said so. So peers cannot come and go for ever while the game does something
    /// else.
    pub(super) fn leave(&self) {
        if self.has_half_left.swap(true, Ordering::SeqCst) {
            self.endpoint.leave_place(self.id);
        } else {
            self.endpoint.half_leave_place();
        }
    }

    /// Counts bytes that wait for the network.
    pub(super) fn queue(&self, bytes: usize) {
        self.out_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.endpoint.queue(bytes);
    }

    /// They have gone out.
    pub(super) fn unqueue(&self, bytes: usize) {
        self.out_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.endpoint.unqueue(bytes);
    }

    /// Nothing goes out any more.
    pub(super) fn forget_queue(&self) {
        self.endpoint.unqueue(self.out_bytes.swap(0, Ordering::Relaxed));
    }

    /// How many bytes wait for the network.
    pub(super) fn queued(&self) -> usize {
        self.out_bytes.load(Ordering::Relaxed)
    }

    /// What it holds for the game, beside messages that are incomplete.
    pub(super) fn held(&self) -> usize {
        self.in_bytes.load(Ordering::Relaxed) + count(&self.in_packets) * MESSAGE_OVERHEAD
    }

    /// How many bytes wait for the game, and for the network.
    pub(super) fn waiting(&self) -> (u64, u64) {
        let load = |bytes: &AtomicUsize| bytes.load(Ordering::Relaxed) as u64;
        (load(&self.in_bytes), load(&self.out_bytes))
    }

    /// Puts something into the inbox, from the I/O thread. Says whether there is room for more.
    pub(super) fn deliver(self: &Arc<Self>, arrival: Arrival) -> bool {
        if let Arrival::Message(message) = &arrival {
            self.endpoint.counters.received(1, 0);
            self.endpoint.hold(message.payload.len() + MESSAGE_OVERHEAD);
            self.in_bytes.fetch_add(message.payload.len(), Ordering::SeqCst);
            self.in_packets.fetch_add(1, Ordering::SeqCst);
        }
        let listed = {
            let mut inbox = lock(&self.inbox);
            inbox.arrivals.push_back(arrival);
            std::mem::replace(&mut inbox.listed, true)
        };
        if !listed {
            lock(&self.endpoint.news).active.push(Arc::clone(self));
        }
        self.has_room() || {
            self.stalled.store(true, Ordering::SeqCst);
            // The game may have made room before it could see the flag.
            self.is_drained() && self.stalled.swap(false, Ordering::SeqCst)
        }
    }

    /// Returns whether its end has arrived, and the game has not taken that.
    pub(super) fn is_ending(&self) -> bool {
        let inbox = lock(&self.inbox);
        inbox.arrivals.back().is_some_and(|last| !matches!(last, Arrival::Message(_)))
    }

    /// Whether enough has been taken to go on: less often than with each message, since what had been read meanwhile is
    /// moved each time.
    fn is_drained(&self) -> bool {
        let limits = &self.endpoint.settings.limits;
        self.in_bytes.load(Ordering::SeqCst) <= limits.in_bytes / 2
            && count(&self.in_packets) <= limits.in_packets / 2
    }

    fn has_room(&self) -> bool {
        let limits = &self.endpoint.settings.limits;
        self.in_bytes.load(Ordering::SeqCst) < limits.in_bytes
            && count(&self.in_packets) < limits.in_packets
    }

    /// Takes what arrived, onto the end of `arrivals`.
    pub(super) fn take(&self, arrivals: &mut VecDeque<Arrival>) {
        let mut inbox = lock(&self.inbox);
        inbox.listed = false;
        if arrivals.is_empty() {
            *arrivals = std::mem::take(&mut inbox.arrivals);
        } else {
            arrivals.append(&mut inbox.arrivals);
        }
    }

    /// The game has taken a message of `len` bytes.
    pub(super) fn release(&self, len: usize) {
        self.endpoint.free(len + MESSAGE_OVERHEAD);
        self.in_bytes.fetch_sub(len, Ordering::SeqCst);
        self.in_packets.fetch_sub(1, Ordering::SeqCst);
        if self.stalled.load(Ordering::SeqCst)
            && self.is_drained()
            && self.stalled.swap(false, Ordering::SeqCst)
        {
            self.endpoint.command(Command::Resume { key: self.key });
        }
    }
}

impl Drop for PeerShared {
    /// What nobody has taken goes with it.
    fn drop(&mut self) {
        self.endpoint.free(self.held());
        self.forget_queue();
    }
}

fn count(packets: &AtomicU32) -> usize {
    usize::try_from(packets.load(Ordering::SeqCst)).unwrap_or(usize::MAX)
}

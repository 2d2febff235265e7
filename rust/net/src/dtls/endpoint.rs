//! The state of an endpoint and its peers that the game's thread and the I/O thread share.

use super::packet_queue::PacketQueue;

use super::{Limits, MAX_PACKET_SIZE, Status};
use crate::reactor::{DriverWaker, lock};
use crate::stats::Counters;
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// A command of the game to the I/O thread.
#[derive(Debug)]
pub(super) enum Command {
    Send {
        id: u32,
        packet: Vec<u8>,
    },
    Close {
        id: u32,
    },
    /// The host name of the server was resolved.
    Resolved(Result<Vec<SocketAddr>, String>),
    SetRefusing(bool),
}

/// The shared state of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    commands: Mutex<Vec<Command>>,
    pub(super) waker: OnceLock<DriverWaker>,
    /// The I/O thread is going to take the commands without being woken.
    pub(super) is_flush_scheduled: AtomicBool,
    /// Connected clients that the game has not taken yet.
    pub(super) accepted: Mutex<VecDeque<Arc<PeerShared>>>,
    ids: AtomicU32,
    /// Number of closed peers whose end was not reported to the game yet. They still count for `max_peers`, which
    /// bounds what is buffered for a game that does not poll.
    pub(super) unreported_closes: AtomicUsize,
    /// Size of the packets that are buffered for the game, of all peers.
    buffered_bytes: AtomicUsize,
    pub(super) counters: Counters,
}

impl Endpoint {
    /// Queues a command. The length of the queue is bounded by its users: packets by `max_outgoing_bytes` of each peer.
    pub(super) fn command(&self, command: Command) {
        lock(&self.commands).push(command);
        // The I/O thread clears the flag before it takes the commands: either it takes this one, or it is woken here.
        if !self.is_flush_scheduled.load(Ordering::SeqCst)
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }

    pub(super) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *lock(&self.commands))
    }
}

/// The shared state of a peer.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: u32,
    pub(super) endpoint: Arc<Endpoint>,
    /// The inbox has changed since the game's last poll.
    pub(super) is_dirty: AtomicBool,
    pub(super) inbox: Mutex<PeerInbox>,
    /// Size of the packets that wait for the I/O thread.
    pub(super) outgoing_bytes: AtomicUsize,
    /// Maximum size of a packet.
    pub(super) max_packet_size: AtomicUsize,
}

/// The data that the I/O thread has for the game.
#[derive(Debug)]
pub(super) struct PeerInbox {
    pub(super) queue: PacketQueue,
    pub(super) status: Status,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) remote: SocketAddr,
    /// The part of the endpoint's `buffered_bytes` that is this peer's.
    counted_bytes: usize,
    /// The peer is closed, and the game has not polled it since.
    is_close_unreported: bool,
    /// The game has dropped the peer.
    is_abandoned: bool,
}

impl PeerShared {
    pub(super) fn new(endpoint: &Arc<Endpoint>, remote: SocketAddr, limit: usize) -> Self {
        Self {
            id: endpoint.ids.fetch_add(1, Ordering::Relaxed),
            endpoint: Arc::clone(endpoint),
            is_dirty: AtomicBool::new(false),
            inbox: Mutex::new(PeerInbox {
                queue: PacketQueue::new(limit),
                status: Status::Handshaking,
                certificates: Vec::new(),
                remote,
                counted_bytes: 0,
                is_close_unreported: false,
                is_abandoned: false,
            }),
            outgoing_bytes: AtomicUsize::new(0),
            max_packet_size: AtomicUsize::new(MAX_PACKET_SIZE),
        }
    }

    /// Queues a packet, if the limits allow it. Half of `max_total_buffered_bytes` is first come, first served; the
    /// other half is divided equally among all possible peers.
    pub(super) fn push_packet(&self, packet: &[u8], limits: &Limits) {
        let half = limits.max_total_buffered_bytes / 2;
        self.update(|inbox| {
            let is_scarce = self.endpoint.buffered_bytes.load(Ordering::Relaxed) > half;
            let limit = if is_scarce { half / limits.max_peers.max(1) } else { usize::MAX };
            inbox.queue.push_limited(packet, limit);
            self.update_total(inbox);
        });
    }

    /// Updates the endpoint's `buffered_bytes` with this peer's.
    pub(super) fn update_total(&self, inbox: &mut PeerInbox) {
        let buffered = inbox.queue.buffered_bytes() + inbox.queue.taken_bytes;
        let counted = std::mem::replace(&mut inbox.counted_bytes, buffered);
        self.endpoint.buffered_bytes.fetch_add(buffered, Ordering::Relaxed);
        self.endpoint.buffered_bytes.fetch_sub(counted, Ordering::Relaxed);
    }

    /// Closes the peer. If the game has taken it, the end must still be reported.
    pub(super) fn close(&self, status: Status, was_taken: bool) {
        self.update(|inbox| {
            inbox.status = status;
            inbox.is_close_unreported = was_taken && !inbox.is_abandoned;
            if inbox.is_close_unreported {
                self.endpoint.unreported_closes.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Marks the status and packets as delivered to the game.
    pub(super) fn mark_delivered(&self, inbox: &mut PeerInbox) {
        self.update_total(inbox);
        if std::mem::take(&mut inbox.is_close_unreported) {
            self.endpoint.unreported_closes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Marks the peer as dropped by the game.
    pub(super) fn abandon(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.is_abandoned = true;
        self.mark_delivered(&mut inbox);
    }

    /// Changes the inbox.
    pub(super) fn update(&self, change: impl FnOnce(&mut PeerInbox)) {
        change(&mut lock(&self.inbox));
        self.is_dirty.store(true, Ordering::Release);
    }
}

impl Drop for PeerShared {
    /// Packets that the game has never taken no longer count.
    fn drop(&mut self) {
        let mut inbox = lock(&self.inbox);
        inbox.queue = PacketQueue::new(0);
        self.update_total(&mut inbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffered_bytes_of_all_peers_are_limited_and_each_peer_has_a_share() {
        let limits = Limits {
            max_peers: 100,
            max_buffered_bytes: 1 << 20,
            max_total_buffered_bytes: 4 << 20,
            ..Limits::default()
        };
        let endpoint = Arc::new(Endpoint::default());
        let remote = SocketAddr::from(([127, 0, 0, 1], 7));
        let peer = || PeerShared::new(&endpoint, remote, limits.max_buffered_bytes);
        let waits = |peer: &PeerShared| lock(&peer.inbox).queue.buffered_bytes();
        let mut peers: Vec<_> = (0..100).map(|_| peer()).collect();
        for peer in &peers {
            for _ in 0..2000 {
                peer.push_packet(&[7; 1000], &limits);
            }
        }
        let max_total = endpoint.buffered_bytes.load(Ordering::Relaxed);
        assert_eq!(max_total, peers.iter().map(waits).sum::<usize>());
        assert!(max_total <= limits.max_total_buffered_bytes + 2000, "{max_total}");
        assert!(waits(&peers[0]) > (1 << 20) - 2000, "the first peer may fill its own limit");
        let share = limits.max_total_buffered_bytes / 2 / 100;
        assert!(peers.iter().all(|peer| waits(peer) > share - 2000), "each peer has a share");
        // A closed peer counts until the game has read its packets.
        peers[0].close(Status::Disconnected(String::new()), true);
        assert_eq!(endpoint.buffered_bytes.load(Ordering::Relaxed), max_total);
        peers.truncate(1);
        let rest = waits(&peers[0]);
        assert_eq!(endpoint.buffered_bytes.load(Ordering::Relaxed), rest);
        assert_eq!(endpoint.unreported_closes.load(Ordering::Relaxed), 1);
        peers[0].abandon();
        assert_eq!(endpoint.unreported_closes.load(Ordering::Relaxed), 0);
        peers.clear();
        assert_eq!(endpoint.buffered_bytes.load(Ordering::Relaxed), 0);
    }
}

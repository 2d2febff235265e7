//! What the game's thread and the I/O thread share of an endpoint and its peers.

use super::inbox::{Inbox, Status};
use super::{LONGEST_PACKET, Limits};
use crate::reactor::{DriverWaker, lock};
use crate::stats::Counters;
use rustls_pki_types::CertificateDer;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// What the game asks of the I/O thread, in its order.
#[derive(Debug)]
pub(super) enum Command {
    Send {
        id: u32,
        packet: Vec<u8>,
    },
    Close {
        id: u32,
    },
    /// The name of the host that is to be connected to has been looked up.
    Resolved(Result<Vec<SocketAddr>, String>),
    SetRefusing(bool),
}

/// One endpoint, as both threads know it.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    commands: Mutex<Vec<Command>>,
    pub(super) waker: OnceLock<DriverWaker>,
    /// The I/O thread is going to look at the commands by itself.
    pub(super) gathering: AtomicBool,
    /// Clients that are connected and were not taken yet.
    pub(super) accepted: Mutex<VecDeque<Arc<PeerShared>>>,
    ids: AtomicU32,
    /// How many peers have ended of which the game was not told yet. They keep their places: so what waits for the game has a
    /// limit, however many come and go while it does not look.
    pub(super) lingering: AtomicUsize,
    /// How many bytes wait for the game, of all peers.
    waiting: AtomicUsize,
    pub(super) counters: Counters,
}

impl Endpoint {
    /// Queues a command, which is obeyed soon. The queue is bounded by its users: packets by what may wait of each peer.
    pub(super) fn command(&self, command: Command) {
        lock(&self.commands).push(command);
        // Whoever gathers lowers the flag before it takes the commands, so that either it finds this one, or we wake it.
        if !self.gathering.load(Ordering::SeqCst)
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }

    pub(super) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *lock(&self.commands))
    }
}

/// One peer, as both threads know it.
#[derive(Debug)]
pub(super) struct PeerShared {
    pub(super) id: u32,
    pub(super) endpoint: Arc<Endpoint>,
    /// There is something in the mailbox.
    pub(super) has_news: AtomicBool,
    pub(super) mailbox: Mutex<Mailbox>,
    /// What waits for the network, in bytes.
    pub(super) outgoing: AtomicUsize,
    /// How many bytes a packet may have.
    pub(super) longest: AtomicUsize,
}

/// What the I/O thread has for the game.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) inbox: Inbox,
    pub(super) status: Status,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) remote: SocketAddr,
    /// How much of what waits for the game is this peer's, as the endpoint counts it.
    counted: usize,
    /// It has ended, and the game was not told yet.
    lingers: bool,
    /// The game has let go of it, and is told nothing more.
    is_left: bool,
}

impl PeerShared {
    pub(super) fn new(endpoint: &Arc<Endpoint>, remote: SocketAddr, limit: usize) -> Self {
        Self {
            id: endpoint.ids.fetch_add(1, Ordering::Relaxed),
            endpoint: Arc::clone(endpoint),
            has_news: AtomicBool::new(false),
            mailbox: Mutex::new(Mailbox {
                inbox: Inbox::new(limit),
                status: Status::Handshaking,
                certificates: Vec::new(),
                remote,
                counted: 0,
                lingers: false,
                is_left: false,
            }),
            outgoing: AtomicUsize::new(0),
            longest: AtomicUsize::new(LONGEST_PACKET),
        }
    }

    /// Puts a packet into the mailbox, if there is room: half of what may wait in all is for whoever comes first, the other half
    /// in equal shares for all peers that there may be.
    pub(super) fn put(&self, packet: &[u8], limits: &Limits) {
        let half = limits.waiting_in_all / 2;
        self.tell(|mailbox| {
            let is_scarce = self.endpoint.waiting.load(Ordering::Relaxed) > half;
            let limit = if is_scarce { half / limits.peers.max(1) } else { usize::MAX };
            mailbox.inbox.push_within(packet, limit);
            self.count(mailbox);
        });
    }

    /// Counts again what waits of this peer.
    pub(super) fn count(&self, mailbox: &mut Mailbox) {
        let waits = mailbox.inbox.waiting() + mailbox.inbox.elsewhere;
        let counted = std::mem::replace(&mut mailbox.counted, waits);
        self.endpoint.waiting.fetch_add(waits, Ordering::Relaxed);
        self.endpoint.waiting.fetch_sub(counted, Ordering::Relaxed);
    }

    /// It has ended. With `lingers` the game has it, and is to be told.
    pub(super) fn end(&self, status: Status, lingers: bool) {
        self.tell(|mailbox| {
            mailbox.status = status;
            mailbox.lingers = lingers && !mailbox.is_left;
            if mailbox.lingers {
                self.endpoint.lingering.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// The game is told what there is, and has read what it has.
    pub(super) fn told(&self, mailbox: &mut Mailbox) {
        self.count(mailbox);
        if std::mem::take(&mut mailbox.lingers) {
            self.endpoint.lingering.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The game lets go of it.
    pub(super) fn leave(&self) {
        let mut mailbox = lock(&self.mailbox);
        mailbox.is_left = true;
        self.told(&mut mailbox);
    }

    /// Puts something into the mailbox.
    pub(super) fn tell(&self, news: impl FnOnce(&mut Mailbox)) {
        news(&mut lock(&self.mailbox));
        self.has_news.store(true, Ordering::Release);
    }
}

impl Drop for PeerShared {
    /// What the game has never taken does not count any longer.
    fn drop(&mut self) {
        let mut mailbox = lock(&self.mailbox);
        mailbox.inbox = Inbox::new(0);
        self.count(&mut mailbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_of_all_peers_is_limited_and_everybody_has_a_share() {
        let limits =
            Limits { peers: 100, waiting: 1 << 20, waiting_in_all: 4 << 20, ..Limits::default() };
        let endpoint = Arc::new(Endpoint::default());
        let remote = SocketAddr::from(([127, 0, 0, 1], 7));
        let peer = || PeerShared::new(&endpoint, remote, limits.waiting);
        let waits = |peer: &PeerShared| lock(&peer.mailbox).inbox.waiting();
        let mut peers: Vec<_> = (0..100).map(|_| peer()).collect();
        for peer in &peers {
            for _ in 0..2000 {
                peer.put(&[7; 1000], &limits);
            }
        }
        let in_all = endpoint.waiting.load(Ordering::Relaxed);
        assert_eq!(in_all, peers.iter().map(waits).sum::<usize>());
        assert!(in_all <= limits.waiting_in_all + 2000, "{in_all}");
        assert!(waits(&peers[0]) > (1 << 20) - 2000, "who comes first may have all that it may");
        let share = limits.waiting_in_all / 2 / 100;
        assert!(peers.iter().all(|peer| waits(peer) > share - 2000), "and everybody has a share");
        // A peer that has ended counts until the game has it.
        peers[0].end(Status::Disconnected(String::new()), true);
        assert_eq!(endpoint.waiting.load(Ordering::Relaxed), in_all);
        peers.truncate(1);
        let rest = waits(&peers[0]);
        assert_eq!(endpoint.waiting.load(Ordering::Relaxed), rest);
        assert_eq!(endpoint.lingering.load(Ordering::Relaxed), 1);
        peers[0].leave();
        assert_eq!(endpoint.lingering.load(Ordering::Relaxed), 0);
        peers.clear();
        assert_eq!(endpoint.waiting.load(Ordering::Relaxed), 0);
    }
}

//! What the game's thread and the I/O thread share of an endpoint and its peers.

use super::LONGEST_PACKET;
use super::inbox::{Inbox, Status};
use crate::figures::Traffic;
use crate::reactor::{DriverWaker, lock};
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
    pub(super) traffic: Traffic,
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
                lingers: false,
                is_left: false,
            }),
            outgoing: AtomicUsize::new(0),
            longest: AtomicUsize::new(LONGEST_PACKET),
        }
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

    /// The game is told what there is.
    pub(super) fn told(&self, mailbox: &mut Mailbox) {
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

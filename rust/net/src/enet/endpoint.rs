//! What the game's thread and the I/O thread share of a connection's host.

use super::inbox::Inbox;
use super::peer_shared::PeerShared;
use super::simulator::Simulation;
use crate::dtls::{ClientSetup, ServerSetup};
use crate::reactor::{DriverWaker, lock};
use lodewire_enet::{Compression, Delivery, HostStatistics};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What the game asks of the I/O thread, in its order. Peers are meant by their ids.
#[derive(Debug)]
pub(super) enum Command {
    /// Read from the socket from now on.
    StartReading,
    Connect(Box<Connect>),
    /// The name of a host that is to be connected to has been looked up.
    Resolved {
        id: u32,
        addresses: Result<Vec<SocketAddr>, String>,
    },
    Send {
        id: u32,
        channel: u8,
        delivery: Delivery,
        data: Arc<[u8]>,
    },
    /// The same packet to many.
    Broadcast {
        ids: Vec<u32>,
        channel: u8,
        delivery: Delivery,
        data: Arc<[u8]>,
    },
    Disconnect {
        id: u32,
        how: Disconnect,
        data: u32,
    },
    /// Forget a peer without a word.
    Reset {
        id: u32,
    },
    /// The game was told of the end of a connection: its place is free.
    Release {
        id: u32,
    },
    Ping {
        id: u32,
    },
    SetPingInterval {
        id: u32,
        millis: u32,
    },
    SetTimeout {
        id: u32,
        limit: u32,
        minimum: u32,
        maximum: u32,
    },
    ConfigureThrottle {
        id: u32,
        interval: u32,
        acceleration: u32,
        deceleration: u32,
    },
    SetBandwidth {
        incoming: u32,
        outgoing: u32,
    },
    SetChannelLimit(usize),
    SetCompression(Compression),
    SetRefusing(bool),
    /// Speak DTLS from now on, as a server.
    SecureServer(ServerSetup),
    /// The same as a client.
    SecureClient(ClientSetup),
    SetMtu(usize),
    SetWaitingLimit(usize),
    Simulate(Simulation),
    /// A datagram that is none of ENet's.
    SendRaw {
        to: SocketAddr,
        data: Vec<u8>,
    },
    /// Send what waits, then tell.
    Flush(Arc<Flushed>),
}

/// A connection that the game asks for.
#[derive(Debug)]
pub(super) struct Connect {
    pub(super) shared: Arc<PeerShared>,
    /// Where to; none while the name is looked up.
    pub(super) address: Option<SocketAddr>,
    pub(super) channels: usize,
    pub(super) data: u32,
    /// How long it may take, if not as long as the protocol tries.
    pub(super) timeout: Option<Duration>,
}

/// How a peer is disconnected: ENet's three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disconnect {
    Asked,
    Later,
    Now,
}

/// How a flush went.
#[derive(Debug, Default)]
pub(super) struct Flushed {
    /// Whether the system has what waited, when that is known.
    done: Mutex<Option<bool>>,
    changed: Condvar,
}

impl Flushed {
    pub(super) fn set(&self, done: bool) {
        lock(&self.done).get_or_insert(done);
        self.changed.notify_all();
    }

    /// Waits until it is known how it went, at most for `time`. Returns whether the system has what waited.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let done = lock(&self.done);
        let unknown = |done: &mut Option<bool>| done.is_none();
        let waited = self.changed.wait_timeout_while(done, time, unknown);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == Some(true)
    }
}

/// What the game has asked for.
#[derive(Debug, Default)]
struct Commands {
    queue: Vec<Command>,
    /// The driver has ended: nobody takes them.
    closed: bool,
}

/// One host, as both threads know it.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    commands: Mutex<Commands>,
    pub(super) inbox: Mutex<Inbox>,
    /// Something has come for a game that [waits](Inbox::waited_for).
    pub(super) arrived: Condvar,
    pub(super) waker: OnceLock<DriverWaker>,
    /// The I/O thread is going to look at the commands by itself, within the time that sends are gathered.
    pub(super) gathering: AtomicBool,
    /// Send what waits at the next wake.
    pub(super) urgent: AtomicBool,
    /// How often the commands were taken.
    pub(super) taken: AtomicU64,
    /// How long sends are gathered, in microseconds.
    pub(super) gather: AtomicU32,
    /// How many bytes may wait for the network, per peer.
    pub(super) outgoing_limit: AtomicU64,
    ids: AtomicU32,
    counters: [AtomicU64; 4],
    /// Connections that are coming about, those that this host asks for left out.
    pub(super) handshakes: AtomicUsize,
}

impl Endpoint {
    /// A number that no other peer of this host has or had.
    pub(super) fn next_id(&self) -> u32 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Queues a command, which is obeyed soon.
    ///
    /// The queue is bounded by its users: packets by [`outgoing_limit`](Self::outgoing_limit) of each peer, the others by
    /// one of a kind per call of the script, which the I/O thread serves faster than a script can call.
    pub(super) fn command(&self, command: Command) {
        self.push(command);
        self.wake();
    }

    fn push(&self, command: Command) {
        let mut commands = lock(&self.commands);
        if !commands.closed {
            commands.queue.push(command);
        } else if let Command::Flush(flushed) = command {
            flushed.set(false);
        }
    }

    /// Queues a packet, which is sent with others that come within the time that sends are gathered. The I/O thread is
    /// woken, unless it is about to look by itself.
    pub(super) fn send(&self, command: Command) {
        self.push(command);
        // Whoever gathers lowers the flag before it takes the commands, so that either it finds this one, or we wake it.
        if !self.gathering.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Has what waits sent at once.
    pub(super) fn hurry(&self) {
        self.urgent.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// Takes the commands, on the I/O thread.
    pub(super) fn take_commands(&self) -> Vec<Command> {
        self.taken.fetch_add(1, Ordering::Relaxed);
        std::mem::take(&mut lock(&self.commands).queue)
    }

    /// The driver has ended: nobody waits for it any more.
    pub(super) fn close(&self) {
        let queue = {
            let mut commands = lock(&self.commands);
            commands.closed = true;
            std::mem::take(&mut commands.queue)
        };
        for command in queue {
            if let Command::Flush(flushed) = command {
                flushed.set(false);
            }
        }
        lock(&self.inbox).closed = true;
        self.arrived.notify_all();
    }

    /// Whether the driver has ended.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.commands).closed
    }

    /// Forgets what was not told: the driver has ended.
    pub(super) fn clear(&self) {
        let forgotten = std::mem::take(&mut *lock(&self.inbox));
        drop(forgotten);
    }

    /// Tells the game's thread what the host counts.
    pub(super) fn publish(&self, statistics: &HostStatistics) {
        let HostStatistics { sent_data, sent_packets, received_data, received_packets } =
            *statistics;
        let values = [sent_data, sent_packets, received_data, received_packets];
        for (counter, value) in self.counters.iter().zip(values) {
            counter.store(value, Ordering::Relaxed);
        }
    }

    /// A counter, in the order of Godot's `HostStatistic`.
    pub(super) fn counter(&self, index: usize) -> u64 {
        self.counters.get(index).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Waits until something has come or the driver has ended, at most until `end`. Returns whether something has come.
    pub(super) fn wait(&self, end: Instant) -> bool {
        let mut inbox = lock(&self.inbox);
        inbox.waited_for = true;
        while inbox.is_empty() && !inbox.closed {
            let patience = end.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                break;
            }
            let waited = self.arrived.wait_timeout(inbox, patience);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inbox.waited_for = false;
        !inbox.is_empty()
    }
}

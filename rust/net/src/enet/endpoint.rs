//! The state of a host that the game's thread and the I/O thread share.

use super::inbox::Inbox;
use super::peer_shared::PeerShared;
use super::simulator::Simulation;
use crate::dtls::{ClientConfig, ServerConfig};
use crate::reactor::{DriverWaker, lock};
use lodewire_enet::{Compression, Delivery, HostStatistics};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The game's commands to the I/O thread, in order. Peers are identified by id.
#[derive(Debug)]
pub(super) enum Command {
    /// Start reading from the socket.
    StartReading,
    Connect(Box<Connect>),
    /// The result of a name lookup.
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
    /// A packet to several peers.
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
    /// Drop a peer silently.
    Reset {
        id: u32,
    },
    /// The game was notified of the end of a connection: its slot is free.
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
    /// Enable DTLS as a server.
    SecureServer(ServerConfig),
    /// Enable DTLS as a client.
    SecureClient(ClientConfig),
    SetMtu(usize),
    SetWaitingLimit(usize),
    Simulate(Simulation),
    /// A datagram outside of ENet.
    SendRaw {
        to: SocketAddr,
        data: Vec<u8>,
    },
    /// Send queued packets, then signal.
    Flush(Arc<FlushSignal>),
}

/// An outgoing connection.
#[derive(Debug)]
pub(super) struct Connect {
    pub(super) shared: Arc<PeerShared>,
    /// The address; none while the name is looked up.
    pub(super) address: Option<SocketAddr>,
    pub(super) channels: usize,
    pub(super) data: u32,
    /// The timeout, if shorter than the protocol's.
    pub(super) timeout: Option<Duration>,
}

/// The way to disconnect: ENet's `disconnect`, `disconnect_later` and `disconnect_now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disconnect {
    Graceful,
    Later,
    Now,
}

/// A one-shot signal for the result of a flush.
#[derive(Debug, Default)]
pub(super) struct FlushSignal {
    /// The result, once known: whether the system has all packets.
    done: Mutex<Option<bool>>,
    changed: Condvar,
}

impl FlushSignal {
    pub(super) fn set(&self, done: bool) {
        lock(&self.done).get_or_insert(done);
        self.changed.notify_all();
    }

    /// Waits for the result, at most for `time`. Returns true if the system has all packets.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let done = lock(&self.done);
        let unknown = |done: &mut Option<bool>| done.is_none();
        let waited = self.changed.wait_timeout_while(done, time, unknown);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == Some(true)
    }
}

/// The queue of commands.
#[derive(Debug, Default)]
struct Commands {
    queue: Vec<Command>,
    /// The driver has ended and takes no more commands.
    is_closed: bool,
}

/// The shared state of a host.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    commands: Mutex<Commands>,
    pub(super) inbox: Mutex<Inbox>,
    /// Signals an arrival to a game that [waits](Inbox::is_waited_for).
    pub(super) arrived: Condvar,
    pub(super) waker: OnceLock<DriverWaker>,
    /// The I/O thread is gathering packets, and will take the commands without being woken.
    pub(super) gathering: AtomicBool,
    /// Send queued packets at the next wake-up.
    pub(super) urgent: AtomicBool,
    /// The number of times that the commands were taken.
    pub(super) times_taken: AtomicU64,
    /// Maximum time for which packets are gathered, in microseconds.
    pub(super) flush_interval: AtomicU32,
    /// Maximum number of outgoing bytes per peer.
    pub(super) max_outgoing_bytes: AtomicU64,
    ids: AtomicU32,
    counters: [AtomicU64; 4],
    /// Incoming connections that are not established yet.
    pub(super) handshakes: AtomicUsize,
}

impl Endpoint {
    /// Returns an id that no other peer of this host has or had.
    pub(super) fn next_id(&self) -> u32 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Queues a command, and wakes the I/O thread.
    ///
    /// The queue is bounded by its users: packets by the [`max_outgoing_bytes`](Self::max_outgoing_bytes) of each peer, other
    /// commands by one per call of the script, which the I/O thread handles faster than a script can call.
    pub(super) fn command(&self, command: Command) {
        self.push(command);
        self.wake();
    }

    fn push(&self, command: Command) {
        let mut commands = lock(&self.commands);
        if !commands.is_closed {
            commands.queue.push(command);
        } else if let Command::Flush(flushed) = command {
            flushed.set(false);
        }
    }

    /// Queues a packet to be sent with others of the same gathering period. The I/O thread is woken unless it is
    /// gathering.
    pub(super) fn send(&self, command: Command) {
        self.push(command);
        // The I/O thread clears the flag before it takes the commands, so either it sees this one, or it is woken.
        if !self.gathering.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Wakes the I/O thread to send queued packets at once.
    pub(super) fn flush_now(&self) {
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
        self.times_taken.fetch_add(1, Ordering::Relaxed);
        std::mem::take(&mut lock(&self.commands).queue)
    }

    /// Ends the endpoint after its driver: nothing waits for it any more.
    pub(super) fn close(&self) {
        let queue = {
            let mut commands = lock(&self.commands);
            commands.is_closed = true;
            std::mem::take(&mut commands.queue)
        };
        for command in queue {
            if let Command::Flush(flushed) = command {
                flushed.set(false);
            }
        }
        lock(&self.inbox).is_closed = true;
        self.arrived.notify_all();
    }

    /// Returns true if the driver has ended.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.commands).is_closed
    }

    /// Drops undelivered events after the driver has ended.
    pub(super) fn clear(&self) {
        let forgotten = std::mem::take(&mut *lock(&self.inbox));
        drop(forgotten);
    }

    /// Publishes the host's counters to the game's thread.
    pub(super) fn publish(&self, statistics: &HostStatistics) {
        let values = [
            statistics.sent_data,
            statistics.sent_packets,
            statistics.received_data,
            statistics.received_packets,
        ];
        for (counter, value) in self.counters.iter().zip(values) {
            counter.store(value, Ordering::Relaxed);
        }
    }

    /// Returns a counter, in the order of Godot's `HostStatistic`.
    pub(super) fn counter(&self, index: usize) -> u64 {
        self.counters.get(index).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Waits for an arrival or the end of the driver, at most until `end`. Returns true if something has arrived.
    pub(super) fn wait(&self, end: Instant) -> bool {
        let mut inbox = lock(&self.inbox);
        inbox.is_waited_for = true;
        while inbox.is_empty() && !inbox.is_closed {
            let timeout = end.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                break;
            }
            let waited = self.arrived.wait_timeout(inbox, timeout);
            inbox = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inbox.is_waited_for = false;
        !inbox.is_empty()
    }
}

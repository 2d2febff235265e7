//! The loop of the I/O thread.

use super::driver::{Context, Driver, Readiness, split};
use super::ready::Ready;
use super::{DriverShared, SignalOnDrop, lock};
use crate::deadlines::Deadlines;
use mio::{Events, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The token of the waker, larger than that of any driver's slot.
const WAKER: Token = Token(usize::MAX);

/// Maximum number of events taken from the system at once.
const MAX_EVENTS: usize = 1024;

/// Size of the buffer that all connections read into, in bytes.
const READ_BUFFER: usize = 64 * 1024;

/// Size of the buffer for datagrams, in bytes: sixteen GRO batches. The system commits its memory where it is used.
const DATAGRAM_BUFFER: usize = 16 * 64 * 1024;

/// Duration of the sleep when a driver [allows](Context::coalesce) it: a fraction of a network's round trip.
const COALESCE_DELAY: Duration = Duration::from_micros(200);

/// The time slice of one call of a driver, and of one driver in a turn. A driver that reads on checks
/// [`Context::is_spent`] between two units of work.
const TIME_SLICE: Duration = Duration::from_micros(500);

/// Maximum time for which drivers are served before the game's requests, timers and new events.
const MAX_TURN: Duration = Duration::from_millis(4);

/// The thread coalesces only if its last two turns began within this interval, so that a single event is not delayed.
const BUSY_INTERVAL: Duration = Duration::from_millis(1);

/// A request to the I/O thread.
pub(super) enum Request {
    Add { slot: usize, driver: Box<dyn Driver>, shared: Arc<DriverShared> },
    Wake { slot: usize },
    Remove { slot: usize, done: SignalOnDrop },
}

/// The request queue of the I/O thread.
#[derive(Debug)]
pub(super) struct Inbox {
    requests: Mutex<Requests>,
    waker: Waker,
    /// Ends a coalescing sleep.
    wake_signal: Condvar,
}

#[derive(Default)]
struct Requests {
    queue: Vec<Request>,
    closed: bool,
    /// The thread sleeps on `wake_signal`, not in the system's poll.
    coalescing: bool,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests", self.queue.len())
    }
}

impl Inbox {
    /// Queues a request, and wakes the thread if the queue was empty (otherwise it has been woken already). Returns
    /// false if the thread has ended. The length of the queue is bounded: a driver has at most one wake in it.
    pub(super) fn push(&self, request: Request) -> bool {
        let mut requests = lock(&self.requests);
        if requests.closed {
            return false;
        }
        requests.queue.push(request);
        if requests.queue.len() == 1 {
            self.wake(&requests);
        }
        true
    }

    /// Closes the queue: the thread ends after the requests that are queued.
    pub(super) fn close(&self) {
        let mut requests = lock(&self.requests);
        requests.closed = true;
        self.wake(&requests);
    }

    fn wake(&self, requests: &Requests) {
        if requests.coalescing {
            self.wake_signal.notify_one();
        } else {
            // Fails only if the system is out of memory; the request is then served with the next event.
            let _ = self.waker.wake();
        }
    }

    /// Sleeps for `time`, or until a request is queued. Returns true if one is.
    fn coalesce(&self, time: Duration) -> bool {
        let mut requests = lock(&self.requests);
        requests.coalescing = true;
        let idle = |requests: &mut Requests| requests.queue.is_empty() && !requests.closed;
        let waited = self.wake_signal.wait_timeout_while(requests, time, idle);
        requests = waited.unwrap_or_else(PoisonError::into_inner).0;
        requests.coalescing = false;
        !idle(&mut requests)
    }

    /// Closes the queue of a thread that has ended, and releases the threads that wait for a request.
    fn detach(&self) {
        let mut requests = lock(&self.requests);
        requests.closed = true;
        requests.queue.clear();
    }

    /// Returns true if the thread has ended or is about to end.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.requests).closed
    }
}

/// Starts the I/O thread.
pub(super) fn start() -> io::Result<(Arc<Inbox>, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let inbox = Arc::new(Inbox { requests: Mutex::default(), waker, wake_signal: Condvar::new() });
    // A server needs a descriptor for each connection. The soft limit, often 1024, exists for programs that use
    // select(2); the hard limit is the administrator's. If it cannot be raised, accepting pauses at the limit.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    grow_descriptor_table();
    let io_thread = IoThread {
        poll,
        inbox: Arc::clone(&inbox),
        slots: Vec::new(),
        deadlines: Deadlines::new(),
        run_queue: VecDeque::new(),
        closing: VecDeque::new(),
        buffer: vec![0; READ_BUFFER].into_boxed_slice(),
        datagrams: vec![0; DATAGRAM_BUFFER].into_boxed_slice(),
        now: Instant::now(),
        may_coalesce: false,
    };
    let detached = Arc::clone(&inbox);
    let run = move || {
        // The loop catches the panics of drivers; after one of its own, waiting threads must still be released.
        let _ = catch_unwind(AssertUnwindSafe(|| io_thread.run()));
        detached.detach();
    };
    let thread = thread::Builder::new().name("lodewire-io".to_owned()).spawn(run)?;
    Ok((inbox, thread))
}

/// Grows the descriptor table in advance. Linux doubles the table when it is full, and in a process with threads each
/// time waits for an RCU grace period: 10 to 20 ms, in the middle of a burst of connections.
#[cfg(target_os = "linux")]
fn grow_descriptor_table() {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::unistd::close;
    const DESCRIPTORS: i32 = 4096;
    // Fails if the limit is lower; the table then grows on demand.
    if let Ok(high) = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(DESCRIPTORS - 1)) {
        let _ = close(high);
    }
}

#[cfg(not(target_os = "linux"))]
fn grow_descriptor_table() {}

struct Slot {
    driver: Box<dyn Driver>,
    shared: Arc<DriverShared>,
    /// The deadline that the driver returned last.
    deadline: Option<Instant>,
    ready: Ready,
    /// The slot is in the run queue.
    is_queued: bool,
}

impl Slot {
    fn new(driver: Box<dyn Driver>, shared: Arc<DriverShared>) -> Self {
        Self { driver, shared, deadline: None, ready: Ready::default(), is_queued: false }
    }
}

struct IoThread {
    poll: Poll,
    inbox: Arc<Inbox>,
    slots: Vec<Option<Slot>>,
    deadlines: Deadlines<usize>,
    /// The slots of the drivers with sources to serve.
    run_queue: VecDeque<usize>,
    /// The slots of the drivers that shut down, with the signal that reports the end.
    closing: VecDeque<(usize, SignalOnDrop)>,
    buffer: Box<[u8]>,
    datagrams: Box<[u8]>,
    now: Instant,
    /// A driver has allowed coalescing in this turn.
    may_coalesce: bool,
}

impl IoThread {
    fn run(mut self) {
        let mut events = Events::with_capacity(MAX_EVENTS);
        let mut has_request = false;
        loop {
            let timeout = if has_request { Some(Duration::ZERO) } else { self.poll_timeout() };
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                self.fail_all(&format!("the system's event queue failed: {error}"));
                return;
            }
            let last_turn = std::mem::replace(&mut self.now, Instant::now());
            for event in &events {
                if event.token() != WAKER {
                    let read_closed = event.is_read_closed() || event.is_error();
                    let readiness = Readiness {
                        readable: event.is_readable() || read_closed,
                        read_closed,
                        writable: event.is_writable(),
                    };
                    self.signal(event.token(), readiness);
                }
            }
            self.serve_sources();
            if self.serve_requests().is_break() {
                return;
            }
            self.serve_timers();
            let may_coalesce = std::mem::take(&mut self.may_coalesce);
            has_request = may_coalesce && self.now - last_turn < BUSY_INTERVAL && self.coalesce();
        }
    }

    /// Sleeps so that more datagrams arrive and one system call reads them all. Returns true if a request ended the
    /// sleep. Has no effect on Windows, which sleeps in milliseconds and reads one datagram per call.
    fn coalesce(&self) -> bool {
        if cfg!(windows) {
            return false;
        }
        let time =
            self.poll_timeout().map_or(COALESCE_DELAY, |timeout| timeout.min(COALESCE_DELAY));
        !time.is_zero() && self.inbox.coalesce(time)
    }

    /// Returns how long the thread may sleep.
    fn poll_timeout(&self) -> Option<Duration> {
        if !self.run_queue.is_empty() || !self.closing.is_empty() {
            return Some(Duration::ZERO);
        }
        self.deadlines.next().map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn slot(&mut self, slot: usize) -> Option<&mut Slot> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Adds readiness reported by the system.
    fn signal(&mut self, token: Token, readiness: Readiness) {
        let (slot, key) = split(token);
        if let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            entry.ready.signal(key, readiness);
            if !std::mem::replace(&mut entry.is_queued, true) {
                self.run_queue.push_back(slot);
            }
        }
    }

    /// Serves each driver in the run queue once, until the turn's time is over: the others come first in the next turn.
    fn serve_sources(&mut self) {
        for _ in 0..self.run_queue.len() {
            let Some(slot) = self.run_queue.pop_front() else { return };
            self.serve_slot(slot);
            if let Some(entry) = self.slot(slot) {
                entry.is_queued = !entry.ready.is_empty();
                if entry.is_queued {
                    self.run_queue.push_back(slot);
                }
            }
            if self.now.elapsed() >= MAX_TURN {
                return;
            }
        }
    }

    /// Serves sources of a driver, each at most once: first those that the system has reported, within the driver's
    /// time slice, then at least one that was served before and has more to do. A peer that sends much waits for those
    /// that send little, but never starves.
    fn serve_slot(&mut self, slot: usize) {
        let end = Instant::now() + TIME_SLICE;
        let (signalled, rescheduled) = self.slot(slot).map_or((0, 0), |slot| slot.ready.lengths());
        for _ in 0..signalled {
            self.serve_source(slot, Ready::next_signalled);
            if Instant::now() >= end {
                break;
            }
        }
        for _ in 0..rescheduled {
            self.serve_source(slot, Ready::next_rescheduled);
            if Instant::now() >= end {
                break;
            }
        }
    }

    fn serve_source(
        &mut self,
        slot: usize,
        next: impl FnOnce(&mut Ready) -> Option<(usize, Readiness)>,
    ) {
        let source = self.slot(slot).and_then(|slot| next(&mut slot.ready));
        if let Some((key, readiness)) = source {
            self.call_driver(slot, |driver, cx| driver.on_ready(cx, key, readiness));
        }
    }

    /// Calls each driver whose deadline has passed, once.
    fn serve_timers(&mut self) {
        let mut due = Vec::new();
        while let Some((at, slot)) = self.deadlines.pop_due(self.now) {
            if let Some(entry) = self.slot(slot).filter(|slot| slot.deadline == Some(at)) {
                // The entry is no longer in the heap, so the same deadline must be added again.
                entry.deadline = None;
                due.push(slot);
            }
        }
        for slot in due {
            self.call_driver(slot, |driver, cx| driver.on_timeout(cx));
        }
    }

    /// Serves the queued requests; breaks if the thread must end.
    fn serve_requests(&mut self) -> std::ops::ControlFlow<()> {
        let (queue, closed) = {
            let mut requests = lock(&self.inbox.requests);
            (std::mem::take(&mut requests.queue), requests.closed)
        };
        for request in queue {
            match request {
                Request::Add { slot, driver, shared } => {
                    if slot >= self.slots.len() {
                        self.slots.resize_with(slot + 1, || None);
                    }
                    self.slots[slot] = Some(Slot::new(driver, shared));
                    self.call_driver(slot, |driver, cx| driver.on_wake(cx));
                }
                Request::Wake { slot } => {
                    if let Some(entry) = self.slot(slot) {
                        // Before the driver reads its queues: anything queued later wakes it again.
                        entry.shared.wake_queued.store(false, Ordering::Release);
                        self.call_driver(slot, |driver, cx| driver.on_wake(cx));
                    }
                }
                Request::Remove { slot, done } => self.closing.push_back((slot, done)),
            }
        }
        for _ in 0..self.closing.len() {
            let Some((slot, done)) = self.closing.pop_front() else { break };
            if self.close(slot) {
                self.remove(slot);
            } else {
                self.closing.push_back((slot, done));
            }
        }
        if !closed {
            return std::ops::ControlFlow::Continue(());
        }
        for slot in 0..self.slots.len() {
            while !self.close(slot) {}
            self.remove(slot);
        }
        std::ops::ControlFlow::Break(())
    }

    /// Lets a driver shut down. Returns true if it is done.
    fn close(&mut self, slot: usize) -> bool {
        // Also if it panics, or has been removed.
        let mut is_done = true;
        self.call_driver(slot, |driver, cx| is_done = driver.close(cx));
        is_done
    }

    /// Drops a driver and its queue entry, so that the next one can use its slot.
    fn remove(&mut self, slot: usize) {
        self.run_queue.retain(|queued| *queued != slot);
        if let Some(entry) = self.slots.get_mut(slot) {
            drop_quietly(entry.take());
        }
    }

    /// Calls a driver. A panic removes that driver only.
    fn call_driver(&mut self, slot: usize, work: impl FnOnce(&mut dyn Driver, &mut Context<'_>)) {
        let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let mut cx = Context {
            now: self.now,
            buffer: &mut self.buffer,
            datagrams: &mut self.datagrams,
            registry: self.poll.registry(),
            slot,
            ready: &mut entry.ready,
            end: Instant::now() + TIME_SLICE,
            may_coalesce: &mut self.may_coalesce,
        };
        let driver = entry.driver.as_mut();
        let result = catch_unwind(AssertUnwindSafe(|| {
            work(driver, &mut cx);
            driver.deadline()
        }));
        match result {
            Ok(deadline) => {
                if deadline != entry.deadline {
                    entry.deadline = deadline;
                    if let Some(at) = deadline {
                        self.deadlines.set(at, slot);
                    }
                }
                if !entry.is_queued && !entry.ready.is_empty() {
                    entry.is_queued = true;
                    self.run_queue.push_back(slot);
                }
            }
            Err(panic) => {
                let _ = entry.shared.failure.set(panic_message(panic.as_ref()));
                self.remove(slot);
            }
        }
    }

    fn fail_all(&mut self, message: &str) {
        for entry in self.slots.iter_mut().filter_map(Option::take) {
            let _ = entry.shared.failure.set(message.to_owned());
            drop_quietly(Some(entry));
        }
    }
}

/// Drops a driver, and catches a panic in its drop.
fn drop_quietly(entry: Option<Slot>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(entry)));
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

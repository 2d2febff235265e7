//! The loop of the I/O thread.

use super::driver::{Context, Driver, Readiness, split};
use super::ready::Ready;
use super::{Link, Waiter, lock};
use crate::deadlines::Deadlines;
use mio::{Events, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The token of the waker: no driver's, since no slot reaches so far.
const WAKER: Token = Token(usize::MAX);

/// How many events are taken from the system at once.
const EVENTS: usize = 1024;

/// The size of the buffer that all connections read into, in bytes.
const BUFFER: usize = 64 * 1024;

/// The size of the buffer for datagrams, in bytes: sixteen series of them. The system gives its memory where it is used.
const DATAGRAMS: usize = 16 * 64 * 1024;

/// How long the thread rests when a driver [allows](Context::rest) it: a fraction of what a network adds to a round trip.
const REST: Duration = Duration::from_micros(200);

/// How long one call of a driver may work, and one driver in a turn, until the others are served. Whoever reads on looks at
/// [`Context::is_spent`] between two pieces of work.
const SHARE: Duration = Duration::from_micros(500);

/// How long drivers are served until requests of the game, timers and the system have their turn.
const TURN: Duration = Duration::from_millis(4);

/// It rests only when its last two turns began within this, so that nothing is late that comes alone.
const BUSY: Duration = Duration::from_millis(1);

/// What the rest of the process asks of the I/O thread.
pub(super) enum Request {
    Add { slot: usize, driver: Box<dyn Driver>, link: Arc<Link> },
    Wake { slot: usize },
    Remove { slot: usize, waiter: Waiter },
}

/// The queue into the I/O thread.
#[derive(Debug)]
pub(super) struct Inbox {
    requests: Mutex<Requests>,
    waker: Waker,
    /// Ends a rest.
    called: Condvar,
}

#[derive(Default)]
struct Requests {
    queue: Vec<Request>,
    closed: bool,
    /// The thread waits for `called`, and not for the system.
    resting: bool,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests", self.queue.len())
    }
}

impl Inbox {
    /// Queues a request, and wakes the thread if the queue was empty: else a wake is under way. Says whether the thread
    /// will see it. The queue's length is bounded by its users: a driver has at most one wake in it.
    pub(super) fn push(&self, request: Request) -> bool {
        let mut requests = lock(&self.requests);
        if requests.closed {
            return false;
        }
        requests.queue.push(request);
        if requests.queue.len() == 1 {
            self.call(&requests);
        }
        true
    }

    /// Takes no further requests, and ends the thread after those that are queued.
    pub(super) fn close(&self) {
        let mut requests = lock(&self.requests);
        requests.closed = true;
        self.call(&requests);
    }

    fn call(&self, requests: &Requests) {
        if requests.resting {
            self.called.notify_one();
        } else {
            // It fails only when the system is out of memory; the thread then serves the request with the next event.
            let _ = self.waker.wake();
        }
    }

    /// Waits for so long, or until there is a request. Says whether there is one.
    fn rest(&self, time: Duration) -> bool {
        let mut requests = lock(&self.requests);
        requests.resting = true;
        let idle = |requests: &mut Requests| requests.queue.is_empty() && !requests.closed;
        let waited = self.called.wait_timeout_while(requests, time, idle);
        requests = waited.unwrap_or_else(PoisonError::into_inner).0;
        requests.resting = false;
        !idle(&mut requests)
    }

    /// Lets go of whoever waits for a thread that has ended.
    fn abandon(&self) {
        let mut requests = lock(&self.requests);
        requests.closed = true;
        requests.queue.clear();
    }

    /// Returns whether the thread has ended, or is about to.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.requests).closed
    }
}

/// Starts the I/O thread.
pub(super) fn start() -> io::Result<(Arc<Inbox>, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let inbox = Arc::new(Inbox { requests: Mutex::default(), waker, called: Condvar::new() });
    // A server of thousands needs a descriptor for each. The soft limit, often 1024, exists for programs that use
    // select(2); the hard one is the administrator's word. If it cannot be raised, accepting pauses at the limit.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    grow_descriptor_table();
    let io_thread = IoThread {
        poll,
        inbox: Arc::clone(&inbox),
        slots: Vec::new(),
        deadlines: Deadlines::new(),
        ring: VecDeque::new(),
        closing: VecDeque::new(),
        buffer: vec![0; BUFFER].into_boxed_slice(),
        datagrams: vec![0; DATAGRAMS].into_boxed_slice(),
        now: Instant::now(),
        may_rest: false,
    };
    let abandoned = Arc::clone(&inbox);
    let run = move || {
        // The loop catches the panics of drivers; one of its own must still leave nobody waiting.
        let _ = catch_unwind(AssertUnwindSafe(|| io_thread.run()));
        abandoned.abandon();
    };
    let thread = thread::Builder::new().name("lodewire-io".to_owned()).spawn(run)?;
    Ok((inbox, thread))
}

/// Makes room for descriptors before they come. Linux doubles its table when it is full, and in a process with threads
/// waits each time until every core has let go of the old one: 10 to 20 ms, in the middle of a burst of players.
#[cfg(target_os = "linux")]
fn grow_descriptor_table() {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::unistd::close;
    const ROOM: i32 = 4096;
    // Where the limit is lower, it fails, and the table grows as it must.
    if let Ok(high) = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(ROOM - 1)) {
        let _ = close(high);
    }
}

#[cfg(not(target_os = "linux"))]
fn grow_descriptor_table() {}

struct Slot {
    driver: Box<dyn Driver>,
    link: Arc<Link>,
    /// The deadline that the driver told last.
    deadline: Option<Instant>,
    ready: Ready,
    /// It stands in the ring.
    is_listed: bool,
}

impl Slot {
    fn new(driver: Box<dyn Driver>, link: Arc<Link>) -> Self {
        Self { driver, link, deadline: None, ready: Ready::default(), is_listed: false }
    }
}

struct IoThread {
    poll: Poll,
    inbox: Arc<Inbox>,
    slots: Vec<Option<Slot>>,
    deadlines: Deadlines<usize>,
    /// The drivers with sources to serve, by their slots.
    ring: VecDeque<usize>,
    /// The drivers that are about to be dropped, with whoever waits for that.
    closing: VecDeque<(usize, Waiter)>,
    buffer: Box<[u8]>,
    datagrams: Box<[u8]>,
    now: Instant,
    /// A driver has asked for a rest in this turn.
    may_rest: bool,
}

impl IoThread {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut was_called = false;
        loop {
            let patience = if was_called { Some(Duration::ZERO) } else { self.patience() };
            if let Err(error) = self.poll.poll(&mut events, patience) {
                if error.kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                self.fail_all(&format!("the system's event queue failed: {error}"));
                return;
            }
            let last_turn = std::mem::replace(&mut self.now, Instant::now());
            for event in &events {
                if event.token() != WAKER {
                    let ended = event.is_read_closed() || event.is_error();
                    let readiness = Readiness {
                        readable: event.is_readable() || ended,
                        ended,
                        writable: event.is_writable(),
                    };
                    self.tell(event.token(), readiness);
                }
            }
            self.serve_sources();
            if self.serve_requests().is_break() {
                return;
            }
            self.serve_timers();
            let may_rest = std::mem::take(&mut self.may_rest);
            was_called = may_rest && self.now - last_turn < BUSY && self.rest();
        }
    }

    /// Lets a little more come, so that the system is asked for it once. Returns whether a request ended that. Windows waits
    /// in milliseconds, and is asked for one datagram at a time: nothing is gained there.
    fn rest(&self) -> bool {
        if cfg!(windows) {
            return false;
        }
        let time = self.patience().map_or(REST, |patience| patience.min(REST));
        !time.is_zero() && self.inbox.rest(time)
    }

    /// How long the thread may sleep.
    fn patience(&self) -> Option<Duration> {
        if !self.ring.is_empty() || !self.closing.is_empty() {
            return Some(Duration::ZERO);
        }
        self.deadlines.next().map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn slot(&mut self, slot: usize) -> Option<&mut Slot> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The system tells what a source can do.
    fn tell(&mut self, token: Token, readiness: Readiness) {
        let (slot, key) = split(token);
        if let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            entry.ready.tell(key, readiness);
            if !std::mem::replace(&mut entry.is_listed, true) {
                self.ring.push_back(slot);
            }
        }
    }

    /// Serves each driver that has sources to serve once, as far as the turn's time goes: the others are the first next time.
    fn serve_sources(&mut self) {
        for _ in 0..self.ring.len() {
            let Some(slot) = self.ring.pop_front() else { return };
            self.serve_slot(slot);
            if let Some(entry) = self.slot(slot) {
                entry.is_listed = !entry.ready.is_empty();
                if entry.is_listed {
                    self.ring.push_back(slot);
                }
            }
            if self.now.elapsed() >= TURN {
                return;
            }
        }
    }

    /// Serves sources of a driver, each at most once: first those that the system has told of, as far as its share of the
    /// time goes, then at least one that had its share before and has more to do. So a peer that sends much waits for those
    /// that send little, and never for ever.
    fn serve_slot(&mut self, slot: usize) {
        let end = Instant::now() + SHARE;
        let (fresh, again) = self.slot(slot).map_or((0, 0), |slot| slot.ready.waiting());
        for _ in 0..fresh {
            self.serve_source(slot, Ready::next_fresh);
            if Instant::now() >= end {
                break;
            }
        }
        for _ in 0..again {
            self.serve_source(slot, Ready::next_again);
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
            self.call(slot, |driver, cx| driver.ready(cx, key, readiness));
        }
    }

    /// Calls each driver whose time has come, once.
    fn serve_timers(&mut self) {
        let mut due = Vec::new();
        while let Some((at, slot)) = self.deadlines.pop_due(self.now) {
            if let Some(entry) = self.slot(slot).filter(|slot| slot.deadline == Some(at)) {
                // The one that stands in the heap is taken: the same time is a new one.
                entry.deadline = None;
                due.push(slot);
            }
        }
        for slot in due {
            self.call(slot, |driver, cx| driver.expired(cx));
        }
    }

    /// Serves what is queued; breaks when the thread is to end.
    fn serve_requests(&mut self) -> std::ops::ControlFlow<()> {
        let (queue, closed) = {
            let mut requests = lock(&self.inbox.requests);
            (std::mem::take(&mut requests.queue), requests.closed)
        };
        for request in queue {
            match request {
                Request::Add { slot, driver, link } => {
                    if slot >= self.slots.len() {
                        self.slots.resize_with(slot + 1, || None);
                    }
                    self.slots[slot] = Some(Slot::new(driver, link));
                    self.call(slot, |driver, cx| driver.woken(cx));
                }
                Request::Wake { slot } => {
                    if let Some(entry) = self.slot(slot) {
                        // Before the driver looks at its queues: what comes after this wakes it anew.
                        entry.link.woken.store(false, Ordering::Release);
                        self.call(slot, |driver, cx| driver.woken(cx));
                    }
                }
                Request::Remove { slot, waiter } => self.closing.push_back((slot, waiter)),
            }
        }
        for _ in 0..self.closing.len() {
            let Some((slot, waiter)) = self.closing.pop_front() else { break };
            if self.close(slot) {
                self.take_out(slot);
            } else {
                self.closing.push_back((slot, waiter));
            }
        }
        if !closed {
            return std::ops::ControlFlow::Continue(());
        }
        for slot in 0..self.slots.len() {
            while !self.close(slot) {}
            self.take_out(slot);
        }
        std::ops::ControlFlow::Break(())
    }

    /// Lets a driver say its last words. Returns whether it has.
    fn close(&mut self, slot: usize) -> bool {
        // Also if it panics, or is not there any more.
        let mut is_done = true;
        self.call(slot, |driver, cx| is_done = driver.close(cx));
        is_done
    }

    /// Drops a driver, and what waits for it: the next one may have its slot.
    fn take_out(&mut self, slot: usize) {
        self.ring.retain(|listed| *listed != slot);
        if let Some(entry) = self.slots.get_mut(slot) {
            drop_quietly(entry.take());
        }
    }

    /// Calls a driver. A panic takes it out, and only it.
    fn call(&mut self, slot: usize, work: impl FnOnce(&mut dyn Driver, &mut Context<'_>)) {
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
            end: Instant::now() + SHARE,
            may_rest: &mut self.may_rest,
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
                if !entry.is_listed && !entry.ready.is_empty() {
                    entry.is_listed = true;
                    self.ring.push_back(slot);
                }
            }
            Err(panic) => {
                let _ = entry.link.failure.set(panic_message(panic.as_ref()));
                self.take_out(slot);
            }
        }
    }

    fn fail_all(&mut self, why: &str) {
        for entry in self.slots.iter_mut().filter_map(Option::take) {
            let _ = entry.link.failure.set(why.to_owned());
            drop_quietly(Some(entry));
        }
    }
}

/// Drops a driver, whose drop may panic as well.
fn drop_quietly(entry: Option<Slot>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(entry)));
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

//! Fairness of the I/O thread: each source is served once a turn, and a busy one delays no other for long.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::reactor::{Context, Driver, DriverHandle, DriverWaker, Readiness, add};
use mio::Interest;
use mio::net::UdpSocket;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);
/// Longer than a driver's time slice.
const LONG: Duration = Duration::from_millis(1);

/// A source that the test can make ready.
fn source() -> (UdpSocket, std::net::UdpSocket) {
    let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let outer = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    outer.connect(inner.local_addr().expect("bound")).expect("connected");
    (inner, outer)
}

/// A driver whose sources always have more to do.
struct Greedy {
    sources: Vec<UdpSocket>,
    callers: Vec<std::net::UdpSocket>,
    /// The duration of each call.
    work_time: Duration,
    /// Number of times that each source was served in each turn.
    served: HashMap<(Instant, usize), usize>,
    max_served: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    /// Wakes another driver, and reports after how many of its own calls.
    caller: Option<Box<dyn Fn() + Send>>,
    called_at: Arc<AtomicUsize>,
}

impl Greedy {
    fn new(sources: usize, work_time: Duration) -> Self {
        let (sources, callers) = (0..sources).map(|_| source()).unzip();
        Self {
            sources,
            callers,
            work_time,
            served: HashMap::new(),
            max_served: Arc::default(),
            calls: Arc::default(),
            caller: None,
            called_at: Arc::default(),
        }
    }
}

impl Driver for Greedy {
    fn on_ready(&mut self, cx: &mut Context<'_>, key: usize, _: Readiness) {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let times = self.served.entry((cx.now, key)).or_default();
        *times += 1;
        self.max_served.fetch_max(*times, Ordering::SeqCst);
        let end = Instant::now() + self.work_time;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        // Repeated requests, and the system reports it as well.
        cx.reschedule(key);
        cx.reschedule(key);
        let _ = self.callers[key].send(b"more");
        let _ = self.sources[key].recv(&mut [0; 8]);
        if calls == 2 * self.sources.len()
            && let Some(caller) = &self.caller
        {
            self.called_at.store(calls, Ordering::SeqCst);
            caller();
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        for (key, source) in self.sources.iter_mut().enumerate() {
            cx.register(source, key, Interest::READABLE).expect("watched");
            cx.reschedule(key);
        }
    }

    fn on_timeout(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

/// A driver that reports when its source is served, and after how many calls of another driver.
struct Modest {
    source: UdpSocket,
    others: Arc<AtomicUsize>,
    /// Not 0 when it was called.
    called_at: Arc<AtomicUsize>,
    sender: Sender<usize>,
}

impl Driver for Modest {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {
        while self.source.recv(&mut [0; 8]).is_ok() {
            let _ = self.sender.send(self.others.load(Ordering::SeqCst));
        }
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        if self.called_at.load(Ordering::SeqCst) == 0 {
            cx.register(&mut self.source, 0, Interest::READABLE).expect("watched");
        } else {
            let _ = self.sender.send(self.others.load(Ordering::SeqCst));
        }
    }

    fn on_timeout(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

type Callers = (std::net::UdpSocket, DriverWaker);

/// Adds a driver with one source. Returns what wakes it, and what it reports.
fn modest(
    others: &Arc<AtomicUsize>,
    called_at: &Arc<AtomicUsize>,
) -> (DriverHandle, Callers, Receiver<usize>) {
    let (source, caller) = source();
    let (sender, receiver) = channel();
    let (others, called_at) = (Arc::clone(others), Arc::clone(called_at));
    let mut kept = None;
    let handle = add(|waker| {
        kept = Some(waker);
        Box::new(Modest { source, others, called_at, sender })
    });
    (handle.expect("a thread"), (caller, kept.expect("a waker")), receiver)
}

#[test]
fn each_source_is_served_once_a_turn() {
    let greedy = Greedy::new(3, Duration::ZERO);
    let (max_served, calls) = (Arc::clone(&greedy.max_served), Arc::clone(&greedy.calls));
    let handle = add(|_| Box::new(greedy)).expect("a thread");
    let end = Instant::now() + TIMEOUT;
    while calls.load(Ordering::SeqCst) < 300 && Instant::now() < end {
        std::thread::yield_now();
    }
    drop(handle);
    assert_eq!(max_served.load(Ordering::SeqCst), 1);
}

#[test]
fn a_source_is_served_between_busy_ones() {
    const SOURCES: usize = 64;
    let mut greedy = Greedy::new(SOURCES, LONG);
    let (calls, called_at) = (Arc::clone(&greedy.calls), Arc::clone(&greedy.called_at));
    let (_modest, (caller, _), receiver) = modest(&calls, &called_at);
    greedy.caller = Some(Box::new(move || drop(caller.send(b"now"))));
    let _greedy = add(|_| Box::new(greedy)).expect("a thread");
    let served_at = receiver.recv_timeout(TIMEOUT).expect("it is served");
    // One that the system reported, and one that has more to do, in each of two turns.
    let between = served_at - called_at.load(Ordering::SeqCst);
    assert!(between <= 4, "{between} calls of the other driver");
}

#[test]
fn wakes_are_served_between_busy_sources() {
    const SOURCES: usize = 64;
    let mut greedy = Greedy::new(SOURCES, LONG);
    let (calls, called_at) = (Arc::clone(&greedy.calls), Arc::clone(&greedy.called_at));
    let (_modest, (_, waker), receiver) = modest(&calls, &called_at);
    greedy.caller = Some(Box::new(move || waker.wake()));
    let _greedy = add(|_| Box::new(greedy)).expect("a thread");
    let served_at = receiver.recv_timeout(TIMEOUT).expect("it is served");
    let between = served_at - called_at.load(Ordering::SeqCst);
    assert!(between <= 2, "{between} calls of the other driver");
}

/// A driver that wakes itself in each turn, and counts.
struct Ticker {
    waker: DriverWaker,
    turns: Arc<AtomicUsize>,
}

impl Driver for Ticker {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.waker.wake();
    }

    fn on_timeout(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

/// A driver whose shutdown takes many turns.
struct Leaver {
    left: usize,
    others: Arc<AtomicUsize>,
    /// Number of times that the other one was served meanwhile.
    served: Sender<usize>,
    begun_at: Option<usize>,
}

impl Driver for Leaver {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {}

    fn on_timeout(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        let others = self.others.load(Ordering::SeqCst);
        let begun_at = *self.begun_at.get_or_insert(others);
        self.left -= 1;
        if self.left == 0 {
            let _ = self.served.send(others - begun_at);
        }
        self.left == 0
    }
}

#[test]
fn other_drivers_are_served_during_a_shutdown() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let ticker = add(|waker| Box::new(Ticker { waker, turns: counted })).expect("a thread");
    let (served, receiver) = channel();
    let leaver = add(|_| Box::new(Leaver { left: 100, others: turns, served, begun_at: None }));
    drop(leaver.expect("a thread"));
    assert_eq!(receiver.try_recv(), Ok(99), "it has ended, and the other one had its turns");
    drop(ticker);
}

#[test]
fn a_driver_added_during_the_shutdown_of_the_last_one_is_served() {
    let rounds = |_| {
        for _ in 0..2000 {
            let (handle, _, receiver) = modest(&Arc::default(), &Arc::new(AtomicUsize::new(1)));
            receiver.recv_timeout(TIMEOUT).expect("it is served");
            drop(handle);
        }
    };
    let threads: Vec<_> = (0..2).map(|at| std::thread::spawn(move || rounds(at))).collect();
    for thread in threads {
        thread.join().expect("each is served");
    }
}

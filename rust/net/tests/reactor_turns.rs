//! Whose turn it is on the I/O thread: each source once a turn, and nobody waits for one that works much.
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

/// How long anything is waited for: it only ends a hang.
const PATIENCE: Duration = Duration::from_mins(5);
/// More than a driver's share of the thread's time.
const LONG: Duration = Duration::from_millis(1);

/// A source that the test can make ready.
fn source() -> (UdpSocket, std::net::UdpSocket) {
    let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let outer = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    outer.connect(inner.local_addr().expect("bound")).expect("connected");
    (inner, outer)
}

/// Has sources that always have more to do.
struct Greedy {
    sources: Vec<UdpSocket>,
    callers: Vec<std::net::UdpSocket>,
    /// How long each call works.
    works: Duration,
    /// How often each source was served in each turn.
    served: HashMap<(Instant, usize), usize>,
    most: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    /// Calls another driver, and tells after how many of its own calls.
    caller: Option<Box<dyn Fn() + Send>>,
    called_at: Arc<AtomicUsize>,
}

impl Greedy {
    fn new(sources: usize, works: Duration) -> Self {
        let (sources, callers) = (0..sources).map(|_| source()).unzip();
        Self {
            sources,
            callers,
            works,
            served: HashMap::new(),
            most: Arc::default(),
            calls: Arc::default(),
            caller: None,
            called_at: Arc::default(),
        }
    }
}

impl Driver for Greedy {
    fn ready(&mut self, cx: &mut Context<'_>, key: usize, _: Readiness) {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let times = self.served.entry((cx.now, key)).or_default();
        *times += 1;
        self.most.fetch_max(*times, Ordering::SeqCst);
        let end = Instant::now() + self.works;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        // However often it asks: and the system tells of it as well.
        cx.again(key);
        cx.again(key);
        let _ = self.callers[key].send(b"more");
        let _ = self.sources[key].recv(&mut [0; 8]);
        if calls == 2 * self.sources.len()
            && let Some(caller) = &self.caller
        {
            self.called_at.store(calls, Ordering::SeqCst);
            caller();
        }
    }

    fn woken(&mut self, cx: &mut Context<'_>) {
        for (key, source) in self.sources.iter_mut().enumerate() {
            cx.register(source, key, Interest::READABLE).expect("watched");
            cx.again(key);
        }
    }

    fn expired(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

/// Tells when its source is served, and after how many calls of another driver.
struct Modest {
    source: UdpSocket,
    others: Arc<AtomicUsize>,
    /// Not 0 when it was called.
    called_at: Arc<AtomicUsize>,
    said: Sender<usize>,
}

impl Driver for Modest {
    fn ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {
        while self.source.recv(&mut [0; 8]).is_ok() {
            let _ = self.said.send(self.others.load(Ordering::SeqCst));
        }
    }

    fn woken(&mut self, cx: &mut Context<'_>) {
        if self.called_at.load(Ordering::SeqCst) == 0 {
            cx.register(&mut self.source, 0, Interest::READABLE).expect("watched");
        } else {
            let _ = self.said.send(self.others.load(Ordering::SeqCst));
        }
    }

    fn expired(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

type Callers = (std::net::UdpSocket, DriverWaker);

/// A driver with one source: what calls it, and what it tells.
fn modest(
    others: &Arc<AtomicUsize>,
    called_at: &Arc<AtomicUsize>,
) -> (DriverHandle, Callers, Receiver<usize>) {
    let (source, caller) = source();
    let (said, heard) = channel();
    let (others, called_at) = (Arc::clone(others), Arc::clone(called_at));
    let mut kept = None;
    let handle = add(|waker| {
        kept = Some(waker);
        Box::new(Modest { source, others, called_at, said })
    });
    (handle.expect("a thread"), (caller, kept.expect("a waker")), heard)
}

#[test]
fn each_source_is_served_once_a_turn() {
    let greedy = Greedy::new(3, Duration::ZERO);
    let (most, calls) = (Arc::clone(&greedy.most), Arc::clone(&greedy.calls));
    let handle = add(|_| Box::new(greedy)).expect("a thread");
    let end = Instant::now() + PATIENCE;
    while calls.load(Ordering::SeqCst) < 300 && Instant::now() < end {
        std::thread::yield_now();
    }
    drop(handle);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn a_source_is_served_between_those_that_work_much() {
    const SOURCES: usize = 64;
    let mut greedy = Greedy::new(SOURCES, LONG);
    let (calls, called_at) = (Arc::clone(&greedy.calls), Arc::clone(&greedy.called_at));
    let (_modest, (caller, _), heard) = modest(&calls, &called_at);
    greedy.caller = Some(Box::new(move || drop(caller.send(b"now"))));
    let _greedy = add(|_| Box::new(greedy)).expect("a thread");
    let served_at = heard.recv_timeout(PATIENCE).expect("it is served");
    // One that the system told of, and one that has more to do, in each of two turns.
    let between = served_at - called_at.load(Ordering::SeqCst);
    assert!(between <= 4, "{between} calls of the other driver");
}

#[test]
fn the_game_is_served_between_those_that_work_much() {
    const SOURCES: usize = 64;
    let mut greedy = Greedy::new(SOURCES, LONG);
    let (calls, called_at) = (Arc::clone(&greedy.calls), Arc::clone(&greedy.called_at));
    let (_modest, (_, waker), heard) = modest(&calls, &called_at);
    greedy.caller = Some(Box::new(move || waker.wake()));
    let _greedy = add(|_| Box::new(greedy)).expect("a thread");
    let served_at = heard.recv_timeout(PATIENCE).expect("it is served");
    let between = served_at - called_at.load(Ordering::SeqCst);
    assert!(between <= 2, "{between} calls of the other driver");
}

/// Wakes itself in each turn, and counts.
struct Ticker {
    waker: DriverWaker,
    turns: Arc<AtomicUsize>,
}

impl Driver for Ticker {
    fn ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn woken(&mut self, _: &mut Context<'_>) {
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.waker.wake();
    }

    fn expired(&mut self, _: &mut Context<'_>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        true
    }
}

/// Takes many turns to end.
struct Leaver {
    left: usize,
    others: Arc<AtomicUsize>,
    /// How often the other one was served meanwhile.
    served: Sender<usize>,
    begun_at: Option<usize>,
}

impl Driver for Leaver {
    fn ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn woken(&mut self, _: &mut Context<'_>) {}

    fn expired(&mut self, _: &mut Context<'_>) {}

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
fn others_are_served_while_a_driver_ends() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let ticker = add(|waker| Box::new(Ticker { waker, turns: counted })).expect("a thread");
    let (served, heard) = channel();
    let leaver = add(|_| Box::new(Leaver { left: 100, others: turns, served, begun_at: None }));
    drop(leaver.expect("a thread"));
    assert_eq!(heard.try_recv(), Ok(99), "it has ended, and the other one had its turns");
    drop(ticker);
}

#[test]
fn a_driver_that_is_added_while_the_last_one_ends_is_served() {
    let rounds = |_| {
        for _ in 0..2000 {
            let (handle, _, heard) = modest(&Arc::default(), &Arc::new(AtomicUsize::new(1)));
            heard.recv_timeout(PATIENCE).expect("it is served");
            drop(handle);
        }
    };
    let threads: Vec<_> = (0..2).map(|at| std::thread::spawn(move || rounds(at))).collect();
    for thread in threads {
        thread.join().expect("each is served");
    }
}

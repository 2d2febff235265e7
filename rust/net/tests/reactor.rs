//! The I/O thread, in a separate process, because the test counts threads.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::reactor::{Context, Driver, DriverWaker, Readiness, add, shutdown};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Reports its calls.
struct Probe {
    sender: Sender<&'static str>,
    deadline: Option<Instant>,
    panics_when: &'static str,
}

impl Probe {
    fn new(panics_when: &'static str) -> (Box<Self>, Receiver<&'static str>) {
        let (sender, receiver) = channel();
        (Box::new(Self { sender, deadline: None, panics_when }), receiver)
    }

    fn report(&self, what: &'static str) {
        let _ = self.sender.send(what);
        assert_ne!(what, self.panics_when, "by design");
    }
}

impl Driver for Probe {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {
        self.report("ready");
    }

    fn on_wake(&mut self, cx: &mut Context<'_>) {
        self.report("wake");
        self.deadline = Some(cx.now + Duration::from_millis(20));
        cx.coalesce();
    }

    fn on_timeout(&mut self, _: &mut Context<'_>) {
        self.deadline = None;
        self.report("timeout");
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        self.report("close");
        true
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.sender.send("drop");
    }
}

fn next_call(receiver: &Receiver<&'static str>) -> &'static str {
    receiver.recv_timeout(TIMEOUT).expect("the driver is called")
}

/// Starts a job in its first call, which wakes it when done.
struct JobStarter {
    waker: DriverWaker,
    sender: Sender<&'static str>,
    has_started: bool,
}

impl Driver for JobStarter {
    fn on_ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn on_wake(&mut self, _: &mut Context<'_>) {
        if std::mem::replace(&mut self.has_started, true) {
            let _ = self.sender.send("done");
        } else {
            let waker = self.waker.clone();
            std::thread::spawn(move || waker.wake()).join().expect("no panic");
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

#[cfg(target_os = "linux")]
fn io_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("Linux")
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim() == "lodewire-io")
        .count()
}

#[test]
fn the_thread_lives_as_long_as_its_drivers() {
    let (probe, receiver) = Probe::new("never");
    let handle = add(|_| probe).expect("a thread");
    assert_eq!(next_call(&receiver), "wake", "a new driver is woken once");
    assert_eq!(next_call(&receiver), "timeout", "and called at its deadline");
    handle.wake();
    assert_eq!(next_call(&receiver), "wake");

    // It is also woken from a coalescing sleep.
    for _ in 0..1000 {
        handle.wake();
        while next_call(&receiver) != "wake" {}
    }

    // A job that ends before the game has the handle also wakes its driver.
    let (sender, done) = channel();
    let starter = add(|waker| Box::new(JobStarter { waker, sender, has_started: false }));
    assert_eq!(next_call(&done), "done");
    drop(starter);

    // A panic ends one driver and leaves the other.
    let (panicking, panicking_calls) = Probe::new("timeout");
    let broken = add(|_| panicking).expect("a thread");
    assert_eq!(next_call(&panicking_calls), "wake");
    assert_eq!(next_call(&panicking_calls), "timeout");
    assert_eq!(next_call(&panicking_calls), "drop");
    let end = Instant::now() + TIMEOUT;
    while broken.failure().is_none() && Instant::now() < end {
        std::thread::yield_now();
    }
    assert!(broken.failure().is_some_and(|why| why.contains("by design")));
    broken.wake();
    drop(broken);
    assert_eq!(next_call(&receiver), "timeout");
    assert!(receiver.try_recv().is_err(), "the deadlines of many calls are one");
    handle.wake();
    assert_eq!(next_call(&receiver), "wake");
    assert_eq!(next_call(&receiver), "timeout");
    assert!(handle.failure().is_none());

    #[cfg(target_os = "linux")]
    {
        let more: Vec<_> =
            (0..64).map(|_| add(|_| Probe::new("never").0).expect("a thread")).collect();
        assert_eq!(io_threads(), 1, "64 drivers are not 64 threads");
        drop(more);
    }

    // Dropping the handle returns after the driver is dropped, and the last handle ends the thread.
    drop(handle);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["close", "drop"]);
    #[cfg(target_os = "linux")]
    assert_eq!(io_threads(), 0);

    // A shutdown ends the thread while it is in use; handles of the old thread do not affect the next one.
    let (probe, receiver) = Probe::new("never");
    let handle = add(|_| probe).expect("a new thread");
    assert_eq!(next_call(&receiver), "wake");
    shutdown();
    #[cfg(target_os = "linux")]
    assert_eq!(io_threads(), 0);
    let (probe, next) = Probe::new("never");
    let next_handle = add(|_| probe).expect("a third thread");
    handle.wake();
    drop(handle);
    assert_eq!(next_call(&next), "wake");
    next_handle.wake();
    drop(next_handle);
}

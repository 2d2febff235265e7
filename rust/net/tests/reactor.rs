//! The I/O thread, in a process of its own: how many threads there are is counted.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use lodewire_net::reactor::{Context, Driver, DriverWaker, Readiness, add, shutdown};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How long anything is waited for: it only ends a hang.
const PATIENCE: Duration = Duration::from_mins(5);

/// Says what it is called for.
struct Probe {
    said: Sender<&'static str>,
    deadline: Option<Instant>,
    panics_when: &'static str,
}

impl Probe {
    fn new(panics_when: &'static str) -> (Box<Self>, Receiver<&'static str>) {
        let (said, heard) = channel();
        (Box::new(Self { said, deadline: None, panics_when }), heard)
    }

    fn say(&self, what: &'static str) {
        let _ = self.said.send(what);
        assert_ne!(what, self.panics_when, "by design");
    }
}

impl Driver for Probe {
    fn ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {
        self.say("ready");
    }

    fn woken(&mut self, cx: &mut Context<'_>) {
        self.say("woken");
        self.deadline = Some(cx.now + Duration::from_millis(20));
        cx.rest();
    }

    fn expired(&mut self, _: &mut Context<'_>) {
        self.deadline = None;
        self.say("expired");
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn close(&mut self, _: &mut Context<'_>) -> bool {
        self.say("close");
        true
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.said.send("drop");
    }
}

fn hear(heard: &Receiver<&'static str>) -> &'static str {
    heard.recv_timeout(PATIENCE).expect("the driver is called")
}

/// Runs a job from its first call on, and is to be woken when that has ended.
struct Employer {
    waker: DriverWaker,
    said: Sender<&'static str>,
    has_begun: bool,
}

impl Driver for Employer {
    fn ready(&mut self, _: &mut Context<'_>, _: usize, _: Readiness) {}

    fn woken(&mut self, _: &mut Context<'_>) {
        if std::mem::replace(&mut self.has_begun, true) {
            let _ = self.said.send("done");
        } else {
            let waker = self.waker.clone();
            std::thread::spawn(move || waker.wake()).join().expect("no panic");
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
    let (probe, heard) = Probe::new("never");
    let handle = add(|_| probe).expect("a thread");
    assert_eq!(hear(&heard), "woken", "a new driver is called once");
    assert_eq!(hear(&heard), "expired", "and when its time has come");
    handle.wake();
    assert_eq!(hear(&heard), "woken");

    // In a rest it is called as well.
    for _ in 0..1000 {
        handle.wake();
        while hear(&heard) != "woken" {}
    }

    // A job that ends before the game has the handle wakes its driver as well.
    let (said, done) = channel();
    let employer = add(|waker| Box::new(Employer { waker, said, has_begun: false }));
    assert_eq!(hear(&done), "done");
    drop(employer);

    // A panic ends one driver and leaves the other.
    let (panicking, last_words) = Probe::new("expired");
    let broken = add(|_| panicking).expect("a thread");
    assert_eq!(hear(&last_words), "woken");
    assert_eq!(hear(&last_words), "expired");
    assert_eq!(hear(&last_words), "drop");
    let patience = Instant::now() + PATIENCE;
    while broken.failure().is_none() && Instant::now() < patience {
        std::thread::yield_now();
    }
    assert!(broken.failure().is_some_and(|why| why.contains("by design")));
    broken.wake();
    drop(broken);
    assert_eq!(hear(&heard), "expired");
    assert!(heard.try_recv().is_err(), "the deadlines of many calls are one");
    handle.wake();
    assert_eq!(hear(&heard), "woken");
    assert_eq!(hear(&heard), "expired");
    assert!(handle.failure().is_none());

    #[cfg(target_os = "linux")]
    {
        let more: Vec<_> =
            (0..64).map(|_| add(|_| Probe::new("never").0).expect("a thread")).collect();
        assert_eq!(io_threads(), 1, "64 drivers are not 64 threads");
        drop(more);
    }

    // Dropping the handle returns when the driver is gone, and the last one ends the thread.
    drop(handle);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["close", "drop"]);
    #[cfg(target_os = "linux")]
    assert_eq!(io_threads(), 0);

    // A shutdown ends it whoever uses it; handles of the old thread do nothing to the next.
    let (probe, heard) = Probe::new("never");
    let handle = add(|_| probe).expect("a new thread");
    assert_eq!(hear(&heard), "woken");
    shutdown();
    #[cfg(target_os = "linux")]
    assert_eq!(io_threads(), 0);
    let (probe, next) = Probe::new("never");
    let next_handle = add(|_| probe).expect("a third thread");
    handle.wake();
    drop(handle);
    assert_eq!(hear(&next), "woken");
    next_handle.wake();
    drop(next_handle);
}

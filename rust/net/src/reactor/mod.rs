//! The I/O thread of the process: one loop that sleeps until a socket is ready, a timer is due or the game wakes it.
//!
//! Each object that talks to the network adds a [`Driver`]. The thread starts with the first and is joined when the last
//! [`DriverHandle`] is dropped. While idle it sleeps in the kernel.
//!
//! A driver that panics is removed, which closes its sockets. The others continue, and its handle returns the
//! [cause](DriverHandle::failure).

mod driver;
mod io_thread;
mod ready;

pub use driver::{Context, Driver, Readiness};

pub(crate) use io_thread::panic_message;
use io_thread::{Inbox, Request};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

/// The I/O thread, while it runs.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

struct Running {
    inbox: Arc<Inbox>,
    thread: JoinHandle<()>,
    /// The number of slots created so far, and those of them that are free.
    slots: usize,
    free: Vec<usize>,
}

/// The state of a driver that its handles share with the I/O thread.
#[derive(Debug, Default)]
struct DriverShared {
    /// A wake is queued and not served yet; further ones are merged with it.
    wake_queued: AtomicBool,
    /// The cause of the driver's removal, if it was removed.
    failure: OnceLock<String>,
}

/// The game's handle to a driver. Dropping it shuts the driver down, and returns when its sockets are closed.
#[derive(Debug)]
pub struct DriverHandle {
    slot: usize,
    inbox: Arc<Inbox>,
    shared: Arc<DriverShared>,
    ended: bool,
}

/// A cloneable handle that can only wake a driver.
#[derive(Clone, Debug)]
pub struct DriverWaker {
    slot: usize,
    inbox: Arc<Inbox>,
    shared: Arc<DriverShared>,
}

/// A one-shot signal between two threads.
#[derive(Debug, Default)]
struct Signal {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn set(&self) {
        *lock(&self.is_set) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut is_set = lock(&self.is_set);
        while !*is_set {
            is_set = self.changed.wait(is_set).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Sets the signal when it is dropped, however a request ends.
struct SignalOnDrop(Arc<Signal>);

impl Drop for SignalOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Locks a mutex whose data is consistent at every step, so lock poisoning can be ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a driver to the process's I/O thread, and starts the thread if it does not run.
///
/// `build` receives the driver's waker and returns the driver, so that the waker can be stored before the driver is
/// first called.
///
/// # Errors
/// The system cannot create a thread or an event queue.
pub fn add(build: impl FnOnce(DriverWaker) -> Box<dyn Driver>) -> io::Result<DriverHandle> {
    let mut running = lock(&RUNNING);
    // A failed thread is replaced.
    if running.as_ref().is_none_or(|running| running.inbox.is_closed()) {
        let (inbox, thread) = io_thread::start()?;
        *running = Some(Running { inbox, thread, slots: 0, free: Vec::new() });
    }
    let Some(current) = running.as_mut() else {
        return Err(io::Error::other("the I/O thread did not start"));
    };
    let slot = current.free.pop().unwrap_or_else(|| {
        current.slots += 1;
        current.slots - 1
    });
    let handle = DriverHandle {
        slot,
        inbox: Arc::clone(&current.inbox),
        shared: Arc::default(),
        ended: false,
    };
    let driver = build(handle.waker());
    handle.inbox.push(Request::Add { slot, driver, shared: Arc::clone(&handle.shared) });
    Ok(handle)
}

/// Ends the I/O thread even if it is still in use, and joins it.
pub fn shutdown() {
    let running = lock(&RUNNING).take();
    if let Some(running) = running {
        running.end();
    }
}

impl Running {
    /// Ends the thread and joins it.
    fn end(self) {
        self.inbox.close();
        // A panic of the thread itself can be ignored: its drivers are gone.
        let _ = self.thread.join();
    }
}

impl DriverHandle {
    /// Makes the I/O thread call the driver's [`on_wake`](Driver::on_wake). Wakes that are not served yet are merged.
    pub fn wake(&self) {
        wake(self.slot, &self.inbox, &self.shared);
    }

    /// Returns a waker for this driver.
    fn waker(&self) -> DriverWaker {
        DriverWaker {
            slot: self.slot,
            inbox: Arc::clone(&self.inbox),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Returns the driver's panic message, if it has panicked. It has then been dropped, with its sockets.
    pub fn failure(&self) -> Option<&str> {
        self.shared.failure.get().map(String::as_str)
    }
}

impl DriverWaker {
    /// Works as [`DriverHandle::wake`]; has no effect after the driver is gone.
    pub fn wake(&self) {
        wake(self.slot, &self.inbox, &self.shared);
    }
}

fn wake(slot: usize, inbox: &Inbox, shared: &DriverShared) {
    if !shared.wake_queued.swap(true, Ordering::AcqRel) {
        inbox.push(Request::Wake { slot });
    }
}

impl DriverHandle {
    /// Shuts the driver down, and returns when its sockets are closed. The last driver ends the thread.
    pub fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let done = Arc::new(Signal::default());
        self.inbox.push(Request::Remove { slot: self.slot, done: SignalOnDrop(Arc::clone(&done)) });
        done.wait();
        let mut running = lock(&RUNNING);
        // After a shutdown another thread may run, which this driver never used.
        let same = |running: &&mut Running| Arc::ptr_eq(&running.inbox, &self.inbox);
        let Some(current) = running.as_mut().filter(same) else {
            return;
        };
        current.free.push(self.slot);
        if current.free.len() == current.slots {
            // While the lock is held: a driver added later starts another thread.
            let last = running.take();
            drop(running);
            if let Some(last) = last {
                last.end();
            }
        }
    }
}

impl Drop for DriverHandle {
    fn drop(&mut self) {
        self.end();
    }
}

//! The I/O thread of the process: one loop that sleeps until a socket, a timer or the game has something for it.
//!
//! Each object that talks to the network adds a [`Driver`]. The thread starts with the first and is joined when the last
//! [`DriverHandle`] is dropped. While nothing happens it sleeps in the kernel and uses no processor.
//!
//! A driver that panics is taken out and its sockets close with it; the others go on, and its own handle tells
//! [what happened](DriverHandle::failure).

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

/// The I/O thread while there is one.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

struct Running {
    inbox: Arc<Inbox>,
    thread: JoinHandle<()>,
    /// How many slots were ever in use at once, and which of them are free now.
    slots: usize,
    free: Vec<usize>,
}

/// What a driver's handle and the I/O thread know of it together.
#[derive(Debug, Default)]
struct Link {
    /// A wake is under way and not yet served: a further one would be the same.
    woken: AtomicBool,
    /// Why the driver was taken out, if it was.
    failure: OnceLock<String>,
}

/// The game's hold on a driver. Dropping it ends the driver and its sockets, and returns when they are closed.
#[derive(Debug)]
pub struct DriverHandle {
    slot: usize,
    inbox: Arc<Inbox>,
    link: Arc<Link>,
    ended: bool,
}

/// Wakes a driver; may be kept where the handle itself may not.
#[derive(Clone, Debug)]
pub struct DriverWaker {
    slot: usize,
    inbox: Arc<Inbox>,
    link: Arc<Link>,
}

/// A flag that one thread raises and another waits for.
#[derive(Debug, Default)]
struct Done {
    done: Mutex<bool>,
    changed: Condvar,
}

impl Done {
    fn set(&self) {
        *lock(&self.done) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut done = lock(&self.done);
        while !*done {
            done = self.changed.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Raises the flag when it is dropped, wherever a request ends.
struct Waiter(Arc<Done>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Locks a mutex whose data is consistent at every step, so that a panic of another holder does no harm.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a driver to the process's I/O thread, which is started if there is none.
///
/// `build` gets the driver's waker and returns the driver, so that whoever is to wake it can do so before the driver is
/// called for the first time.
///
/// # Errors
/// The system gives no thread, or no event queue.
pub fn add(build: impl FnOnce(DriverWaker) -> Box<dyn Driver>) -> io::Result<DriverHandle> {
    let mut running = lock(&RUNNING);
    // A thread that has failed leaves its place to another.
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
        link: Arc::default(),
        ended: false,
    };
    let driver = build(handle.waker());
    handle.inbox.push(Request::Add { slot, driver, link: Arc::clone(&handle.link) });
    Ok(handle)
}

/// Ends the I/O thread, whoever still uses it, and waits until it has ended.
pub fn shutdown() {
    let running = lock(&RUNNING).take();
    if let Some(running) = running {
        running.end();
    }
}

impl Running {
    /// Ends the thread, and waits until it has ended.
    fn end(self) {
        self.inbox.close();
        // A panic of the thread itself has nothing left to tell: its drivers are gone.
        let _ = self.thread.join();
    }
}

impl DriverHandle {
    /// Calls the driver's [`woken`](Driver::woken) soon. Wakes that have not been served yet are one.
    pub fn wake(&self) {
        wake(self.slot, &self.inbox, &self.link);
    }

    /// A waker for this driver.
    fn waker(&self) -> DriverWaker {
        DriverWaker {
            slot: self.slot,
            inbox: Arc::clone(&self.inbox),
            link: Arc::clone(&self.link),
        }
    }

    /// What the driver panicked with, if it did. It is gone then, with its sockets.
    pub fn failure(&self) -> Option<&str> {
        self.link.failure.get().map(String::as_str)
    }
}

impl DriverWaker {
    /// As [`DriverHandle::wake`]; without effect when the driver is gone.
    pub fn wake(&self) {
        wake(self.slot, &self.inbox, &self.link);
    }
}

fn wake(slot: usize, inbox: &Inbox, link: &Link) {
    if !link.woken.swap(true, Ordering::AcqRel) {
        inbox.push(Request::Wake { slot });
    }
}

impl DriverHandle {
    /// Ends the driver and its sockets, and returns when they are closed. The last driver ends the thread.
    pub fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let done = Arc::new(Done::default());
        self.inbox.push(Request::Remove { slot: self.slot, waiter: Waiter(Arc::clone(&done)) });
        done.wait();
        let mut running = lock(&RUNNING);
        // After a shutdown another thread may be there, which this driver never used.
        let same = |running: &&mut Running| Arc::ptr_eq(&running.inbox, &self.inbox);
        let Some(current) = running.as_mut().filter(same) else {
            return;
        };
        current.free.push(self.slot);
        if current.free.len() == current.slots {
            // With the lock held: a driver that is added from now on starts another thread.
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

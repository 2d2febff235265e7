//! Threads for work that would hold up the I/O thread: the asymmetric cryptography of handshakes.
//!
//! There is one set per process. Its threads start with the first job and end when the last [`Workers`] is dropped. They
//! run at a lower priority than the game, and leave one core to it.

use crate::reactor::lock;
use crate::reactor::panic_message;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use thread_priority::{ThreadPriority, set_current_thread_priority};

/// The most jobs that wait at once: beyond it a job is refused, and its handshake dropped, so that a flood of handshakes
/// costs a bounded amount of memory and delays nobody for long.
const MAX_WAITING: usize = 1024;

/// Below the 50 or so at which threads start: about 5 steps of niceness on Unix, below normal on Windows.
const PRIORITY: u8 = 37;

type Job = Box<dyn FnOnce() + Send>;

/// The set while there is one.
static SET: Mutex<Option<Set>> = Mutex::new(None);

struct Set {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    users: usize,
    /// How many threads there may be. The system is asked once, since on Linux it reads files to answer.
    most: usize,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    ending: bool,
}

/// A user of the process's workers. Dropping the last ends them; a job that has begun is waited for, one that waits is
/// dropped.
pub struct Workers {
    queue: Arc<Queue>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workers({} waiting)", lock(&self.queue.state).jobs.len())
    }
}

/// No job was taken: too many wait, or the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Workers {
    /// Joins the users of the workers.
    pub fn new() -> Self {
        let mut set = lock(&SET);
        let current = set.get_or_insert_with(|| {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let most = cores.saturating_sub(1).max(1);
            Set { queue: Arc::default(), threads: Vec::new(), users: 0, most }
        });
        current.users += 1;
        Self { queue: Arc::clone(&current.queue) }
    }

    /// Runs `job` on a worker, then calls `done` with its result, or with what it panicked with.
    ///
    /// # Errors
    /// [`Busy`] when 1024 jobs wait already, or no thread can be had. Neither function is called then.
    pub fn run<T: 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
        done: impl FnOnce(Result<T, String>) + Send + 'static,
    ) -> Result<(), Busy> {
        let job: Job = Box::new(|| {
            let result = catch_unwind(AssertUnwindSafe(job));
            done(result.map_err(|panic| panic_message(panic.as_ref())));
        });
        let needs_thread = {
            let mut state = lock(&self.queue.state);
            if state.ending || state.jobs.len() >= MAX_WAITING {
                return Err(Busy);
            }
            state.jobs.push_back(job);
            state.idle < state.jobs.len()
        };
        self.queue.changed.notify_one();
        if needs_thread { self.grow() } else { Ok(()) }
    }

    /// Starts a further thread, if the machine has a core for it.
    fn grow(&self) -> Result<(), Busy> {
        let mut set = lock(&SET);
        let same = |set: &&mut Set| Arc::ptr_eq(&set.queue, &self.queue);
        let Some(current) = set.as_mut().filter(same) else {
            return Err(Busy);
        };
        if current.threads.len() >= current.most {
            return Ok(());
        }
        let queue = Arc::clone(&self.queue);
        let name = format!("lodewire-work{}", current.threads.len());
        match thread::Builder::new().name(name).spawn(move || queue.work()) {
            Ok(thread) => current.threads.push(thread),
            Err(_) if current.threads.is_empty() => {
                lock(&self.queue.state).jobs.clear();
                return Err(Busy);
            }
            Err(_) => {}
        }
        Ok(())
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut set = lock(&SET);
        let same = |set: &&mut Set| Arc::ptr_eq(&set.queue, &self.queue);
        let Some(current) = set.as_mut().filter(same) else {
            return;
        };
        current.users -= 1;
        if current.users == 0 {
            // With the lock held: whoever joins from now on starts another set.
            let last = set.take();
            drop(set);
            if let Some(last) = last {
                last.end();
            }
        }
    }
}

impl Queue {
    /// What a worker does until the set ends.
    fn work(&self) {
        // Where the system refuses, the worker runs as the others do.
        if let Ok(priority) = PRIORITY.try_into() {
            let _ = set_current_thread_priority(ThreadPriority::Crossplatform(priority));
        }
        while let Some(job) = self.next() {
            // The job catches its own panic; this is for one in `done`.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        state.idle += 1;
        loop {
            if state.ending {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                state.idle -= 1;
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Ends the workers, whoever still uses them, and waits for the jobs that have begun.
pub fn shutdown() {
    let set = lock(&SET).take();
    if let Some(set) = set {
        set.end();
    }
}

impl Set {
    /// Ends its threads, and waits for the jobs that have begun.
    fn end(self) {
        let waiting = {
            let mut state = lock(&self.queue.state);
            state.ending = true;
            std::mem::take(&mut state.jobs)
        };
        self.queue.changed.notify_all();
        drop(waiting);
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

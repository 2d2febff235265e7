//! A thread pool for work that would block the I/O thread: the asymmetric cryptography of handshakes.
//!
//! There is one pool per process. Its threads start with the first job and end when the last [`Workers`] is dropped.
//! They run at a lower priority than the game, and leave one core to it.

use crate::reactor::lock;
use crate::reactor::panic_message;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Maximum number of queued jobs. Further ones are rejected, and their handshakes dropped, which bounds the memory and
/// the delay that a flood of handshakes causes.
const MAX_QUEUED: usize = 1024;

/// Below the default of about 50: a niceness of about 5 on Unix, below normal on Windows.
const PRIORITY: u8 = 37;

type Job = Box<dyn FnOnce() + Send>;

/// The pool, while it has users.
static POOL: Mutex<Option<Pool>> = Mutex::new(None);

struct Pool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    users: usize,
    /// Maximum number of threads. The number of cores is read once, since on Linux that reads files.
    max_threads: usize,
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

/// A handle to the process's workers. Dropping the last one ends them: running jobs are completed, queued ones dropped.
pub struct Workers {
    queue: Arc<Queue>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workers({} waiting)", lock(&self.queue.state).jobs.len())
    }
}

/// The job was not accepted: the queue is full, or the pool has no thread or is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRejected;

impl Workers {
    /// Creates a handle, and the pool if there is none.
    pub fn new() -> Self {
        let mut pool = lock(&POOL);
        let current = pool.get_or_insert_with(|| {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let max_threads = cores.saturating_sub(1).max(1);
            Pool { queue: Arc::default(), threads: Vec::new(), users: 0, max_threads }
        });
        current.users += 1;
        Self { queue: Arc::clone(&current.queue) }
    }

    /// Runs `job` on a worker, then calls `done` with its result, or with its panic message.
    ///
    /// # Errors
    /// [`JobRejected`] if 1024 jobs are queued, or no thread can be started. Neither function is called then.
    pub fn run<T: 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
        done: impl FnOnce(Result<T, String>) + Send + 'static,
    ) -> Result<(), JobRejected> {
        let job: Job = Box::new(|| {
            let result = catch_unwind(AssertUnwindSafe(job));
            done(result.map_err(|panic| panic_message(panic.as_ref())));
        });
        let needs_thread = {
            let mut state = lock(&self.queue.state);
            if state.ending || state.jobs.len() >= MAX_QUEUED {
                return Err(JobRejected);
            }
            state.jobs.push_back(job);
            state.idle < state.jobs.len()
        };
        self.queue.changed.notify_one();
        if needs_thread { self.grow() } else { Ok(()) }
    }

    /// Starts another thread, unless the maximum is reached.
    fn grow(&self) -> Result<(), JobRejected> {
        let mut pool = lock(&POOL);
        let same = |pool: &&mut Pool| Arc::ptr_eq(&pool.queue, &self.queue);
        let Some(current) = pool.as_mut().filter(same) else {
            return Err(JobRejected);
        };
        if current.threads.len() >= current.max_threads {
            return Ok(());
        }
        let queue = Arc::clone(&self.queue);
        let name = format!("lodewire-work{}", current.threads.len());
        match thread::Builder::new().name(name).spawn(move || queue.work()) {
            Ok(thread) => current.threads.push(thread),
            Err(_) if current.threads.is_empty() => {
                lock(&self.queue.state).jobs.clear();
                return Err(JobRejected);
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
        let mut pool = lock(&POOL);
        let same = |pool: &&mut Pool| Arc::ptr_eq(&pool.queue, &self.queue);
        let Some(current) = pool.as_mut().filter(same) else {
            return;
        };
        current.users -= 1;
        if current.users == 0 {
            // While the lock is held: a handle created later starts another pool.
            let last = pool.take();
            drop(pool);
            if let Some(last) = last {
                last.end();
            }
        }
    }
}

impl Queue {
    /// Runs jobs until the pool ends.
    fn work(&self) {
        // If the system refuses, the worker runs at normal priority.
        if let Ok(priority) = PRIORITY.try_into() {
            let _ = set_current_thread_priority(ThreadPriority::Crossplatform(priority));
        }
        while let Some(job) = self.next() {
            // The job catches its own panic; this catches one in `done`.
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

/// Ends the workers even if they are still in use, and waits for the running jobs.
pub fn shutdown() {
    let pool = lock(&POOL).take();
    if let Some(pool) = pool {
        pool.end();
    }
}

impl Pool {
    /// Ends the threads, and waits for the running jobs.
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

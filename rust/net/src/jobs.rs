//! The jobs of a driver that are with the workers: signing, key agreement and the checking of chains take up to milliseconds
//! each, which nobody else on the I/O thread should wait for.

use crate::reactor::{DriverWaker, lock};
use crate::workers::Workers;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// How many jobs of one driver are with the workers at once. The others wait in their order: so a thousand that come at
/// once take the workers' queue from nobody.
const MAX_IN_FLIGHT: usize = 64;

/// How many wait beyond them; one more is given up.
const MAX_WAITING: usize = 4096;

/// What a worker brings back, or nothing if the job was not done.
pub(crate) struct Finished<K, T> {
    pub(crate) key: K,
    pub(crate) result: Option<T>,
}

/// The jobs of a driver. `K` tells which connection one belongs to.
pub(crate) struct Jobs<K, T> {
    /// Joined with the first job.
    workers: Option<Workers>,
    finished: Arc<Mutex<Vec<Finished<K, T>>>>,
    in_flight: usize,
    waiting: VecDeque<Waiting<K, T>>,
}

struct Waiting<K, T> {
    key: K,
    work: Box<dyn FnOnce() -> T + Send>,
    /// After this nobody waits for it any more, and a flood must not have the workers toil for the dead.
    deadline: Option<Instant>,
}

impl<K: Copy + Send + 'static, T: Send + 'static> Jobs<K, T> {
    pub(crate) fn new() -> Self {
        Self { workers: None, finished: Arc::default(), in_flight: 0, waiting: VecDeque::new() }
    }

    /// Has a worker do `work`, if one is free before `deadline`. `waker` is called when it is done.
    pub(crate) fn start(
        &mut self,
        key: K,
        work: impl FnOnce() -> T + Send + 'static,
        deadline: Option<Instant>,
        waker: Option<&DriverWaker>,
    ) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(Waiting { key, work: Box::new(work), deadline });
        }
        self.pump(waker);
    }

    fn pump(&mut self, waker: Option<&DriverWaker>) {
        while self.in_flight < MAX_IN_FLIGHT
            && let Some(Waiting { key, work, deadline }) = self.waiting.pop_front()
        {
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                continue;
            }
            let finished = Arc::clone(&self.finished);
            let caller = waker.cloned();
            let done = move |result: Result<T, String>| {
                lock(&finished).push(Finished { key, result: result.ok() });
                if let Some(waker) = caller {
                    waker.wake();
                }
            };
            self.in_flight += 1;
            let workers = self.workers.get_or_insert_with(Workers::new);
            if workers.run(work, done).is_err() {
                // The process has more jobs than it can bear: this one is given up.
                lock(&self.finished).push(Finished { key, result: None });
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
    }

    /// Whether a job has not come back yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight > 0
    }

    /// Takes what has come back, and lets those that waited follow.
    pub(crate) fn take_finished(&mut self, waker: Option<&DriverWaker>) -> Vec<Finished<K, T>> {
        if self.in_flight == 0 {
            return Vec::new();
        }
        let finished = std::mem::take(&mut *lock(&self.finished));
        self.in_flight -= finished.len();
        self.pump(waker);
        finished
    }
}

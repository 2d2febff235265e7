//! The jobs of a driver that run on the workers: a signature, a key agreement or a chain verification takes up to
//! milliseconds, for which other connections on the I/O thread must not wait.

use crate::reactor::{DriverWaker, lock};
use crate::workers::Workers;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

/// Maximum number of jobs of one driver in the workers' queue. Further ones are queued in the driver, so that a burst
/// in one driver does not fill the queue of all.
const MAX_IN_FLIGHT: usize = 64;

/// Maximum number of jobs queued in the driver; further ones are rejected.
const MAX_QUEUED: usize = 4096;

/// A token that a connection holds: once it is dropped, the connection's jobs are not run.
pub(crate) type Alive = Arc<()>;

/// The output of a job, or `None` if it was not run: the connection must then be closed.
pub(crate) struct Finished<K, T> {
    pub(crate) key: K,
    pub(crate) result: Option<T>,
}

/// The jobs of a driver. `K` identifies the connection of a job.
pub(crate) struct Jobs<K, T> {
    /// Set with the first job.
    workers: Option<Workers>,
    finished: Arc<Mutex<Vec<Finished<K, T>>>>,
    in_flight: usize,
    queued: VecDeque<QueuedJob<K, T>>,
}

struct QueuedJob<K, T> {
    key: K,
    work: Box<dyn FnOnce() -> T + Send>,
    alive: Weak<()>,
}

impl<K: Copy + Send + 'static, T: Send + 'static> Jobs<K, T> {
    pub(crate) fn new() -> Self {
        Self { workers: None, finished: Arc::default(), in_flight: 0, queued: VecDeque::new() }
    }

    /// Runs `work` on a worker, unless the connection is closed before one is free. Wakes `waker` when the job is done,
    /// or rejected because the queue is full.
    pub(crate) fn start(
        &mut self,
        key: K,
        alive: &Alive,
        work: impl FnOnce() -> T + Send + 'static,
        waker: Option<&DriverWaker>,
    ) {
        if self.queued.len() >= MAX_QUEUED {
            // Jobs of closed connections do not count.
            self.queued.retain(|job| job.alive.strong_count() > 0);
        }
        if self.queued.len() < MAX_QUEUED {
            let alive = Arc::downgrade(alive);
            self.queued.push_back(QueuedJob { key, work: Box::new(work), alive });
        } else {
            self.in_flight += 1;
            self.reject(key, waker);
        }
        self.start_queued(waker);
    }

    /// Reports a job, already counted as in flight, as not run.
    fn reject(&self, key: K, waker: Option<&DriverWaker>) {
        lock(&self.finished).push(Finished { key, result: None });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn start_queued(&mut self, waker: Option<&DriverWaker>) {
        while self.in_flight < MAX_IN_FLIGHT
            && let Some(QueuedJob { key, work, alive }) = self.queued.pop_front()
        {
            if alive.strong_count() == 0 {
                continue;
            }
            let finished = Arc::clone(&self.finished);
            let caller = waker.cloned();
            // The connection may close while the job is in the workers' queue.
            let work = move || (alive.strong_count() > 0).then(work);
            let done = move |result: Result<Option<T>, String>| {
                lock(&finished).push(Finished { key, result: result.ok().flatten() });
                if let Some(waker) = caller {
                    waker.wake();
                }
            };
            self.in_flight += 1;
            let workers = self.workers.get_or_insert_with(Workers::new);
            if workers.run(work, done).is_err() {
                // The workers' queue is full.
                self.reject(key, waker);
            }
        }
    }

    /// Returns true if a job is in flight.
    pub(crate) fn is_busy(&self) -> bool {
        self.in_flight > 0
    }

    /// Takes the finished jobs, and starts queued ones in their place.
    pub(crate) fn take_finished(&mut self, waker: Option<&DriverWaker>) -> Vec<Finished<K, T>> {
        if self.in_flight == 0 {
            return Vec::new();
        }
        let finished = std::mem::take(&mut *lock(&self.finished));
        self.in_flight -= finished.len();
        self.start_queued(waker);
        finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    /// Starts the maximum number of jobs, which block until the guard of `gate` is dropped.
    fn fill(jobs: &mut Jobs<usize, ()>, alive: &Alive, gate: &Arc<Mutex<()>>) {
        for key in 0..MAX_IN_FLIGHT {
            let gate = Arc::clone(gate);
            jobs.start(key, alive, move || drop(lock(&gate)), None);
        }
    }

    /// Takes finished jobs until none is in flight. Returns their keys and whether they were run.
    fn finish(jobs: &mut Jobs<usize, ()>) -> Vec<(usize, bool)> {
        let end = Instant::now() + Duration::from_mins(1);
        let mut all = Vec::new();
        while jobs.in_flight > 0 {
            assert!(Instant::now() < end, "{} are in flight", jobs.in_flight);
            let finished = jobs.take_finished(None);
            all.extend(
                finished.into_iter().map(|finished| (finished.key, finished.result.is_some())),
            );
            std::thread::sleep(Duration::from_micros(100));
        }
        assert!(jobs.queued.is_empty());
        all
    }

    #[test]
    fn jobs_of_closed_connections_are_not_run() {
        let (gate, ran) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (open, closed) = (Alive::default(), Alive::default());
        let guard = lock(&gate);
        // All workers are busy.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut busy: Vec<_> = (0..=cores / MAX_IN_FLIGHT).map(|_| Jobs::new()).collect();
        for jobs in &mut busy {
            fill(jobs, &open, &gate);
        }
        // Some of these are in the workers' queue, the others in the driver's.
        let mut jobs = Jobs::new();
        for key in 0..MAX_IN_FLIGHT + 10 {
            let ran = Arc::clone(&ran);
            let work = move || {
                ran.fetch_add(1, Ordering::Relaxed);
            };
            jobs.start(key, &closed, work, None);
        }
        drop(closed);
        drop(guard);
        assert!(finish(&mut jobs).iter().all(|(_, done)| !done));
        assert!(busy.iter_mut().flat_map(finish).all(|(_, done)| done));
        assert_eq!(ran.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_job_beyond_the_queue_limit_is_reported_as_not_run() {
        let gate = Arc::default();
        let (open, closed) = (Alive::default(), Alive::default());
        let mut jobs = Jobs::new();
        let guard = lock(&gate);
        fill(&mut jobs, &open, &gate);
        for key in 0..MAX_QUEUED {
            jobs.start(1000, if key < 5 { &closed } else { &open }, || (), None);
        }
        drop(closed);
        // Five queued jobs of a closed connection are dropped.
        for key in 2000..2008 {
            jobs.start(key, &open, || (), None);
        }
        drop(guard);
        let mut done = finish(&mut jobs);
        done.retain(|(key, _)| *key >= 2000);
        done.sort_unstable();
        let expected: Vec<_> = (2000..2008).map(|key| (key, key < 2005)).collect();
        assert_eq!(done, expected);
    }
}

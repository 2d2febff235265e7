//! The jobs of a driver that are with the workers: signing, key agreement and the checking of chains take up to milliseconds
//! each, which nobody else on the I/O thread should wait for.

use crate::reactor::{DriverWaker, lock};
use crate::workers::Workers;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

/// How many jobs of one driver are with the workers at once. The others wait in their order: so a thousand that come at
/// once take the workers' queue from nobody.
const MAX_IN_FLIGHT: usize = 64;

/// How many wait beyond them; one more is refused.
const MAX_WAITING: usize = 4096;

/// Held by a connection as long as it exists: its jobs are not run after that.
pub(crate) type Alive = Arc<()>;

/// What a worker brings back, or nothing if the job was not done: its connection is to end.
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
    alive: Weak<()>,
}

impl<K: Copy + Send + 'static, T: Send + 'static> Jobs<K, T> {
    pub(crate) fn new() -> Self {
        Self { workers: None, finished: Arc::default(), in_flight: 0, waiting: VecDeque::new() }
    }

    /// Has a worker do `work`, unless the connection has gone before one is free. `waker` is called when it is done, or
    /// refused since too many wait.
    pub(crate) fn start(
        &mut self,
        key: K,
        alive: &Alive,
        work: impl FnOnce() -> T + Send + 'static,
        waker: Option<&DriverWaker>,
    ) {
        if self.waiting.len() >= MAX_WAITING {
            // Those of connections that have gone take no place from the others.
            self.waiting.retain(|waiting| waiting.alive.strong_count() > 0);
        }
        if self.waiting.len() < MAX_WAITING {
            let alive = Arc::downgrade(alive);
            self.waiting.push_back(Waiting { key, work: Box::new(work), alive });
        } else {
            self.in_flight += 1;
            self.refuse(key, waker);
        }
        self.pump(waker);
    }

    /// Brings back nothing for a job that counts among those in flight.
    fn refuse(&self, key: K, waker: Option<&DriverWaker>) {
        lock(&self.finished).push(Finished { key, result: None });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn pump(&mut self, waker: Option<&DriverWaker>) {
        while self.in_flight < MAX_IN_FLIGHT
            && let Some(Waiting { key, work, alive }) = self.waiting.pop_front()
        {
            if alive.strong_count() == 0 {
                continue;
            }
            let finished = Arc::clone(&self.finished);
            let caller = waker.cloned();
            // It may have gone while the job was in the workers' queue.
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
                // The process has more jobs than it can bear.
                self.refuse(key, waker);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    /// Has as many jobs in flight as may be, which wait for the end of the guard.
    fn fill(jobs: &mut Jobs<usize, ()>, alive: &Alive, gate: &Arc<Mutex<()>>) {
        for key in 0..MAX_IN_FLIGHT {
            let gate = Arc::clone(gate);
            jobs.start(key, alive, move || drop(lock(&gate)), None);
        }
    }

    /// Takes what comes back until nothing is left to do: of which keys, and whether it was done.
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
        assert!(jobs.waiting.is_empty());
        all
    }

    #[test]
    fn jobs_of_connections_that_have_gone_do_no_work() {
        let (gate, ran) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let (here, gone) = (Alive::default(), Alive::default());
        let guard = lock(&gate);
        // No worker is free.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut busy: Vec<_> = (0..=cores / MAX_IN_FLIGHT).map(|_| Jobs::new()).collect();
        for jobs in &mut busy {
            fill(jobs, &here, &gate);
        }
        // Some of these are in the workers' queue, the others wait for their turn.
        let mut jobs = Jobs::new();
        for key in 0..MAX_IN_FLIGHT + 10 {
            let ran = Arc::clone(&ran);
            let work = move || {
                ran.fetch_add(1, Ordering::Relaxed);
            };
            jobs.start(key, &gone, work, None);
        }
        drop(gone);
        drop(guard);
        assert!(finish(&mut jobs).iter().all(|(_, done)| !done));
        assert!(busy.iter_mut().flat_map(finish).all(|(_, done)| done));
        assert_eq!(ran.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_job_beyond_those_that_may_wait_is_told_to_be_refused() {
        let gate = Arc::default();
        let (here, gone) = (Alive::default(), Alive::default());
        let mut jobs = Jobs::new();
        let guard = lock(&gate);
        fill(&mut jobs, &here, &gate);
        for key in 0..MAX_WAITING {
            jobs.start(1000, if key < 5 { &gone } else { &here }, || (), None);
        }
        drop(gone);
        // Those that have gone make room for five.
        for key in 2000..2008 {
            jobs.start(key, &here, || (), None);
        }
        drop(guard);
        let mut done = finish(&mut jobs);
        done.retain(|(key, _)| *key >= 2000);
        done.sort_unstable();
        let expected: Vec<_> = (2000..2008).map(|key| (key, key < 2005)).collect();
        assert_eq!(done, expected);
    }
}

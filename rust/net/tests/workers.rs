//! The workers, in a separate process, because the pool is global to the process.
#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expected")]

use lodewire_net::workers::Workers;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

/// The documented limit of the queue.
const MAX_QUEUED: usize = 1024;
/// Ends a hang; no test depends on its length.
const TIMEOUT: Duration = Duration::from_mins(5);

#[test]
fn jobs_run_at_lower_priority_panics_are_errors_and_the_queue_is_bounded() {
    let workers = Workers::new();
    let (sender, results) = channel();
    let answer = sender.clone();
    workers.run(|| 6 * 7, move |result| answer.send(result).expect("waited for")).expect("idle");
    assert_eq!(results.recv_timeout(TIMEOUT), Ok(Ok(42)));

    let answer = sender.clone();
    let job = || -> i32 { panic!("by design") };
    workers.run(job, move |result| answer.send(result).expect("waited for")).expect("idle");
    assert_eq!(results.recv_timeout(TIMEOUT), Ok(Err("by design".to_owned())));

    // The worker survives.
    workers.run(|| 1, move |result| sender.send(result).expect("waited for")).expect("idle");
    assert_eq!(results.recv_timeout(TIMEOUT), Ok(Ok(1)));

    #[cfg(target_os = "linux")]
    {
        let (sender, nice) = channel();
        let job = || std::fs::read_to_string("/proc/thread-self/stat").expect("Linux");
        workers.run(job, move |stat| sender.send(stat).expect("waited for")).expect("idle");
        let stat = nice.recv_timeout(TIMEOUT).expect("an answer").expect("no panic");
        // The fields after the name in parentheses; the 17th of them is the niceness (proc(5)).
        let after_name = stat.rsplit_once(") ").expect("a name").1;
        let nice: i32 = after_name.split(' ').nth(16).expect("19 fields").parse().expect("nice");
        assert!((1..=10).contains(&nice), "niceness {nice}");
    }

    // The queue is bounded. The workers are busy until the channel closes.
    let (release, held) = channel::<()>();
    let (started_sender, started) = channel();
    let held = Mutex::new(held);
    let first = move || {
        started_sender.send(()).expect("waited for");
        held.lock().is_ok_and(|held| held.recv().is_ok())
    };
    workers.run(first, |_| ()).expect("idle");
    started.recv_timeout(TIMEOUT).expect("it starts");
    let rejected = (0..2 * MAX_QUEUED).filter(|_| workers.run(|| (), |_| ()).is_err()).count();
    assert!(rejected > 0 && rejected <= MAX_QUEUED, "{rejected} rejected");
    drop(release);
}

//! A server in a process of its own, and what the system says of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// The servers have a core, and the clients another.
pub(crate) const SERVER_CORE: usize = 0;
/// The clients' core.
pub(crate) const CLIENT_CORE: usize = 1;

/// For an engine to start, on a machine that does other things as well.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The prefixes of the lines with a server's port, or its error.
const PORT: &str = "listening on port ";
const SKIP: &str = "skip ";

/// A process that runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    name: String,
}

/// Processor time, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    /// All of it, exact.
    pub(crate) total: f64,
    /// In the program itself: sampled by the kernel at each tick.
    pub(crate) user: f64,
    /// In the kernel, sampled likewise.
    pub(crate) system: f64,
}

impl Cpu {
    /// Returns the usage since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            total: self.total - before.total,
            user: self.user - before.user,
            system: self.system - before.system,
        }
    }
}

impl Process {
    /// Starts it, on one core if told so.
    pub(crate) fn start(name: &str, mut command: Command, core: Option<usize>) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        // A child has the cores of the thread that starts it, from its first instruction on.
        let child = thread::scope(|scope| {
            let start = scope.spawn(|| {
                core.map_or_else(free, pin)?;
                command.spawn().with_context(|| format!("{name} does not start"))
            });
            start.join().map_err(|_| anyhow!("a thread failed"))?
        });
        let mut child = child?;
        let output = child.stdout.take().context("no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, name: name.to_owned() })
    }

    /// Waits for the line that tells its port, or why it serves none.
    pub(crate) fn announcement(&self) -> Result<Result<SocketAddr, String>> {
        let line =
            self.next_line(START_LIMIT, |line| line.starts_with(PORT) || line.starts_with(SKIP))?;
        if let Some(why) = line.strip_prefix(SKIP) {
            return Ok(Err(why.to_owned()));
        }
        let port = line.trim_start_matches(PORT).trim().parse()?;
        Ok(Ok((Ipv4Addr::LOCALHOST, port).into()))
    }

    /// Returns the address that it listens on.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.announcement()?.map_err(|why| anyhow!("{}: {why}", self.name))
    }

    fn next_line(&self, limit: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let until = Instant::now() + limit;
        let mut seen = String::new();
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if wanted(&line) => return Ok(line),
                Ok(line) => seen = seen + &line + "\n",
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} does not say what it should:\n{seen}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => bail!("{} has ended:\n{seen}", self.name),
            }
        }
    }

    /// The rest of the next line that begins with `start`.
    pub(crate) fn line_after(&self, start: &str, limit: Duration) -> Result<String> {
        let line = self.next_line(limit, |line| line.starts_with(start))?;
        Ok(line.trim_start_matches(start).to_owned())
    }

    /// The rest of the next line that begins with `start`, of those that have come.
    pub(crate) fn line_now(&self, start: &str) -> Option<String> {
        self.lines.try_iter().find_map(|line| line.strip_prefix(start).map(str::to_owned))
    }

    /// Throws away what it has printed so far.
    pub(crate) fn forget_lines(&self) {
        while self.lines.try_recv().is_ok() {}
    }

    /// The processor time that it has used, in all its threads.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        let folder = format!("/proc/{}", self.child.id());
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        // The second field is a name in parentheses, which may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("a strange stat")?;
        let tick = sysconf(SysconfVar::CLK_TCK)?.context("no ticks")?;
        let seconds = |field: usize| -> Result<f64> {
            let ticks: u32 =
                fields.split_whitespace().nth(field).context("a short stat")?.parse()?;
            Ok(f64::from(ticks) / tick as f64)
        };
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("{folder}/task"))? {
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            let running = schedstat.split_whitespace().next().context("a strange schedstat")?;
            nanoseconds += running.parse::<u64>()?;
        }
        Ok(Cpu {
            total: Duration::from_nanos(nanoseconds).as_secs_f64(),
            user: seconds(11)?,
            system: seconds(12)?,
        })
    }

    /// The memory that is its own, and its share of what others use as well: PSS, in KiB.
    pub(crate) fn memory(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets this thread, and what it starts, run on one core alone.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("no core {core}"))
}

/// Lets it run on all.
fn free() -> Result<()> {
    let mut set = CpuSet::new();
    for core in 0..thread::available_parallelism()?.get().max(cores()?) {
        set.set(core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Returns the number of cores of the machine.
pub(crate) fn cores() -> Result<usize> {
    let count = sysconf(SysconfVar::_NPROCESSORS_ONLN)?.context("no number of cores")?;
    Ok(usize::try_from(count)?)
}

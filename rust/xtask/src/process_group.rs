//! Process groups: a process ends together with all that it started, also when
//! xtask is interrupted.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};

/// The groups that run, by the id of their first process.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The exit code that shells return for an interrupted program.
const INTERRUPTED: i32 = 130;

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has an interruption (Ctrl-C, a closed terminal) end all groups: they are not the
/// terminal's own group, so they would not hear of it.
pub(crate) fn end_all_when_interrupted() -> Result<()> {
    ctrlc::set_handler(|| {
        for group in running().iter() {
            kill_group(*group);
        }
        std::process::exit(INTERRUPTED);
    })
    .context("interruptions cannot be caught")
}

/// Makes the process the first of a new group.
pub(crate) fn lead(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Notes a group that has been started.
pub(crate) fn remember(group: u32) {
    running().insert(group);
}

/// Kills what is left of a group whose first process has ended.
pub(crate) fn end(group: u32) {
    kill_group(group);
    running().remove(&group);
}

/// Kills a process and its group.
pub(crate) fn kill(child: &mut Child) {
    kill_group(child.id());
    // One that is dead already is what we want.
    let _ = child.kill();
}

#[cfg(unix)]
fn kill_group(group: u32) {
    use nix::sys::signal::{Signal, killpg};
    use nix::unistd::Pid;
    if let Ok(group) = i32::try_from(group) {
        // A group that is gone is what we want.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_group: u32) {}

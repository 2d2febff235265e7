//! The measurements, each for all implementations in turn.

mod bulk;
mod coder;
mod echo;
mod flow;
mod game_thread;
mod idle;
mod peers;

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::figure::Figures;
use super::subject::{Setup, Subject};
use crate::process::{self, CLIENT_CORE};

pub(crate) use bulk::PACKET as BULK_PACKET;
pub(crate) use echo::{CLIENTS as ECHO_CLIENTS, DELIVERIES as ECHO_DELIVERIES, MESSAGE};
pub(crate) use flow::{DELIVERIES as FLOW_DELIVERIES, PEERS as FLOW_PEERS};
pub(crate) use game_thread::{IDLE_PEERS, LOADS as GAME_LOADS};
pub(crate) use idle::SLOTS;

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Packets per second in memory.
    Flow,
    /// A wake-up with nothing to do.
    Idle,
    /// The server's processor time per echo.
    Echo,
    /// Long packets.
    Bulk,
    /// The range coder.
    Coder,
    /// The game's thread, in the engine.
    GameThread,
}

/// Measures a case of a part in memory, in this process; `None` if the subject is not there.
pub(crate) fn alone(
    subject: Subject,
    setup: &Setup,
    part: Part,
    case: usize,
) -> Result<Option<Vec<f64>>> {
    match part {
        Part::Flow => flow::alone(subject, setup, case),
        Part::Idle => idle::alone(subject, setup, case),
        Part::Coder => coder::alone(subject, setup),
        Part::Echo | Part::Bulk | Part::GameThread => bail!("this is not measured in memory"),
    }
}

/// Measures everything once.
pub(crate) fn round(setup: &Setup, only: &[Part], figures: &mut Figures) -> Result<()> {
    process::pin(CLIENT_CORE)?;
    for part in Part::value_variants() {
        if !only.is_empty() && !only.contains(part) {
            continue;
        }
        match part {
            Part::Flow => flow::measure(setup, figures)?,
            Part::Idle => idle::measure(setup, figures)?,
            Part::Echo => echo::measure(setup, figures)?,
            Part::Bulk => bulk::measure(setup, figures)?,
            Part::Coder => coder::measure(setup, figures)?,
            Part::GameThread => game_thread::measure(setup, figures)?,
        }
    }
    Ok(())
}

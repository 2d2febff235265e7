//! The measurements, each for all servers in turn.

mod burst;
mod echo;
mod game_thread;
mod memory;

use anyhow::Result;
use clap::ValueEnum;

use crate::process::{self, CLIENT_CORE};
use crate::websocket::figure::Figures;
use crate::websocket::subject::Setup;

pub(crate) use burst::CONNECTIONS as BURST;
pub(crate) use echo::LOADS;
pub(crate) use game_thread::IDLE_PEERS;
pub(crate) use memory::CONNECTIONS as IDLE_CONNECTIONS;

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Processor time per echoed message.
    Echo,
    /// Memory per idle connection.
    Memory,
    /// A burst of connections.
    Burst,
    /// The game's thread, in the engine.
    GameThread,
}

/// Measures everything once.
pub(crate) fn round(setup: &Setup, only: &[Part], figures: &mut Figures) -> Result<()> {
    process::pin(CLIENT_CORE)?;
    for part in Part::value_variants() {
        if !only.is_empty() && !only.contains(part) {
            continue;
        }
        match part {
            Part::Echo => echo::measure(setup, figures)?,
            Part::Memory => memory::measure(setup, figures)?,
            Part::Burst => burst::measure(setup, figures)?,
            Part::GameThread => game_thread::measure(setup, figures)?,
        }
    }
    Ok(())
}

//! The command line of these measurements.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::charts;
use super::figure::Figures;
use super::{game_thread, in_memory, memory, report};
use crate::engine::Engine;
use crate::machine;
use crate::plot;
use crate::process::{CLIENT_CORE, pin};

/// The peers in Rust, and what ours stands on.
const CRATES: [&str; 2] = ["aws-lc-rs", "dimpl"];

/// The measurements and the implementations.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of rounds; the medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The duration of each measurement in seconds
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Measure these parts alone
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// The engine: the program, then the arguments that come first, an option for each
    #[arg(long, allow_hyphen_values = true)]
    engine: Vec<OsString>,
    /// The engine's version
    #[arg(long, default_value = "")]
    engine_version: String,
    /// A copy of this crate's project whose addon is the editor's library
    #[arg(long)]
    editor_project: Option<PathBuf>,
    /// The folder for the table and the plot; the last one counts
    #[arg(long, overrides_with = "output")]
    output: Option<PathBuf>,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Handshakes and records in memory
    InMemory,
    /// The memory of idle connections
    Memory,
    /// The game's thread
    GameThread,
}

/// Measures, and writes the table and the plot.
pub(crate) fn run(options: Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let engine = if options.engine.is_empty() {
        None
    } else {
        let engine = Engine::new(&options.engine, options.engine_version)?;
        Some(engine.with_editor_project(options.editor_project))
    };
    let program = std::env::current_exe()?;
    let time = Duration::from_secs_f64(options.seconds);
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    let mut figures = Figures::default();
    // What is measured here, or loads what is measured, has one core; the servers have what they start with.
    pin(CLIENT_CORE)?;
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        if wants(Part::InMemory) {
            in_memory::measure(time, &mut figures)?;
        }
        if wants(Part::Memory) {
            memory::measure(&program, &mut figures)?;
        }
        if let Some(engine) = engine.as_ref().filter(|_| wants(Part::GameThread)) {
            game_thread::measure(engine, time, &mut figures)?;
        }
    }
    let openssl = std::iter::once(openssl_version());
    let engine = engine.as_ref().map(|engine| format!("Godot {}", engine.version));
    let mut machine = machine::describe(&CRATES, openssl.chain(engine))?;
    let (rounds, seconds) = (options.rounds, options.seconds);
    machine.push(format!("{rounds} rounds, {seconds} s for each figure"));
    let text = report::markdown(&figures, &machine);
    println!("\n{text}");
    if let Some(folder) = options.output {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("dtls.md"), text)?;
        plot::draw(&charts::all(&figures), &folder.join("dtls.svg"))?;
        println!("written to {}", folder.display());
    }
    Ok(())
}

#[cfg(feature = "openssl")]
fn openssl_version() -> String {
    super::openssl::version()
}

#[cfg(not(feature = "openssl"))]
fn openssl_version() -> String {
    "without OpenSSL".to_owned()
}

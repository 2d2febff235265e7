//! The command line of these measurements.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use super::c_enet::CInMemory;
use super::charts;
use super::figure::Figures;
use super::measure::{self, Part};
use super::report;
use super::server::{Serve, Work};
use super::subject::{SUBJECTS, Setup, Subject};
use crate::engine::Engine;
use crate::machine;
use crate::plot;

/// The peers in Rust.
const CRATES: [&str; 1] = ["rusty_enet"];

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
    /// Measure these alone
    #[arg(long, value_enum)]
    subject: Vec<Subject>,
    /// The folder with the libraries of C ENet
    #[arg(long)]
    c_enet: Option<PathBuf>,
    /// The origin of its sources
    #[arg(long, default_value = "sources of unknown origin")]
    c_enet_source: String,
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

/// Which server to be.
#[derive(Args)]
pub(crate) struct ServerOptions {
    /// Whose
    subject: Subject,
    /// The handling of packets
    work: Work,
    /// The most clients
    #[arg(long, default_value_t = 32)]
    peers: usize,
    /// The folder with the libraries of C ENet
    #[arg(long)]
    c_enet: Option<PathBuf>,
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
    let setup = Setup {
        program: std::env::current_exe()?,
        subjects: if options.subject.is_empty() { SUBJECTS.to_vec() } else { options.subject },
        c_enet: options.c_enet,
        engine,
        time: Duration::from_secs_f64(options.seconds),
    };
    let mut figures = Figures::default();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        measure::round(&setup, &options.only, &mut figures)?;
    }
    let c_enet = match &setup.c_enet {
        Some(folder) => {
            let version = CInMemory::open(folder)?.version();
            Some(format!("C ENet {version} ({})", options.c_enet_source))
        }
        None => None,
    };
    let engine = setup.engine.as_ref().map(|engine| format!("Godot {}", engine.version));
    let mut machine = machine::describe(&CRATES, c_enet.into_iter().chain(engine))?;
    let (rounds, seconds) = (options.rounds, options.seconds);
    machine.push(format!("{rounds} rounds, {seconds} s for each figure"));
    let text = report::markdown(&figures, &machine);
    println!("\n{text}");
    if let Some(folder) = options.output {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("enet.md"), text)?;
        plot::draw(&charts::all(&figures), &folder.join("enet.svg"))?;
        println!("written to {}", folder.display());
    }
    Ok(())
}

/// Serves for ever.
pub(crate) fn serve(options: ServerOptions) -> Result<()> {
    let ServerOptions { subject, work, peers, c_enet } = options;
    let subjects = vec![subject];
    let setup =
        Setup { program: PathBuf::new(), subjects, c_enet, engine: None, time: Duration::ZERO };
    let served = subject.over_udp(&setup, Serve { work, peers })?;
    ensure!(served.is_some(), "{} is not there", subject.name());
    Ok(())
}

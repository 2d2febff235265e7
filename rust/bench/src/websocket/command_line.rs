//! The command line of these measurements.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::engine::Engine;
use crate::machine;
use crate::plot;
use crate::websocket::charts;
use crate::websocket::figure::Figures;
use crate::websocket::measure::{self, Part};
use crate::websocket::report;
use crate::websocket::subject::{Node, Setup};

/// The peers in Rust, and what they run on.
const CRATES: [&str; 4] = ["tungstenite", "mio", "fastwebsockets", "tokio"];

/// The measurements and the implementations.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of rounds; the medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The duration of each echo measurement in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measure these parts alone
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Node.js
    #[arg(long, requires = "node_modules")]
    node: Option<PathBuf>,
    /// The folder in which npm's `ws` is
    #[arg(long)]
    node_modules: Option<PathBuf>,
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

/// Measures, and writes the table and the plot.
pub(crate) fn run(options: Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let engine = if options.engine.is_empty() {
        None
    } else {
        let engine = Engine::new(&options.engine, options.engine_version)?;
        Some(engine.with_editor_project(options.editor_project))
    };
    let node = options.node.zip(options.node_modules);
    let node = node.map(|(program, modules)| Node::new(program, modules)).transpose()?;
    let setup = Setup {
        program: std::env::current_exe()?,
        node,
        engine,
        time: Duration::from_secs_f64(options.seconds),
    };
    let mut figures = Figures::default();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        measure::round(&setup, &options.only, &mut figures)?;
    }
    let text = report::markdown(&figures, &describe(&setup, options.rounds)?);
    println!("\n{text}");
    if let Some(folder) = options.output {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("websocket.md"), text)?;
        plot::draw(&charts::all(&figures), &folder.join("websocket.svg"))?;
        println!("written to {}", folder.display());
    }
    Ok(())
}

fn describe(setup: &Setup, rounds: usize) -> Result<Vec<String>> {
    let node = setup.node.as_ref().map(|node| format!("ws {}", node.version));
    let engine = setup.engine.as_ref().map(|engine| format!("Godot {}", engine.version));
    let mut lines = machine::describe(&CRATES, node.into_iter().chain(engine))?;
    let seconds = setup.time.as_secs_f64();
    lines.push(format!("{rounds} rounds, {seconds} s for each echo figure"));
    Ok(lines)
}

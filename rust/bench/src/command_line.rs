//! The command line of the program.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::engine::Engine;
use crate::figures::Figures;
use crate::machine;
use crate::measure::{self, Part};
use crate::plot;
use crate::report;
use crate::servers::{self, Server};
use crate::subject::{Node, Setup};

/// Measures Lodewire beside its peers.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Be one of the servers
    Server {
        /// Which
        server: Server,
        /// For the accept loop: how many connections are all
        #[arg(long, default_value_t = 1)]
        connections: usize,
    },
    /// Measure WebSocket servers
    Websocket(Websocket),
}

#[derive(Args)]
struct Websocket {
    /// How often everything is measured; the medians count
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many seconds messages are echoed for one figure
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
    /// What version the engine is
    #[arg(long, default_value = "")]
    engine_version: String,
    /// The folder for the table and the plot; the last one counts
    #[arg(long, overrides_with = "output")]
    output: Option<PathBuf>,
}

/// Does what the command line asks for.
pub(crate) fn run() -> Result<()> {
    match Arguments::parse().task {
        Task::Server { server, connections } => servers::run(server, connections),
        Task::Websocket(options) => websocket(options),
    }
}

fn websocket(options: Websocket) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let engine = if options.engine.is_empty() {
        None
    } else {
        Some(Engine::new(&options.engine, options.engine_version)?)
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
    let text = report::markdown(&figures, &machine::describe(&setup, options.rounds)?);
    println!("\n{text}");
    if let Some(folder) = options.output {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("websocket.md"), text)?;
        plot::draw(&figures, &folder.join("websocket.svg"))?;
        println!("written to {}", folder.display());
    }
    Ok(())
}

//! Joining by `wss://`: connections in turn, between ours, the engine's and Python's, in both directions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::engine::{Engine, Library, Scene};
use crate::process::Process;

/// Timeout of all connections of a pair.
const LIMIT: Duration = Duration::from_mins(10);

/// The polling interval of a server in the engine: shorter than a game's, so that the network is measured.
const FPS: u32 = 1000;

/// The slowest connection that is wanted, in milliseconds, on a machine with nothing else to do.
const SLOWEST: f64 = 100.0;

/// The factor by which our client may take longer than the engine's at the same server.
const RATIO: f64 = 2.0;

/// The pairs of clients and servers.
#[derive(Args)]
pub(crate) struct Options {
    /// The number of connections of each pair, one after the other
    #[arg(long, default_value_t = 400)]
    count: usize,
    /// The number of busy loops that run at the same time
    #[arg(long, default_value_t = 0)]
    busy: usize,
    /// A Python in which `websockets` is installed
    #[arg(long)]
    python: Option<PathBuf>,
    /// The engine: the program, then the arguments that come first, an option for each
    #[arg(long, allow_hyphen_values = true)]
    engine: Vec<OsString>,
    /// The engine's version
    #[arg(long, default_value = "")]
    engine_version: String,
    /// As the other measurements have it; the table is printed alone
    #[arg(long, hide = true, overrides_with = "output")]
    output: Option<PathBuf>,
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Lodewire,
    Engine,
    Python,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Lodewire => "Lodewire",
            Self::Engine => "Godot",
            Self::Python => "websockets",
        }
    }

    /// As the scenes call it.
    fn scene(self) -> &'static str {
        if self == Self::Lodewire { "lodewire" } else { "engine" }
    }
}

/// The pairs: the server, then the client. Those of the engine with itself and with Python are what ours are held against.
const PAIRS: [(End, End); 8] = [
    (End::Lodewire, End::Lodewire),
    (End::Lodewire, End::Engine),
    (End::Lodewire, End::Python),
    (End::Engine, End::Lodewire),
    (End::Engine, End::Engine),
    (End::Engine, End::Python),
    (End::Python, End::Lodewire),
    (End::Python, End::Engine),
];

/// The results of the connections of a pair.
struct Joined {
    lost: usize,
    median: f64,
    slowest: f64,
}

/// Connects all pairs, and prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    let engine = Engine::new(&options.engine, options.engine_version.clone())?;
    let loops = Loops::start(options.busy);
    println!("| server | client | lost | median, ms | slowest, ms |\n|---|---|---|---|---|");
    let mut failed = Vec::new();
    let mut medians = Vec::new();
    for (server, client) in PAIRS {
        let needs_python = server == End::Python || client == End::Python;
        if needs_python && options.python.is_none() {
            continue;
        }
        let Joined { lost, median, slowest } = join(options, &engine, server, client)?;
        let pair = format!("{} | {}", server.name(), client.name());
        println!("| {pair} | {lost} of {} | {median:.1} | {slowest:.1} |", options.count);
        medians.push((server, client, median));
        let ours = server == End::Lodewire || client == End::Lodewire;
        if ours && (lost > 0 || options.busy == 0 && slowest > SLOWEST) {
            failed.push(pair);
        }
    }
    drop(loops);
    for &(server, client, median) in &medians {
        let engines = medians.iter().find(|other| other.0 == server && other.1 == End::Engine);
        if let Some((_, _, engines)) = engines
            && client == End::Lodewire
            && options.busy == 0
            && median > RATIO * engines
        {
            failed.push(format!("{} | {} beside the engine's", server.name(), client.name()));
        }
    }
    if !failed.is_empty() {
        bail!("not as wanted: {}", failed.join(", "));
    }
    Ok(())
}

fn join(options: &Options, engine: &Engine, server: End, client: End) -> Result<Joined> {
    let python = |script: &str| {
        let mut command = Command::new(options.python.clone().unwrap_or_default());
        command.arg(format!("{}/godot/{script}", env!("CARGO_MANIFEST_DIR")));
        command
    };
    let listening = if server == End::Python {
        let mut command = python("joins_server.py");
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suites/websocket/keys");
        command.arg(format!("{keys}/rsa.crt")).arg(format!("{keys}/rsa_pkcs1.key"));
        Process::start(server.name(), command, None)?
    } else {
        engine.start(
            Scene {
                server: server.scene(),
                work: "echo",
                tls: true,
                fps: FPS,
                library: Library::Release,
            },
            None,
        )?
    };
    let url = format!("wss://{}", listening.address()?);
    let connecting = if client == End::Python {
        let mut command = python("joins_client.py");
        command.arg(&url).arg(options.count.to_string());
        Process::start(client.name(), command, None)?
    } else {
        let arguments = [
            "--".to_owned(),
            format!("--client={}", client.scene()),
            format!("--url={url}"),
            format!("--count={}", options.count),
        ];
        engine.start_scene_with("joins.tscn", &arguments)?
    };
    let times: Vec<f64> = serde_json::from_str(&connecting.line_after("joins ", LIMIT)?)?;
    let mut came: Vec<f64> = times.iter().copied().filter(|time| *time >= 0.0).collect();
    came.sort_by(f64::total_cmp);
    Ok(Joined {
        lost: options.count - came.len(),
        slowest: came.last().copied().unwrap_or(f64::NAN),
        median: came.get(came.len() / 2).copied().unwrap_or(f64::NAN),
    })
}

/// Threads that do nothing but take the processor's time, until it is dropped.
struct Loops {
    ended: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Loops {
    fn start(count: usize) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let spin = |ended: Arc<AtomicBool>| {
            while !ended.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        let threads = (0..count)
            .map(|_| {
                let ended = Arc::clone(&ended);
                thread::spawn(move || spin(ended))
            })
            .collect();
        Self { ended, threads }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A loop does not panic.
            let _ = thread.join();
        }
    }
}

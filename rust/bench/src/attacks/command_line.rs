//! The command line of the attacks.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};

use super::attack::{Attack, Family, all};
use super::pace;
use super::report::{Outcome, table, targets};
use super::server::HEALTH;
use super::witnesses::{ask_health, exchange};
use crate::engine::{Engine, Library, Scene};
use crate::machine;
use crate::process::{Process, SERVER_CORE};

/// The frame time of the engine's servers.
const FPS: u32 = 60;

const OURS: &str = "Lodewire";

const INTRODUCTION: &str = "# Attacks, measured

Made by `cargo xtask bench attacks`. An attacker sends 20 Mbit/s on loopback to a server process, including the
headers of IP and UDP or TCP. Meanwhile four peers of the same protocol send a packet of 64 bytes every 20 ms and get
echoes from the game, which polls every 4 ms, and the health check of another server in the process is measured. The
game of the engine's servers polls 60 times a second.

";

const END: &str = "
*Of a core* is the CPU time of the whole process, including its workers. *Memory* is the growth of the process; its
bound is the one in ARCHITECTURE.md, or 4 MiB for buffers if nothing is kept.

";

/// The duration and the target.
#[derive(Args)]
pub(crate) struct Options {
    /// The duration of each attack in seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Only attacks whose name contains this
    #[arg(long, default_value = "")]
    filter: String,
    /// The folder with the libraries of C ENet
    #[arg(long)]
    c_enet: Option<PathBuf>,
    /// The engine: the program, then the arguments that come first, an option for each
    #[arg(long, allow_hyphen_values = true)]
    engine: Vec<OsString>,
    /// The engine's version
    #[arg(long, default_value = "")]
    engine_version: String,
    /// The folder for the table; the last one counts
    #[arg(long, overrides_with = "output")]
    output: Option<PathBuf>,
}

/// Measures all, and writes the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let time = Duration::from_secs_f64(options.seconds);
    let engine = if options.engine.is_empty() {
        None
    } else {
        Some(Engine::new(&options.engine, options.engine_version.clone())?)
    };
    let mut text = INTRODUCTION.to_owned();
    let version = engine.as_ref().map(|engine| format!("Godot {}", engine.version));
    for line in machine::describe(&[], version)? {
        if !line.is_empty() {
            text = text + "- " + &line + "\n";
        }
    }
    let mut measured = Vec::new();
    for attack in all() {
        if !attack.title().contains(&options.filter) {
            continue;
        }
        println!("{}", attack.title());
        let mut outcomes = Vec::new();
        let mut add = |name, process: Result<Process>| {
            let outcome =
                process.and_then(|process| measure(&process, name == OURS, &attack, time));
            let outcome = outcome.map_err(|error| format!("{error:#}"));
            match &outcome {
                Ok(Outcome { core, .. }) => println!("  {name}: {core:.1} % of a core"),
                Err(error) => println!("  {name}: {error}"),
            }
            outcomes.push((name, outcome));
        };
        add(OURS, ours(attack.family));
        if let Some(folder) = &options.c_enet
            && attack.family == Family::Enet
            && !attack.is_stalled
        {
            add("C ENet", theirs(folder));
        }
        if let Some(engine) = &engine
            && let Some(scene) = scene(attack.family)
            && !attack.is_stalled
        {
            add("Godot", engine.start(scene, Some(SERVER_CORE)));
        }
        measured.push((attack, outcomes));
    }
    text = text + "\n" + &table(&measured) + END + &targets(&measured);
    println!("\n{text}");
    if let Some(folder) = &options.output {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("attacks.md"), text)?;
        println!("written to {}", folder.display());
    }
    Ok(())
}

fn ours(family: Family) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("attacked-server");
    command.arg(family.to_possible_value().context("no name")?.get_name());
    Process::start(OURS, command, Some(SERVER_CORE))
}

fn theirs(folder: &Path) -> Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["enet-server", "c-enet", "echo", "--peers", "256", "--c-enet"]).arg(folder);
    Process::start("C ENet", command, Some(SERVER_CORE))
}

/// The engine's own classes for a protocol.
fn scene(family: Family) -> Option<Scene> {
    let (server, tls) = match family {
        Family::Enet => ("engine_enet", false),
        Family::EnetCompressed => return None,
        Family::Dtls => ("engine_dtls", true),
        Family::Websocket => ("engine", false),
        Family::Wss => ("engine", true),
    };
    Some(Scene { server, work: "echo", tls, fps: FPS, library: Library::Release })
}

/// Attacks a new server.
fn measure(process: &Process, is_ours: bool, attack: &Attack, time: Duration) -> Result<Outcome> {
    let health = if is_ours {
        let port: u16 = process.line_after(HEALTH, Duration::from_mins(1))?.trim().parse()?;
        Some((std::net::Ipv4Addr::LOCALHOST, port).into())
    } else {
        None
    };
    let server = process.address()?;
    let (tell, joined) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let peers = scope.spawn(move || {
            exchange(attack.family, server, time, attack.is_stalled, move || {
                let _ = tell.send(());
            })
        });
        if joined.recv().is_err() {
            peers.join().map_err(|_| anyhow!("a thread failed"))??;
            return Err(anyhow!("the peers do not join"));
        }
        let mut attacker = (attack.begin)(server)?;
        let (cpu, memory) = (process.cpu()?, process.memory()?);
        let begin = Instant::now();
        let asked = health.map(|health| scope.spawn(move || ask_health(health, begin + time)));
        let rate = pace::run(&mut *attacker, time)?;
        let core = process.cpu()?.since(cpu).total / begin.elapsed().as_secs_f64() * 100.0;
        let memory = (process.memory()? - memory) / 1024.0;
        let health = match asked {
            Some(asked) => {
                let times = asked.join().map_err(|_| anyhow!("a thread failed"))??;
                times.get(times.len() * 99 / 100).copied()
            }
            None => None,
        };
        let exchanged = peers.join().map_err(|_| anyhow!("a thread failed"))??;
        let (sent, lost, disconnects) = (exchanged.sent, exchanged.lost, exchanged.disconnects);
        Ok(Outcome { rate, core, health, sent, lost, disconnects, memory })
    })
}

//! The command line of the attacks, and their table.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::attack::{ATTACKS, Attack};
use super::server::HEALTH;
use super::witnesses::{ask_health, exchange};
use crate::machine;
use crate::number::number;
use crate::process::{Process, SERVER_CORE};

/// What is wanted: a share of a core, in percent, and a latency in milliseconds.
const MOST_CORE: f64 = 30.0;
const MOST_HEALTH: f64 = 10.0;

const INTRODUCTION: &str = "# Attacks on ENet, measured

Made by `cargo xtask bench attacks`. An attacker sends 20 Mbit/s on loopback to a server process. Meanwhile four peers send
a reliable packet of 64 bytes every 20 ms and get echoes, and another server of the process is asked for its health.

";

/// How long, and against what.
#[derive(Args)]
pub(crate) struct Options {
    /// How many seconds each attack takes
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The folder with the libraries of C ENet
    #[arg(long)]
    c_enet: Option<PathBuf>,
    /// The folder for the table; the last one counts
    #[arg(long, overrides_with = "output")]
    output: Option<PathBuf>,
}

/// What an attack has come to.
struct Outcome {
    rate: f64,
    core: f64,
    health: Option<f64>,
    sent: usize,
    lost: usize,
    disconnects: usize,
    memory: f64,
}

/// Measures all, and writes the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    let time = Duration::from_secs_f64(options.seconds);
    let mut text = INTRODUCTION.to_owned();
    for line in machine::describe(&[], std::iter::empty())? {
        if !line.is_empty() {
            text = text + "- " + &line + "\n";
        }
    }
    text += "\n| attack | server | Mbit/s | of a core, % | health p99, ms | packets lost | connections lost | memory, MiB | reached |\n";
    text += "|---|---|---|---|---|---|---|---|---|\n";
    for attack in ATTACKS {
        println!("{}", attack.name());
        text += &row(attack, "Lodewire", measure(&ours()?, attack, time));
        if let Some(folder) = &options.c_enet {
            text += &row(attack, "C ENet", measure(&theirs(folder)?, attack, time));
        }
    }
    text = text
        + "\n*Of a core* is the processor time of the whole process. *Memory* is by how much it grew. Wanted of ours: at most "
        + &format!("{MOST_CORE} % of a core, health within {MOST_HEALTH} ms, and nothing lost.\n");
    println!("\n{text}");
    if let Some(folder) = &options.output {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("attacks.md"), text)?;
        println!("written to {}", folder.display());
    }
    Ok(())
}

fn ours() -> Result<Vec<OsString>> {
    Ok(vec![std::env::current_exe()?.into(), "attacked-server".into()])
}

fn theirs(folder: &std::path::Path) -> Result<Vec<OsString>> {
    let mut command: Vec<OsString> = vec![std::env::current_exe()?.into()];
    command.extend(["enet-server", "c-enet", "echo", "--peers", "256", "--c-enet"].map(Into::into));
    command.push(folder.into());
    Ok(command)
}

fn row(attack: Attack, server: &str, outcome: Result<Outcome>) -> String {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return format!("| {} | {server} | {error:#} | | | | | | |\n", attack.name()),
    };
    let Outcome { rate, core, health, sent, lost, disconnects, memory } = outcome;
    let reached = core <= MOST_CORE
        && health.is_none_or(|health| health <= MOST_HEALTH)
        && lost + disconnects == 0;
    format!(
        "| {} | {server} | {} | {} | {} | {lost} of {sent} | {disconnects} | {} | {} |\n",
        attack.name(),
        number(rate),
        number(core),
        health.map_or_else(|| "–".to_owned(), number),
        number(memory),
        if reached { "yes" } else { "**no**" }
    )
}

/// Attacks a new server.
fn measure(command: &[OsString], attack: Attack, time: Duration) -> Result<Outcome> {
    let (program, arguments) = command.split_first().context("no program")?;
    let mut command = Command::new(program);
    command.args(arguments);
    let process = Process::start(attack.name(), command, Some(SERVER_CORE))?;
    let is_ours = arguments.len() == 1;
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
            exchange(server, time, move || {
                let _ = tell.send(());
            })
        });
        joined.recv().map_err(|_| anyhow!("the peers do not join"))?;
        let (cpu, memory) = (process.cpu()?, process.memory()?);
        let begin = Instant::now();
        let asked = health.map(|health| scope.spawn(move || ask_health(health, begin + time)));
        let rate = attack.run(server, time)?;
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

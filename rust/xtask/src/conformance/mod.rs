//! `cargo xtask conformance`: the Autobahn test suite through the Godot classes, in a real engine.

mod autobahn;
mod outcome;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::json;

use crate::cache::Cache;
use crate::engine::{self, Engine};
use crate::library::{self, Kind};
use crate::log_lines;
use crate::process::{Event, Running};
use crate::project;
use crate::report::{Heartbeat, note, step};
use crate::test::tally::Tally;
use crate::workspace;
use autobahn::Autobahn;
use outcome::{Ended, Outcomes};

/// All cases take some 20 minutes for each role; one that hangs must not keep us for ever.
const LIMIT: Duration = Duration::from_hours(2);
const START_LIMIT: Duration = Duration::from_mins(5);

/// Some of every group, in a few seconds; among them those in which it shows that a Close comes before the answer to what
/// came before it (3.2 to 5.15), that a control frame between fragments has no effect on them (5.6 to 5.20), and each way in which
/// compression is agreed on (13.1 to 13.7).
const SELECTION: &str = "1.1.1,1.1.6,1.1.8,1.2.6,2.4,2.5,2.6,2.10,3.2,3.3,3.4,4.1.3,4.1.4,4.1.5,4.2.3,\
4.2.5,5.6,5.7,5.8,5.15,5.19,5.20,6.2.3,6.4.1,6.4.2,6.4.3,6.4.4,6.12.3,6.21.1,7.1.2,7.1.5,7.3.1,7.3.2,7.3.3,\
7.3.4,7.3.5,7.3.6,7.5.1,7.7.1,7.7.13,7.9.1,7.9.9,9.1.2,9.2.2,9.5.3,10.1.1,12.1.1,12.2.3,13.1.1,13.2.1,13.3.2,\
13.4.1,13.5.1,13.6.1,13.7.1";

/// Which end we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Server,
    Client,
}

impl Role {
    const ALL: [Self; 2] = [Self::Server, Self::Client];

    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Runs the cases in both roles, or in one, and prints what came out.
pub(crate) fn run(role: Option<Role>, cases: &str) -> Result<ExitCode> {
    let cache = Cache::open()?;
    let autobahn = autobahn::set_up(&cache)?;
    let engine = engine::set_up(&cache)?;
    library::build(Kind::Debug)?;
    project::link_addon()?;
    project::import(&engine, &workspace::tests_project())?;
    let mut good = true;
    for role in Role::ALL.into_iter().filter(|each| role.is_none_or(|role| role == *each)) {
        let outcomes = run_role(&autobahn, &engine, role, cases)?;
        outcomes.print(role.name());
        note(&format!("the report: {}", report_folder(role).join("index.html").display()));
        good &= outcomes.is_good();
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The selection, as two of the tests.
pub(crate) fn run_selection(
    tally: &mut Tally,
    cache: &Cache,
    engine: &Engine,
    filter: Option<&str>,
) {
    let name = |role: Role| format!("conformance/autobahn_selection_as_{}", role.name());
    let wanted = |role: &Role| filter.is_none_or(|text| name(*role).contains(text));
    if !Role::ALL.iter().any(wanted) {
        return;
    }
    let autobahn = match autobahn::set_up(cache) {
        Ok(autobahn) => autobahn,
        Err(error) => {
            let reason = format!("{error:#}");
            let reason = reason.lines().next().unwrap_or_default();
            for role in Role::ALL {
                tally.skip(&name(role), reason);
            }
            return;
        }
    };
    for role in Role::ALL.into_iter().filter(wanted) {
        match run_role(&autobahn, engine, role, SELECTION) {
            Ok(outcomes) if outcomes.is_good() => {
                note(&format!("{} cases are as they should be", outcomes.len()));
                tally.pass(1);
            }
            Ok(outcomes) => {
                outcomes.print(role.name());
                tally.fail(&name(role));
            }
            Err(error) => {
                note(&format!("FAIL {}: {error:#}", name(role)));
                tally.fail(&name(role));
            }
        }
    }
}

fn report_folder(role: Role) -> PathBuf {
    workspace::root().join("target").join("conformance").join(role.name())
}

fn run_role(autobahn: &Autobahn, engine: &Engine, role: Role, cases: &str) -> Result<Outcomes> {
    let folder = report_folder(role);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let cases: Vec<&str> = cases.split(',').map(str::trim).collect();
    step(&format!("running Autobahn's cases as a {}", role.name()), || {
        let ended = match role {
            Role::Server => serve(autobahn, engine, &folder, &cases)?,
            Role::Client => connect(autobahn, engine, &folder, &cases)?,
        };
        Outcomes::read(&folder.join("index.json"), ended)
    })
}

/// Our server in the engine, Autobahn as the client.
fn serve(autobahn: &Autobahn, engine: &Engine, folder: &Path, cases: &[&str]) -> Result<Ended> {
    let mut server = Running::start(script(engine, "server.gd", &[]))?;
    let port = wait_for(&mut server, "conformance: port ", START_LIMIT)?;
    let url = format!("ws://127.0.0.1:{port}");
    let spec = json!({
        "outdir": folder,
        "servers": [{ "agent": outcome::AGENT, "url": url }],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let mut client = Running::start(autobahn.command("fuzzingclient", folder, &spec)?)?;
    let wanted = cases_announced(&mut client)?;
    wait_to_end(&mut client)?;
    Ok(Ended { wanted, problems: problems_so_far(&mut server)? })
}

/// Autobahn as the server, our client in the engine.
fn connect(autobahn: &Autobahn, engine: &Engine, folder: &Path, cases: &[&str]) -> Result<Ended> {
    // Autobahn takes no port 0. Nobody else should want the one that was just free.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let url = format!("ws://127.0.0.1:{port}");
    let spec = json!({
        "url": url,
        "outdir": folder,
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let mut server = Running::start(autobahn.command("fuzzingserver", folder, &spec)?)?;
    let wanted = cases_announced(&mut server)?;
    let arguments = [format!("--url={url}"), format!("--agent={}", outcome::AGENT)];
    let mut client = Running::start(script(engine, "client.gd", &arguments))?;
    Ok(Ended { wanted, problems: wait_to_end(&mut client)? })
}

fn script(engine: &Engine, name: &str, arguments: &[String]) -> Command {
    let mut command = engine.headless(&workspace::tests_project());
    command.args(["--script", &format!("res://conformance/{name}"), "--"]).args(arguments);
    command
}

/// What Autobahn says that it will run. It stops early, and is content, when the server is gone.
fn cases_announced(autobahn: &mut Running) -> Result<usize> {
    let announced = wait_for(autobahn, "Ok, will run ", START_LIMIT)?;
    let count = announced.split(' ').next().and_then(|count| count.parse().ok());
    count.with_context(|| format!("Autobahn tells no number of cases: {announced}"))
}

/// Returns the problems in the log of an engine that must keep running; an exit is one.
fn problems_so_far(engine: &mut Running) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    loop {
        match engine.next_event(Duration::from_millis(200))? {
            Event::Line(line) if log_lines::is_problem(&line) => problems.push(line),
            Event::Line(_) => {}
            Event::Quiet => return Ok(problems),
            Event::Ended(status) => {
                problems.push(format!("the engine has ended with {status}"));
                return Ok(problems);
            }
        }
    }
}

/// Waits for a line that begins so: what follows.
fn wait_for(running: &mut Running, beginning: &str, limit: Duration) -> Result<String> {
    let until = Instant::now() + limit;
    let mut log = String::new();
    while Instant::now() < until {
        match running.next_event(Duration::from_millis(100))? {
            Event::Line(line) => {
                if let Some(rest) = line.strip_prefix(beginning) {
                    return Ok(rest.to_owned());
                }
                log += &line;
                log.push('\n');
            }
            Event::Quiet => {}
            Event::Ended(status) => bail!("it ended with {status}:\n{log}"),
        }
    }
    bail!("it did not begin in time:\n{log}")
}

/// Waits for an orderly end: the problems that were logged until then.
fn wait_to_end(running: &mut Running) -> Result<Vec<String>> {
    let mut heartbeat = Heartbeat::new();
    let until = Instant::now() + LIMIT;
    let mut last = String::new();
    let mut problems = Vec::new();
    loop {
        match running.next_event(Duration::from_millis(500))? {
            Event::Line(line) => {
                if log_lines::is_problem(&line) {
                    problems.push(line.clone());
                }
                last = line;
            }
            Event::Quiet if Instant::now() > until => bail!("it was not done in time: {last}"),
            Event::Quiet => {}
            Event::Ended(status) if status.success() => return Ok(problems),
            Event::Ended(status) => bail!("it ended with {status}: {last}"),
        }
        heartbeat.beat(&last);
    }
}

/// Returns the path of a required program.
fn found<T>(program: Option<T>, why: &'static str) -> Result<T> {
    program.context(why)
}

//! `cargo xtask demo`: a server and a client, each in an engine of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cache::Cache;
use crate::engine::{self, Engine};
use crate::library;
use crate::log_lines;
use crate::process::{Event, Running};
use crate::project;
use crate::report::step;
use crate::workspace;

/// The folders of the demos, each with a server and a client.
const DEMOS: [&str; 3] = ["websocket", "enet", "dtls"];

/// The first lines of every engine, and of every extension in Rust.
const GREETINGS: [&str; 2] = ["Godot Engine v", "Initialize godot-rust "];

/// For the exchange, the start of both engines included.
const LIMIT: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(20);
/// So many lines of one side are read before the other has its turn, and the time is checked.
const LINES_AT_ONCE: usize = 100;

/// Sets up what is needed, and runs the demo.
pub(crate) fn run(window: bool) -> Result<()> {
    let cache = Cache::open()?;
    let engine = engine::set_up(&cache)?;
    library::build(library::Kind::Development)?;
    project::link_addon()?;
    project::import(&engine, &workspace::demo_project())?;
    for demo in DEMOS {
        step(&format!("running the demo {demo}"), || {
            exchange(&engine, demo, window)?;
            println!("    messages went both ways");
            Ok(())
        })?;
    }
    Ok(())
}

fn exchange(engine: &Engine, demo: &str, window: bool) -> Result<()> {
    let scene_of = |side: &str| format!("res://{demo}/{side}.tscn");
    let until = Instant::now() + LIMIT;
    let mut server = Side::start("server", scene(engine, window, &scene_of("server"), 0))?;
    let port = loop {
        server.read()?;
        if let Some(port) = server.port {
            break port;
        }
        if server.ended {
            bail!("the server ended before it printed a line `listening on port N`");
        }
        if Instant::now() >= until {
            bail!("the server prints no line `listening on port N`");
        }
    };
    let mut client = Side::start("client", scene(engine, window, &scene_of("client"), port))?;
    // The server's last line may come after the client's end.
    while !(client.ended && (server.has_received || server.ended)) {
        client.read()?;
        server.read()?;
        if Instant::now() >= until {
            bail!("not done after {} s: {}", LIMIT.as_secs(), missing(&server, &client));
        }
    }
    if !(server.has_received && client.has_received) {
        bail!("{}", missing(&server, &client));
    }
    if !client.is_good || (server.ended && !server.is_good) {
        bail!("messages went both ways, but a side ended with an error");
    }
    // With a window, the system's graphics may have something to say as well.
    if !window && (server.has_problem || client.has_problem) {
        bail!("messages went both ways, but errors were logged");
    }
    Ok(())
}

fn missing(server: &Side, client: &Side) -> String {
    let said = |side: &Side| if side.has_received { "received a message" } else { "received none" };
    format!("the server {}, the client {}", said(server), said(client))
}

fn scene(engine: &Engine, window: bool, scene: &str, port: u16) -> Command {
    let mut command = if window {
        let mut command = engine.command();
        command.arg("--path").arg(workspace::demo_project());
        command
    } else {
        engine.headless(&workspace::demo_project())
    };
    command.args([scene, "--"]).arg(format!("--port={port}"));
    command
}

/// One of the two engines, and what it has told. It is killed at the end of the demo.
struct Side {
    name: &'static str,
    running: Running,
    port: Option<u16>,
    has_received: bool,
    has_problem: bool,
    ended: bool,
    is_good: bool,
}

impl Side {
    fn start(name: &'static str, command: Command) -> Result<Self> {
        let running = Running::start(command)?;
        Ok(Self {
            name,
            running,
            port: None,
            has_received: false,
            has_problem: false,
            ended: false,
            is_good: false,
        })
    }

    /// Shows what it has printed since.
    fn read(&mut self) -> Result<()> {
        for _ in 0..LINES_AT_ONCE {
            if self.ended {
                break;
            }
            match self.running.next_event(POLL)? {
                Event::Line(line) => self.read_line(&line),
                Event::Quiet => break,
                Event::Ended(status) => {
                    self.ended = true;
                    self.is_good = status.success();
                }
            }
        }
        Ok(())
    }

    fn read_line(&mut self, line: &str) {
        if line.trim().is_empty() || GREETINGS.iter().any(|greeting| line.starts_with(greeting)) {
            return;
        }
        println!("{} | {line}", self.name);
        if let Some(port) = line.strip_prefix("listening on port ") {
            self.port = port.trim().parse().ok();
        }
        self.has_received |= line.starts_with("received: ");
        self.has_problem |= log_lines::is_problem(line);
    }
}

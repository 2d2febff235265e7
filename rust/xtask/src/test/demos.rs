//! The demos that one opens first, without a window: each runs, does what it is for, and logs no error.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::cache::Cache;
use crate::engine::Engine;
use crate::log_lines;
use crate::process::{Event, Running};
use crate::test::tally::Tally;
use crate::workspace;

const TIMEOUT: Duration = Duration::from_mins(5);

/// A scene, with its arguments, and what it prints when all is well.
struct Scene {
    path: &'static str,
    arguments: &'static [&'static str],
    says: &'static [&'static str],
}

/// The ports that the demos have, of TCP and of UDP: people look for them by these.
const TCP_PORTS: [u16; 1] = [9080];
const UDP_PORTS: [u16; 3] = [4242, 9090, 9190];

/// Each test: scenes that run at once, begun one after the other.
const TESTS: [(&str, &[Scene]); 6] = [
    ("demos/menu", &[Scene { path: "menu.tscn", arguments: &["--quit-after", "30"], says: &[] }]),
    (
        "demos/chat_of_two",
        &[
            Scene {
                path: "chat/chat.tscn",
                arguments: &["--", "--name=Ada", "--say=Hello!"],
                says: &[
                    "This instance is the server",
                    "Ada has joined from 127.0.0.1",
                    "Ada: Hello!",
                ],
            },
            Scene {
                path: "chat/chat.tscn",
                arguments: &["--", "--name=Bob", "--say=Hi Ada"],
                says: &["Bob has joined from 127.0.0.1", "Bob: Hi Ada"],
            },
        ],
    ),
    (
        "demos/arena_with_a_crowd",
        &[
            Scene {
                path: "arena/arena.tscn",
                arguments: &["--", "--watch", "--latency=20", "--loss=2"],
                says: &["joined as player "],
            },
            Scene {
                path: "arena/bot.tscn",
                arguments: &["--", "--bots=4"],
                says: &["joined as player 1"],
            },
        ],
    ),
    (
        "demos/example_websocket",
        &[Scene {
            path: "examples/websocket.tscn",
            arguments: &[],
            says: &["received: you said: hello", "closed with code 1000"],
        }],
    ),
    (
        "demos/example_enet",
        &[Scene {
            path: "examples/enet.tscn",
            arguments: &[],
            says: &["received: you said: hello", "left with 7"],
        }],
    ),
    (
        "demos/example_dtls",
        &[Scene {
            path: "examples/dtls.tscn",
            arguments: &[],
            says: &["received: The answer is... 42!", "received: Hello DTLS client"],
        }],
    ),
];

/// Runs all; each counts as one test.
pub(crate) fn run(
    tally: &mut Tally,
    cache: &Cache,
    engine: &Engine,
    filter: Option<&str>,
) -> Result<()> {
    for (name, scenes) in TESTS {
        if filter.is_some_and(|text| !name.contains(text)) {
            continue;
        }
        let _lock = cache.lock_ports()?;
        if let Some(port) = taken_port() {
            tally.skip(name, &format!("another program has the port {port}"));
            continue;
        }
        tally.run(name, || together(engine, scenes));
    }
    Ok(())
}

fn taken_port() -> Option<u16> {
    let tcp = TCP_PORTS.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_err());
    tcp.or_else(|| {
        UDP_PORTS.into_iter().find(|port| UdpSocket::bind(("127.0.0.1", *port)).is_err())
    })
}

/// Starts each scene when the one before has said what it should, and ends them all at the end.
fn together(engine: &Engine, scenes: &[Scene]) -> Result<()> {
    let mut running = Vec::new();
    for scene in scenes {
        let mut command: Command = engine.headless(&workspace::demo_project());
        command.arg(format!("res://{}", scene.path)).args(scene.arguments);
        let mut process = Running::start(command)?;
        let log = hear(&mut process, scene)?;
        running.push((process, log));
    }
    for (mut process, mut log) in running {
        while let Event::Line(line) = process.next_event(Duration::from_millis(200))? {
            log.push(line);
        }
        let problem = log.iter().find(|line| log_lines::is_problem(line));
        ensure!(problem.is_none(), "errors are logged:\n{}", log.join("\n"));
    }
    Ok(())
}

/// Reads what a scene prints, until it has said all that it should, or has ended well.
fn hear(process: &mut Running, scene: &Scene) -> Result<Vec<String>> {
    let until = Instant::now() + TIMEOUT;
    let mut log: Vec<String> = Vec::new();
    loop {
        let is_said = |wanted: &&str| log.iter().any(|line| line.starts_with(*wanted));
        if !scene.says.is_empty() && scene.says.iter().all(is_said) {
            return Ok(log);
        }
        match process.next_event(Duration::from_millis(100))? {
            Event::Line(line) => log.push(line),
            Event::Quiet => {}
            Event::Ended(status) if status.success() && scene.says.is_empty() => return Ok(log),
            Event::Ended(status) => bail!("{} ended ({status}):\n{}", scene.path, log.join("\n")),
        }
        ensure!(Instant::now() < until, "{} says too little:\n{}", scene.path, log.join("\n"));
    }
}

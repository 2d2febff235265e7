//! Foreign peers outside the emulator, which talk to a server of each family inside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cache::Cache;
use crate::foreign_peers;
use crate::process::{Event, Running, run_ok};
use crate::programs;
use crate::report::note;
use crate::test::tally::Tally;
use crate::workspace;

/// How long they talk, in seconds.
const SECONDS: usize = 60;
/// It only ends a hang.
const LIMIT: Duration = Duration::from_mins(20);

/// Peers of a family.
struct Family {
    name: &'static str,
    script: &'static str,
    count: usize,
    python: Result<PathBuf>,
}

/// Starts the server, and has all peers talk to it at once.
pub(super) fn talk(server: Command, emulator: &str, cache: &Cache, tally: &mut Tally) {
    let openssl = foreign_peers::websockets(cache).and_then(|python| {
        if programs::find("openssl").is_none() {
            bail!("there is no openssl on this machine");
        }
        Ok(python)
    });
    let families = [
        Family {
            name: "WebSocket peers (websockets)",
            script: "websocket_peers.py",
            count: 1000,
            python: foreign_peers::websockets(cache),
        },
        Family {
            name: "ENet peers (ENet in C)",
            script: "enet_peers.py",
            count: 200,
            python: foreign_peers::pyenet(cache),
        },
        Family {
            name: "DTLS peers (OpenSSL)",
            script: "dtls_peers.py",
            count: 200,
            python: openssl,
        },
    ];
    let mut server = match Running::start(server) {
        Ok(server) => server,
        Err(error) => return tally.fail(&format!("the server in {emulator}: {error:#}")),
    };
    let ports = match ports(&mut server) {
        Ok(ports) => ports,
        Err(error) => return tally.fail(&format!("the server in {emulator}: {error:#}")),
    };
    println!("==> talking to a server in {emulator} for {SECONDS} s");
    let results: Vec<_> = thread::scope(|scope| {
        let talks: Vec<_> = (families.iter().zip(&ports))
            .filter_map(|(family, port)| {
                let python = family.python.as_ref().ok()?;
                let command = family.command(python, port);
                Some((family, scope.spawn(move || run_ok(command, LIMIT))))
            })
            .collect();
        talks.into_iter().map(|(family, talk)| (family, talk.join())).collect()
    });
    for (family, result) in results {
        let what = format!("{} {} of a server in {emulator}", family.count, family.name);
        match result {
            Ok(Ok(told)) => {
                note(&format!("{what}: {}", told.trim_end()));
                tally.pass(1);
            }
            Ok(Err(error)) => {
                println!("{error:#}");
                tally.fail(&what);
            }
            Err(_) => tally.fail(&what),
        }
    }
    for family in &families {
        if let Err(why) = &family.python {
            tally.skip(family.name, &format!("{why:#}"));
        }
    }
}

/// The ports that the server prints.
fn ports(server: &mut Running) -> Result<Vec<String>> {
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        match server.next_event(Duration::from_secs(1))? {
            Event::Line(line) => {
                if let Some(ports) = line.trim().strip_prefix("ports ") {
                    return Ok(ports.split(' ').map(str::to_owned).collect());
                }
            }
            Event::Quiet => {}
            Event::Ended(status) => bail!("it has ended: {status}"),
        }
    }
    bail!("it prints no ports")
}

impl Family {
    fn command(&self, python: &Path, port: &str) -> Command {
        let scripts = workspace::root().join("rust/xtask/src/platforms/peers");
        let mut command = Command::new(python);
        command.arg(scripts.join(self.script)).arg(port);
        command.args([self.count, SECONDS].map(|number| number.to_string()));
        command
    }
}

//! `cargo xtask bench`: builds and finds what rust/bench measures with, and starts it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::c_enet;
use crate::cache::Cache;
use crate::engine::{self, Engine};
use crate::foreign_peers;
use crate::library::{self, Kind};
use crate::process::run_ok;
use crate::process_group;
use crate::project;
use crate::report::{note, step};
use crate::workspace;

const PACKAGE: &str = "lodewire-bench";
const EXTENSION: &str = "lodewire.gdextension";
const BUILD_LIMIT: std::time::Duration = std::time::Duration::from_hours(1);

/// The measurements.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Bench {
    /// WebSocket servers
    Websocket,
    /// Implementations of ENet
    Enet,
    /// Implementations of DTLS
    Dtls,
    /// Joining by wss://, between ours, the engine's and Python's
    Joins,
    /// Attacks on servers of all families, beside C ENet and the engine's classes
    Attacks,
    /// All families together, for minutes: what `cargo xtask soak` runs
    #[value(skip)]
    Soak,
}

/// Measures `what`; `options` go to rust/bench as they are.
pub(crate) fn run(what: Bench, options: &[OsString]) -> Result<ExitCode> {
    if !cfg!(target_os = "linux") {
        bail!("the measurements run on Linux alone: they read what its kernel counts");
    }
    let cache = Cache::open()?;
    let features = match what {
        Bench::Dtls => openssl_feature(),
        Bench::Websocket | Bench::Enet | Bench::Attacks | Bench::Joins | Bench::Soak => "",
    };
    let mut command = program(features)?;
    match what {
        Bench::Dtls => {
            command.arg("dtls");
            pass_engine_with_both(&mut command, &cache)?;
        }
        Bench::Joins => {
            command.arg("joins");
            match foreign_peers::websockets(&cache) {
                Ok(python) => drop(command.arg("--python").arg(python)),
                Err(error) => note(&format!("without Python's websockets: {error:#}")),
            }
            pass_engine_with_addon(&mut command, &cache)?;
        }
        Bench::Attacks => {
            command.arg("attacks");
            if let Ok(folder) = c_enet::libraries(&cache) {
                command.arg("--c-enet").arg(folder);
            }
            pass_engine_with_addon(&mut command, &cache)?;
        }
        Bench::Soak => {
            command.arg("soak");
            pass_engine_with_addon(&mut command, &cache)?;
        }
        Bench::Websocket => {
            command.arg("websocket");
            pass_node(&mut command, &cache);
            pass_engine_with_both(&mut command, &cache)?;
        }
        Bench::Enet => {
            command.arg("enet");
            pass_c_enet(&mut command, &cache);
            pass_engine_with_both(&mut command, &cache)?;
        }
    }
    command.arg("--output").arg(workspace::root().join("docs").join("bench"));
    command.args(options);
    // The servers that it starts end with it, however it ends.
    process_group::lead(&mut command);
    let mut child = command.spawn().context("the measurements do not start")?;
    process_group::remember(child.id());
    let status = child.wait();
    process_group::end(child.id());
    let status = status?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn pass_node(command: &mut Command, cache: &Cache) {
    match foreign_peers::node(cache) {
        Ok((node, modules)) => {
            command.arg("--node").arg(node).arg("--node-modules").arg(modules);
        }
        Err(error) => note(&format!("without npm's ws: {error:#}")),
    }
}

/// Sets up the engine, with the addon in the project of the measurements.
fn pass_engine_with_addon(command: &mut Command, cache: &Cache) -> Result<()> {
    let engine = engine::set_up(cache)?;
    install(&library::build(Kind::Release)?, &workspace::bench_project())?;
    project::import(&engine, &workspace::bench_project())?;
    pass_engine(command, &engine)
}

/// The same, with a copy of the project whose addon is the library of the editor.
fn pass_engine_with_both(command: &mut Command, cache: &Cache) -> Result<()> {
    pass_engine_with_addon(command, cache)?;
    let copy = workspace::root().join("target").join("bench-editor");
    fs::create_dir_all(&copy)?;
    for entry in fs::read_dir(workspace::bench_project())? {
        let file = entry?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), copy.join(file.file_name()))?;
        }
    }
    install(&library::build(Kind::Debug)?, &copy)?;
    project::import(&engine::set_up(cache)?, &copy)?;
    command.arg("--editor-project").arg(copy);
    Ok(())
}

fn pass_c_enet(command: &mut Command, cache: &Cache) {
    match c_enet::libraries(cache) {
        Ok(folder) => {
            command.arg("--c-enet").arg(folder).arg("--c-enet-source").arg(c_enet::SOURCE);
        }
        Err(error) => note(&format!("without C ENet: {error:#}")),
    }
}

/// OpenSSL is the machine's if that can be linked, else it is built.
fn openssl_feature() -> &'static str {
    let mut find = Command::new("pkg-config");
    find.args(["--exists", "openssl"]);
    if run_ok(find, BUILD_LIMIT).is_ok() { "openssl" } else { "openssl-vendored" }
}

/// The program that measures, built as the addon is for exported games.
fn program(features: &str) -> Result<Command> {
    let build = || {
        let mut command = workspace::cargo();
        command.args(["build", "--release", "--package", PACKAGE, "--features", features]);
        command
    };
    step("building the measurements", || run_ok(build(), BUILD_LIMIT))?;
    let mut command = build();
    command.args(["--quiet", "--message-format", "json"]);
    let messages = run_ok(command, BUILD_LIMIT)?;
    let program = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == PACKAGE)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    Ok(Command::new(program.context("cargo tells of no program")?))
}

/// Puts the addon into a project of the measurements. Both entries name the library: an engine that is an editor, as
/// Debian's, would load the one with assertions.
fn install(library: &Path, project: &Path) -> Result<()> {
    let folder = project.join("addons").join("lodewire");
    fs::create_dir_all(&folder)?;
    let file = library.file_name().context("the library has no name")?;
    fs::copy(library, folder.join(file))?;
    let text = fs::read_to_string(workspace::addon().join(EXTENSION))?;
    let (head, _) = text.split_once("[libraries]").context("a strange extension file")?;
    let file = file.to_string_lossy();
    let libraries = format!("linux.debug = \"{file}\"\nlinux.release = \"{file}\"\n");
    fs::write(folder.join(EXTENSION), format!("{head}[libraries]\n\n{libraries}"))?;
    Ok(())
}

/// Tells how the engine is started, and with which HOME.
fn pass_engine(command: &mut Command, engine: &Engine) -> Result<()> {
    let start = engine.command();
    for part in std::iter::once(start.get_program()).chain(start.get_args()) {
        let mut option = OsString::from("--engine=");
        option.push(part);
        command.arg(option);
    }
    command.arg(format!("--engine-version={}", engine.check_version()?));
    for (name, value) in start.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Ok(())
}

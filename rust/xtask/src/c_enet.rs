//! C ENet, which ours is measured beside: its sources are in a crate of bindings, whose own build would ask for more than a
//! C compiler. So only the sources are taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::process::run_ok;
use crate::programs;
use crate::report::step;
use crate::workspace;

/// The crate, and what is in it.
const CRATE: &str = "enet-sys";
const VERSION: &str = "1.0.5";
/// What is told of the sources: the files are those of upstream's commit 2a85cd6. What changed up to 2026 are mistakes in
/// rare cases, nothing on the way of an ordinary packet.
pub(crate) const SOURCE: &str = "sources of enet-sys 1.0.5, upstream of 2023-07-23";

/// The name in the cache. Raise the number when the recipe, or `memory_sockets.c`, changes.
const FOLDER: &str = "c-enet";
const STAMP: &str = "enet-sys 1.0.5, recipe 1";

/// The folder for a project that depends on the crate, until all is built.
const SOURCES: &str = "sources";

const LIMIT: Duration = Duration::from_mins(10);

/// All but its layer of the system.
const FILES: [&str; 7] =
    ["callbacks.c", "compress.c", "host.c", "list.c", "packet.c", "peer.c", "protocol.c"];

/// The results of its own configure step on Linux.
const DEFINITIONS: [&str; 9] = [
    "-DNDEBUG",
    "-DHAS_FCNTL",
    "-DHAS_GETADDRINFO",
    "-DHAS_GETNAMEINFO",
    "-DHAS_INET_NTOP",
    "-DHAS_INET_PTON",
    "-DHAS_MSGHDR_FLAGS",
    "-DHAS_POLL",
    "-DHAS_SOCKLEN_T",
];

/// The folder with its two libraries: one with its own sockets, and one for measurements in memory.
pub(crate) fn libraries(cache: &Cache) -> Result<PathBuf> {
    let compiler = programs::find("cc").context("there is no C compiler `cc`")?;
    cache.folder(FOLDER, STAMP, |folder| {
        step("building C ENet", || {
            let sources = fetch(folder)?;
            let own = sources.join("unix.c");
            build(&compiler, &sources, &own, &folder.join("libenet-udp.so"))?;
            let memory = workspace::root().join("rust/bench/c/memory_sockets.c");
            build(&compiler, &sources, &memory, &folder.join("libenet-memory.so"))?;
            Ok(fs::remove_dir_all(folder.join(SOURCES))?)
        })
    })
}

/// Has cargo download the crate, and checks nothing itself: cargo does.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let project = folder.join(SOURCES);
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"sources\"\nedition = \"2024\"\n\n[dependencies]\n{CRATE} = \"={VERSION}\"\n\n\
         [workspace]\n"
    );
    fs::write(project.join("Cargo.toml"), manifest)?;
    let mut command = workspace::cargo();
    command.args(["vendor", "--quiet"]).current_dir(&project);
    run_ok(command, LIMIT)?;
    Ok(project.join("vendor").join(CRATE).join("vendor/enet"))
}

fn build(compiler: &Path, sources: &Path, system: &Path, library: &Path) -> Result<()> {
    let mut command = Command::new(compiler);
    // Its functions call each other without the detour that a library's users could turn elsewhere.
    command.args(["-O3", "-fPIC", "-shared", "-Wl,-Bsymbolic", "-Wl,-z,defs"]);
    command.args(DEFINITIONS).arg("-I").arg(sources.join("include"));
    command.args(FILES.map(|file| sources.join(file))).arg(system).arg("-o").arg(library);
    run_ok(command, LIMIT)?;
    Ok(())
}

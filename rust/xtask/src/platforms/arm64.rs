//! Linux on arm64, by qemu's user mode: the program is emulated, the kernel is this machine's.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;

use super::peers;
use super::toolchain::{Target, Toolchain};
use crate::cache::Cache;
use crate::debian;
use crate::engine::Engine;
use crate::library;
use crate::project;
use crate::report::{note, step};
use crate::test::godot_tests;
use crate::test::tally::Tally;
use crate::workspace;

const TARGET: Target = Target {
    name: "aarch64-unknown-linux-gnu",
    compiler: "aarch64-linux-gnu-gcc",
    archiver: "aarch64-linux-gnu-ar",
};

const EMULATOR: &str = "/usr/bin/qemu-aarch64";
/// Where the cross compiler's C library is.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// The suite of Debian's with the engine, as for the engine of this machine.
const ENGINE_SUITE: &str = "forky";
const ENGINE_STAMP: &str = "debian forky arm64, recipe 1";
/// The folders with the suites that run in the engine. What is about the addon imports projects, which takes minutes each.
const SUITES: [&str; 3] = ["dtls", "enet", "websocket"];

pub(super) fn test(cache: &Cache, tally: &mut Tally, filter: Option<&str>) -> Result<()> {
    tally.skip(
        "the suites addon and servers, and the demos, on arm64",
        "they would take hours in qemu",
    );
    let toolchain = Toolchain::set_up(cache)?;
    let engine = engine(cache, &toolchain)?;
    let (programs, server) = toolchain.build_tests(TARGET)?;
    let emulate = |program: &Path| {
        let mut command = toolchain.guest.command(EMULATOR, &toolchain.folder);
        command.args(["-L", LIBRARIES]).arg(program);
        command
    };
    for program in programs {
        program.run(emulate(&program.path), "qemu", tally, filter);
    }
    if filter.is_none() {
        peers::talk(emulate(&server), "qemu", cache, tally);
    }
    let built = toolchain.build_library(TARGET, "so")?;
    library::install(&built, TARGET.name)?;
    project::link_addon()?;
    project::list_extension(&workspace::tests_project())?;
    let logs = cache.scratch("logs-arm64")?;
    for suites in SUITES {
        let mut options = vec![format!("--suites=res://suites/{suites}")];
        options.extend(filter.map(|text| format!("--filter={text}")));
        godot_tests::run_suites(tally, cache, &engine, &logs, &options)?;
    }
    Ok(())
}

/// Downloads and unpacks Debian's engine for arm64, some 130 MB, unless that was done before. The emulator starts it: it is a
/// program without libraries, so it needs nothing of the Debian that it is from.
fn engine(cache: &Cache, toolchain: &Toolchain) -> Result<Engine> {
    step("setting up Debian's engine for arm64 (500 MB in the cache)", || {
        let home = cache.scratch("engine-home-arm64")?;
        let emulator = toolchain.guest.path(EMULATOR.trim_start_matches('/'));
        let engine_in = |folder: &Path| {
            let root = folder.join("root");
            let arguments =
                vec!["-L".into(), root.clone().into(), root.join("usr/bin/godot").into()];
            Engine::new(emulator.clone(), arguments, home.clone())
        };
        let folder = cache.folder("engine-arm64", ENGINE_STAMP, |folder| {
            let root = debian::unpack_for("arm64", ENGINE_SUITE, &["godot"], folder)?;
            if !root.join("lib").exists() {
                symlink("usr/lib", root.join("lib"))?;
            }
            engine_in(folder).check_version()?;
            Ok(())
        })?;
        let engine = engine_in(&folder);
        note(&format!("Godot {}", engine.check_version()?));
        Ok(engine)
    })
}

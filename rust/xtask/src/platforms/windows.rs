//! Windows: built with mingw's compiler, run by Wine. Proton, which a Steam Deck runs Windows' games with, is a Wine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::guest::Guest;
use super::peers;
use super::toolchain::{Target, Toolchain};
use crate::cache::Cache;
use crate::debian;
use crate::process::run_ok;
use crate::report::{note, step};
use crate::test::tally::Tally;
use crate::workspace;

const TARGET: Target = Target {
    name: "x86_64-pc-windows-gnu",
    compiler: "x86_64-w64-mingw32-gcc-posix",
    archiver: "x86_64-w64-mingw32-ar",
};

/// What programs of mingw need beside them, and Wine's own graphics, which want `zlib1.dll`.
const LIBRARIES: [&str; 3] = [
    "usr/x86_64-w64-mingw32/lib/zlib1.dll",
    "usr/x86_64-w64-mingw32/lib/libwinpthread-1.dll",
    "usr/lib/gcc/x86_64-w64-mingw32/16-posix/libgcc_s_seh-1.dll",
];

/// What Wine 8 lacks of Windows.
const RANDOM: &str = include_str!("windows/random.c");
/// Loads a library and looks up a symbol.
const LOAD: &str = include_str!("windows/load.c");

const STAMP: &str = "recipe 1";
const SET_UP_LIMIT: Duration = Duration::from_mins(10);

/// A Wine, and what it takes for the disk of a Windows.
struct Wine {
    name: &'static str,
    guest: Guest,
    program: &'static str,
    home: PathBuf,
}

pub(super) fn test(cache: &Cache, tally: &mut Tally, filter: Option<&str>) -> Result<()> {
    tally.skip("foreign peers of the Rust tests on Windows", "there is no openssl under Wine");
    tally.skip("tests in an engine on Windows", "Debian has no Windows engine");
    let toolchain = Toolchain::set_up(cache)?;
    let wines = set_up_wines(cache, &toolchain)?;
    let (programs, server) = toolchain.build_tests(TARGET)?;
    for wine in &wines {
        for program in &programs {
            program.run(wine.command(&program.path), wine.name, tally, filter);
        }
        if filter.is_none() {
            peers::talk(wine.command(&server), wine.name, cache, tally);
        }
    }
    if filter.is_none() {
        let library = toolchain.build_library(TARGET, "dll")?;
        for wine in &wines {
            tally.run(&format!("the library in {}", wine.name), || wine.load(&library));
        }
    }
    Ok(())
}

fn set_up_wines(cache: &Cache, toolchain: &Toolchain) -> Result<[Wine; 2]> {
    step("setting up Wine 8 and 10", || {
        let older = cache.folder("wine8", STAMP, |folder| {
            debian::unpack("bookworm", &["wine64", "dash", "coreutils"], folder)?;
            Guest::new(folder).merge_usr()
        })?;
        let wine = |name, folder: &Path, program, disk: &str| {
            let at = |home| Wine { name, guest: Guest::new(folder), program, home };
            let make = |home: &Path| at(home.to_owned()).make_disk(toolchain);
            anyhow::Ok(at(cache.folder(disk, STAMP, make)?))
        };
        Ok([
            wine("Wine 8", &older, "/usr/lib/wine/wine64", "wine8-disk")?,
            wine(
                "Wine 10",
                &toolchain.folder,
                "/usr/lib/x86_64-linux-gnu/wine/wine",
                "wine10-disk",
            )?,
        ])
    })
}

impl Wine {
    fn prefix(&self) -> PathBuf {
        self.home.join("prefix")
    }

    /// A command that runs a Windows program.
    fn command(&self, program: &Path) -> Command {
        let mut command = self.guest.command(self.program, &self.home);
        command
            .env("WINEPREFIX", self.prefix())
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            // Where it looks for its server.
            .env("PATH", "/usr/bin:/bin:/usr/lib/wine")
            .arg(program);
        command
    }

    /// Makes the disk of a Windows.
    fn make_disk(&self, toolchain: &Toolchain) -> Result<()> {
        let system = self.prefix().join("drive_c/windows/system32");
        fs::create_dir_all(&system)?;
        for library in LIBRARIES {
            let from = toolchain.guest.path(library);
            let name = from.file_name().context("a library has a name")?;
            fs::copy(&from, system.join(name))
                .with_context(|| format!("{} is not there", from.display()))?;
        }
        let mut boot = self.command(Path::new("wineboot"));
        boot.arg("-i");
        run_ok(boot, SET_UP_LIMIT)?;
        let random = system.join("bcryptprimitives.dll");
        if !random.exists() {
            toolchain.compile(TARGET, RANDOM, &random, &["-shared", "-ladvapi32"])?;
        }
        toolchain.compile(TARGET, LOAD, &self.home.join("load.exe"), &[])
    }

    /// Loads the library as the engine does, and looks up the symbol that it calls.
    fn load(&self, library: &Path) -> Result<()> {
        let addon = fs::read_to_string(workspace::addon().join("lodewire.gdextension"))?;
        let symbol = addon
            .lines()
            .find_map(|line| line.strip_prefix("entry_symbol = "))
            .context("the addon names no symbol")?;
        let mut command = self.command(&self.home.join("load.exe"));
        command.arg(library).arg(symbol.trim_matches('"'));
        note(run_ok(command, SET_UP_LIMIT)?.trim_end());
        Ok(())
    }
}

//! Windows: built with mingw's compiler, run by Wine. Proton, which a Steam Deck runs Windows' games with, is a Wine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::guest::Guest;
use super::peers;
use super::toolchain::{self, Target, Toolchain};
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

/// Folders with libraries of mingw: its own, and those of its compiler, in a folder named for the compiler's version.
const FOLDERS: [&str; 2] = ["usr/x86_64-w64-mingw32/lib", "usr/lib/gcc/x86_64-w64-mingw32"];
/// What programs of mingw need beside them, and Wine's own graphics, which want `zlib1.dll`.
const LIBRARIES: [&str; 3] = ["zlib1.dll", "libwinpthread-1.dll", "libgcc_s_seh-1.dll"];

/// What Wine 8 lacks of Windows.
const RANDOM: &str = include_str!("windows/random.c");
/// Loads a library and calls its entry point.
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
        let loader = toolchain::target_folder().join("load.exe");
        toolchain.compile(TARGET, LOAD, &loader, &[])?;
        for wine in &wines {
            let what = format!("the entry point of the library in {}", wine.name);
            tally.run(&what, || wine.load(&loader, &library));
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
        for name in LIBRARIES {
            fs::copy(library_of_mingw(&toolchain.guest, name)?, system.join(name))?;
        }
        let mut boot = self.command(Path::new("wineboot"));
        boot.arg("-i");
        run_ok(boot, SET_UP_LIMIT)?;
        let random = system.join("bcryptprimitives.dll");
        if !random.exists() {
            toolchain.compile(TARGET, RANDOM, &random, &["-shared", "-ladvapi32"])?;
        }
        Ok(())
    }

    /// Loads the library as the engine does, and calls its entry point.
    fn load(&self, loader: &Path, library: &Path) -> Result<()> {
        let addon = fs::read_to_string(workspace::addon().join("lodewire.gdextension"))?;
        let symbol = addon
            .lines()
            .find_map(|line| line.strip_prefix("entry_symbol = "))
            .context("the addon names no symbol")?;
        let mut command = self.command(loader);
        command.arg(library).arg(symbol.trim_matches('"'));
        note(run_ok(command, SET_UP_LIMIT)?.trim_end());
        Ok(())
    }
}

/// Finds a library of mingw, in its folders or those in them.
fn library_of_mingw(guest: &Guest, name: &str) -> Result<PathBuf> {
    for folder in FOLDERS.map(|folder| guest.path(folder)) {
        let mut inside = vec![folder.join(name)];
        for entry in fs::read_dir(&folder)? {
            inside.push(entry?.path().join(name));
        }
        if let Some(found) = inside.into_iter().find(|path| path.is_file()) {
            return Ok(found);
        }
    }
    bail!("mingw has no {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_mingw_are_found_whatever_the_version_of_its_compiler() {
        let folder = tempfile::tempdir().unwrap();
        let guest = Guest::new(folder.path());
        let [own, compilers] = FOLDERS.map(|folder| guest.path(folder));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(compilers.join("99-posix")).unwrap();
        fs::write(own.join("zlib1.dll"), "").unwrap();
        fs::write(compilers.join("99-posix/libgcc_s_seh-1.dll"), "").unwrap();
        assert!(library_of_mingw(&guest, "zlib1.dll").is_ok());
        assert!(library_of_mingw(&guest, "libgcc_s_seh-1.dll").is_ok());
        assert!(library_of_mingw(&guest, "other.dll").is_err());
    }
}

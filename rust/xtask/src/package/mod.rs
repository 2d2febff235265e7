//! `cargo xtask package`: the zip that people install.

mod archive;
mod licences;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::cache::Cache;
use crate::library::{self, Kind, megabytes};
use crate::report::{note, step};
use crate::workspace;

/// The most bytes that a library may have: players download the one of the release.
const LARGEST_RELEASE: u64 = 8_000_000;
const LARGEST_DEBUG: u64 = 16_000_000;

/// Builds the libraries of this platform, unless they are `built`, and packs the addon. Says where it is.
pub(crate) fn run(cache: &Cache, built: bool) -> Result<PathBuf> {
    if !built {
        library::build(Kind::Release)?;
        library::build(Kind::Debug)?;
    }
    let licences = step("gathering the licences", || licences::gather(cache))?;
    step("packing the addon", || {
        let addon = workspace::addon();
        check_sizes(&addon)?;
        let folder = workspace::root().join("target/package");
        fs::create_dir_all(&folder)?;
        let name = format!("lodewire-{}.zip", env!("CARGO_PKG_VERSION"));
        let file = folder.join(name);
        archive::write(&file, &contents(&addon)?, &licences)?;
        note(&format!("target/package/{}", file.file_name().unwrap_or_default().display()));
        Ok(file)
    })
}

/// What of the addon's folder is packed: what is committed, and the libraries. Paths are relative to it.
fn contents(addon: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    list(addon, addon, &mut files)?;
    files.sort();
    for needed in [
        "lodewire.gdextension",
        "lodewire.gdextension.uid",
        "LICENSE",
        "README.md",
        "migrate.gd",
        "migrate_in_editor.gd",
    ] {
        ensure!(files.iter().any(|file| file == Path::new(needed)), "{needed} is missing");
    }
    for icon in files.iter().filter(|file| file.extension().is_some_and(|end| end == "svg")) {
        let import = icon.with_extension("svg.import");
        ensure!(files.contains(&import), "{} is missing", import.display());
    }
    Ok(files)
}

fn list(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, files)?;
        } else {
            files.push(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(())
}

/// Tells how large each library is, which must not be too large.
fn check_sizes(addon: &Path) -> Result<()> {
    let mut count = 0;
    for entry in fs::read_dir(addon.join("bin")).context("no library is built")? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let largest = if name.contains(".release") { LARGEST_RELEASE } else { LARGEST_DEBUG };
        for library in fs::read_dir(&folder)? {
            let size = library?.metadata()?.len();
            note(&format!("{name}: {} ({size} bytes)", megabytes(size)));
            // One of macOS has both architectures in it.
            let largest = if name.starts_with("macos") { 2 * largest } else { largest };
            if size >= largest {
                bail!("the library {name} has {size} bytes, and may have {largest} at the most");
            }
            count += 1;
        }
    }
    ensure!(count >= 2, "there are {count} libraries: build the debug and the release one");
    Ok(())
}

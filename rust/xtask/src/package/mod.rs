//! `cargo xtask package`: the zip that people install.

mod archive;
mod licences;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

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
    let addon = workspace::addon();
    let files = contents(&addon)?;
    check_sizes(&addon, &files)?;
    pack(cache, &format!("lodewire-{}.zip", env!("CARGO_PKG_VERSION")), &files)
}

/// Packs the addon for tests, with no library but the one that demos and tests run with: the others take minutes to build.
pub(crate) fn for_tests(cache: &Cache) -> Result<PathBuf> {
    library::build(Kind::Development)?;
    let mut files = contents(&workspace::addon())?;
    files.retain(|file| kind_of(file) != Some(Kind::Release));
    pack(cache, "for-tests.zip", &files)
}

fn pack(cache: &Cache, name: &str, files: &[PathBuf]) -> Result<PathBuf> {
    let licences = step("gathering the licences", || licences::gather(cache))?;
    step("packing the addon", || {
        let folder = workspace::root().join("target/package");
        fs::create_dir_all(&folder)?;
        let file = folder.join(name);
        archive::write(&file, files, &licences)?;
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

/// Which library a file of the addon is: its folder in `bin` says so.
fn kind_of(file: &Path) -> Option<Kind> {
    let name = file.strip_prefix("bin").ok()?.iter().next()?.to_str()?;
    Some(if name.contains(".release") { Kind::Release } else { Kind::Debug })
}

/// Shows how large each library is, which must not be too large. There must be a debug and a release one.
fn check_sizes(addon: &Path, files: &[PathBuf]) -> Result<()> {
    for file in files {
        let Some(kind) = kind_of(file) else { continue };
        let size = fs::metadata(addon.join(file))?.len();
        let name = file.iter().nth(1).unwrap_or_default().display().to_string();
        note(&format!("{name}: {} ({size} bytes)", megabytes(size)));
        let largest = if kind == Kind::Release { LARGEST_RELEASE } else { LARGEST_DEBUG };
        // One of macOS has both architectures in it.
        let largest = if name.starts_with("macos") { 2 * largest } else { largest };
        if size >= largest {
            bail!("the library {name} has {size} bytes, and may have at most {largest}");
        }
    }
    for kind in [Kind::Debug, Kind::Release] {
        let is_there = files.iter().any(|file| kind_of(file) == Some(kind));
        ensure!(is_there, "there is no {} library: run `cargo xtask package`", kind.name());
    }
    Ok(())
}

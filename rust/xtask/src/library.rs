//! The extension's library: built by cargo, and put where the addon looks for it.

use std::env::consts;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::run_ok;
use crate::report::{note, step};
use crate::workspace;

const PACKAGE: &str = "lodewire-extension";
const BUILD_LIMIT: Duration = Duration::from_hours(1);

/// Which of the two libraries of a platform.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// For the editor, and the games it starts: with the editor's help, and assertions.
    Debug,
    /// For exported games.
    Release,
}

impl Kind {
    fn profile(self) -> &'static str {
        match self {
            Self::Debug => "editor",
            Self::Release => "release",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds the library and puts it into the addon, which is where it says.
pub(crate) fn build(kind: Kind) -> Result<PathBuf> {
    step(
        &format!("building the {} library (cargo profile {})", kind.name(), kind.profile()),
        || {
            run_ok(cargo_build(kind), BUILD_LIMIT)?;
            let built = built_library(kind)?;
            let file = built.file_name().context("the library has no name")?;
            let folder = workspace::addon().join("bin").join(folder_name(kind));
            let installed = folder.join(file);
            put(&built, &installed)?;
            note(&format!("{}, {}", shown(&installed), megabytes(fs::metadata(&installed)?.len())));
            Ok(installed)
        },
    )
}

fn cargo_build(kind: Kind) -> Command {
    let mut command = workspace::cargo();
    command.args(["build", "--package", PACKAGE, "--profile", kind.profile()]);
    if matches!(kind, Kind::Debug) {
        command.args(["--features", "register-docs"]);
    }
    command
}

/// Where cargo has put the library: it says so when asked to build again.
fn built_library(kind: Kind) -> Result<PathBuf> {
    let mut command = cargo_build(kind);
    command.args(["--quiet", "--message-format", "json"]);
    let messages = run_ok(command, BUILD_LIMIT)?;
    library_in_messages(&messages).context("cargo tells of no library")
}

fn library_in_messages(messages: &str) -> Option<PathBuf> {
    let ending = format!(".{}", consts::DLL_EXTENSION);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] == "lodewire")
        .filter_map(|message| {
            let files = message["filenames"].as_array()?;
            let mut paths = files.iter().filter_map(serde_json::Value::as_str);
            paths.find(|path| path.ends_with(&ending)).map(PathBuf::from)
        })
        .next_back()
}

/// The folder in the addon's `bin`, as lodewire.gdextension names it.
fn folder_name(kind: Kind) -> String {
    match consts::OS {
        "macos" => format!("macos.{}", kind.name()),
        system => format!("{system}.{}.{}", kind.name(), godot_architecture()),
    }
}

fn godot_architecture() -> &'static str {
    match consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// Copies beside the old library, then renames: an engine that runs keeps the old one.
fn put(built: &Path, installed: &Path) -> Result<()> {
    let folder = installed.parent().context("a library needs a folder")?;
    fs::create_dir_all(folder)?;
    let new = installed.with_extension("new");
    fs::copy(built, &new).with_context(|| format!("{} cannot be copied", built.display()))?;
    fs::rename(&new, installed).with_context(|| {
        format!("{} cannot be replaced; is an engine using it?", installed.display())
    })
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_in_what_cargo_says() {
        let file = format!("/t/editor/liblodewire.{}", consts::DLL_EXTENSION);
        let messages = format!(
            "{{\"reason\":\"compiler-artifact\",\"target\":{{\"name\":\"mio\"}},\"filenames\":[\"/t/x\"]}}\n\
             {{\"reason\":\"compiler-artifact\",\"target\":{{\"name\":\"lodewire\"}},\"filenames\":[\"/t/a.d\",{file:?}]}}\n\
             {{\"reason\":\"build-finished\",\"success\":true}}\n"
        );
        assert_eq!(library_in_messages(&messages), Some(PathBuf::from(file)));
        assert_eq!(library_in_messages("not json\n"), None);
    }

    #[test]
    fn the_addon_names_the_folders_we_fill() {
        let addon = fs::read_to_string(workspace::addon().join("lodewire.gdextension")).unwrap();
        for kind in [Kind::Debug, Kind::Release] {
            let library = format!(
                "\"bin/{}/{}lodewire.{}\"",
                folder_name(kind),
                consts::DLL_PREFIX,
                consts::DLL_EXTENSION
            );
            assert!(addon.contains(&library), "{library}");
        }
    }

    #[test]
    fn sizes_are_shown() {
        assert_eq!(megabytes(7_950_000), "7.9 MB");
        assert_eq!(megabytes(0), "0.0 MB");
    }
}

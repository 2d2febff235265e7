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
const WITH_HELP: [&str; 2] = ["--features", "lodewire-extension/register-docs"];
/// The editor's help as well. And xtask: it is no library, so nothing of it is built, but cargo then gives the dependencies
/// the features that the tests have them with, and builds them once for both.
const WITH_FEATURES_OF_TESTS: [&str; 4] =
    ["--features", "lodewire-extension/register-docs", "--package", "lodewire-xtask"];
const BUILD_LIMIT: Duration = Duration::from_hours(1);

/// Which library of a platform.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The one that demos and tests run with, in the place of the debug one: it is quick to build.
    Development,
    /// For the editor, and the games it starts: with the editor's help, and assertions.
    Debug,
    /// For exported games.
    Release,
}

impl Kind {
    fn profile(self) -> &'static str {
        match self {
            Self::Development => "dev",
            Self::Debug => "editor",
            Self::Release => "release",
        }
    }

    /// The duration of the first build.
    fn first_time(self) -> &'static str {
        match self {
            Self::Development => "two minutes on two cores",
            Self::Debug | Self::Release => "five minutes on two cores",
        }
    }

    /// As in the folders of the addon's `bin`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Development | Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds the library for this machine and puts it into the addon, which is where it says.
pub(crate) fn build(kind: Kind) -> Result<PathBuf> {
    build_into(kind, None, &Platform::of_this_machine())
}

/// Builds the library for a Rust target whose compiler and linker are installed.
pub(crate) fn build_for(kind: Kind, target: &str) -> Result<PathBuf> {
    let platform =
        Platform::of(target).with_context(|| format!("the addon has no library for {target}"))?;
    build_into(kind, Some(target), &platform)
}

fn build_into(kind: Kind, target: Option<&str>, platform: &Platform) -> Result<PathBuf> {
    step(
        &format!("building the {} library (cargo profile {})", kind.name(), kind.profile()),
        || {
            let folder = workspace::addon().join("bin").join(platform.folder(kind));
            if !folder.exists() {
                note(&format!("the first time this takes some {}", kind.first_time()));
            }
            run_ok(cargo_build(kind, target), BUILD_LIMIT)?;
            let built = built_library(kind, target, platform)?;
            let file = built.file_name().context("the library has no name")?;
            let installed = folder.join(file);
            put(&built, &installed)?;
            note(&format!("{}, {}", shown(&installed), megabytes(fs::metadata(&installed)?.len())));
            Ok(installed)
        },
    )
}

fn cargo_build(kind: Kind, target: Option<&str>) -> Command {
    let mut command = workspace::cargo();
    command.args(["build", "--package", PACKAGE, "--profile", kind.profile()]);
    match kind {
        Kind::Development => drop(command.args(WITH_FEATURES_OF_TESTS).arg("--lib")),
        Kind::Debug => drop(command.args(WITH_HELP)),
        Kind::Release => {}
    }
    if let Some(target) = target {
        command.args(["--target", target]);
    }
    command
}

/// Returns the path of the library: cargo reports it when it builds again.
fn built_library(kind: Kind, target: Option<&str>, platform: &Platform) -> Result<PathBuf> {
    let mut command = cargo_build(kind, target);
    command.args(["--quiet", "--message-format", "json"]);
    let messages = run_ok(command, BUILD_LIMIT)?;
    library_in_messages(&messages, platform.extension()).context("cargo tells of no library")
}

/// The library that messages of cargo's tell of.
pub(crate) fn library_in_messages(messages: &str, extension: &str) -> Option<PathBuf> {
    let ending = format!(".{extension}");
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

/// A platform, in Godot's names.
#[derive(Debug, PartialEq, Eq)]
struct Platform {
    system: &'static str,
    architecture: &'static str,
    /// One architecture of two that become one library: macOS, when a target is asked for.
    is_part: bool,
}

impl Platform {
    fn of_this_machine() -> Self {
        Self { system: consts::OS, architecture: architecture(consts::ARCH), is_part: false }
    }

    /// The platform of a target of Rust's.
    fn of(target: &str) -> Option<Self> {
        let (processor, rest) = target.split_once('-')?;
        let architecture = match processor {
            "x86_64" => "x86_64",
            "aarch64" => architecture("aarch64"),
            _ => return None,
        };
        let system = ["android", "windows", "darwin", "ios", "linux"]
            .into_iter()
            .find(|system| rest.split('-').any(|part| part == *system))?;
        let is_part = system == "darwin";
        Some(Self { system: if is_part { "macos" } else { system }, architecture, is_part })
    }

    /// The folder in the addon's `bin`, as lodewire.gdextension names it.
    fn folder(&self, kind: Kind) -> String {
        let Self { system, architecture, is_part } = self;
        match *system {
            "macos" if !is_part => format!("macos.{}", kind.name()),
            _ => format!("{system}.{}.{architecture}", kind.name()),
        }
    }

    fn extension(&self) -> &'static str {
        match self.system {
            "windows" => "dll",
            "macos" | "ios" => "dylib",
            _ => "so",
        }
    }
}

fn architecture(rust: &'static str) -> &'static str {
    match rust {
        "aarch64" => "arm64",
        other => other,
    }
}

/// Puts a library that was built for a target into the addon, in the place of the debug one.
#[cfg(target_os = "linux")]
pub(crate) fn install(built: &Path, target: &str) -> Result<()> {
    let platform = Platform::of(target).context("no platform of the addon")?;
    let folder = workspace::addon().join("bin").join(platform.folder(Kind::Development));
    put(built, &folder.join(built.file_name().context("the library has no name")?))
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
        assert_eq!(
            library_in_messages(&messages, consts::DLL_EXTENSION),
            Some(PathBuf::from(file))
        );
        assert_eq!(library_in_messages("not json\n", consts::DLL_EXTENSION), None);
    }

    #[test]
    fn the_library_of_demos_shares_its_dependencies_with_the_tests() {
        let dependencies = |edges: &str, packages: &[&str]| {
            let mut command = workspace::cargo();
            command.args(["tree", "--locked", "--prefix", "none", "--format", "{p} {f}"]);
            command.args(["--edges", edges]).args(packages);
            let tree = run_ok(command, BUILD_LIMIT).unwrap();
            let lines = tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned());
            lines.collect::<std::collections::BTreeSet<_>>()
        };
        let library = dependencies(
            "normal,build",
            &[&["--package", PACKAGE][..], &WITH_FEATURES_OF_TESTS].concat(),
        );
        let tests = dependencies("normal,build,dev", &WITH_HELP);
        assert!(library.len() > 50, "{library:?}");
        let differ: Vec<_> = library.difference(&tests).collect();
        assert!(differ.is_empty(), "are built once more for the library: {differ:#?}");
    }

    #[test]
    fn the_addon_names_the_folders_we_fill() {
        let addon = fs::read_to_string(workspace::addon().join("lodewire.gdextension")).unwrap();
        for kind in [Kind::Debug, Kind::Release] {
            let library = format!(
                "\"bin/{}/{}lodewire.{}\"",
                Platform::of_this_machine().folder(kind),
                consts::DLL_PREFIX,
                consts::DLL_EXTENSION
            );
            assert!(addon.contains(&library), "{library}");
        }
    }

    #[test]
    fn the_targets_of_the_workflows_are_platforms_of_the_addon() {
        let addon = fs::read_to_string(workspace::addon().join("lodewire.gdextension")).unwrap();
        for (target, folder) in [
            ("x86_64-unknown-linux-gnu", "linux.release.x86_64"),
            ("aarch64-unknown-linux-gnu", "linux.release.arm64"),
            ("x86_64-pc-windows-msvc", "windows.release.x86_64"),
            ("aarch64-linux-android", "android.release.arm64"),
            ("x86_64-linux-android", "android.release.x86_64"),
            ("aarch64-apple-ios", "ios.release.arm64"),
        ] {
            assert_eq!(Platform::of(target).unwrap().folder(Kind::Release), folder);
            assert!(addon.contains(&format!("\"bin/{folder}/")), "{folder}");
        }
        let part = Platform::of("aarch64-apple-darwin").unwrap();
        assert_eq!(part.folder(Kind::Debug), "macos.debug.arm64");
        assert_eq!(Platform::of("wasm32-unknown-emscripten"), None);
    }

    #[test]
    fn sizes_are_shown() {
        assert_eq!(megabytes(7_950_000), "7.9 MB");
        assert_eq!(megabytes(0), "0.0 MB");
    }
}

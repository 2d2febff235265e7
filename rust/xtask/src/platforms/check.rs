//! `cargo xtask check --platforms`: type-checks what ships for every platform, so that no `cfg` is written blind. Nothing is
//! linked, and no C is compiled, so that no platform's C compiler or system libraries are needed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::toolchain::Toolchain;
use crate::cache::Cache;
use crate::process::{run, run_ok};
use crate::test::tally::Tally;
use crate::workspace;

/// The targets that the addon has a library for, but for Linux on `x86_64`, which every other check is about; and Windows
/// as `cargo xtask test --platform windows` builds it.
const TARGETS: [&str; 8] = [
    "aarch64-apple-ios",
    "aarch64-linux-android",
    "x86_64-pc-windows-msvc",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-gnu",
    "x86_64-linux-android",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-gnu",
];

/// What ships.
const PACKAGES: [&str; 6] = [
    "lodewire-winsock",
    "lodewire-websocket",
    "lodewire-enet",
    "lodewire-dtls",
    "lodewire-net",
    "lodewire-extension",
];

/// A package whose build script compiles C.
struct CLibrary {
    package: &'static str,
    /// What its build script would tell cargo that a type check needs, each a line of TOML.
    told: &'static [&'static str],
}

const C_LIBRARIES: [CLibrary; 2] = [
    // The bindings that fit every platform. The folder is asked for, and not read.
    CLibrary { package: "aws-lc-sys", told: &[r#"rustc-cfg = ["universal"]"#, r#"include = "/""#] },
    CLibrary { package: "zstd-sys", told: &["rustc-cfg = []"] },
];

const LIMIT: Duration = Duration::from_hours(1);

/// Checks each target. The machine's own compiler does it if it has the standard libraries of all of them; else Debian's,
/// with the standard library checked from its source.
pub(super) fn check(tally: &mut Tally) -> Result<()> {
    let toolchain = if are_installed()? { None } else { Some(Toolchain::set_up(&Cache::open()?)?) };
    let c_libraries = c_libraries()?;
    for target in TARGETS {
        tally.run(&format!("the type check for {target}"), || {
            let mut command = if let Some(toolchain) = &toolchain {
                let mut command = toolchain.cargo(target, &["check"])?;
                // The standard library would be compiled: no code of it is needed.
                command.env("RUSTFLAGS", "-Zno-codegen");
                command
            } else {
                let mut command = workspace::cargo();
                command.args(["check", "--target", target]);
                command
            };
            command.args(["--locked", "--lib"]);
            for package in PACKAGES {
                command.args(["--package", package]);
            }
            for (name, told) in &c_libraries {
                for line in *told {
                    command.arg("--config").arg(format!("target.{target}.{name}.{line}"));
                }
            }
            let finished = run(command, LIMIT)?;
            let told = finished.telling_output();
            finished.check()?;
            check_warnings(&told)
        });
    }
    Ok(())
}

/// Returns an error if cargo tells of warnings in packages of ours.
fn check_warnings(output: &str) -> Result<()> {
    ensure!(!output.lines().any(|line| line.starts_with("warning: `lodewire-")), "{output}");
    Ok(())
}

/// Returns true if the machine's compiler has the standard libraries of all targets, as `rustup target add` installs
/// them.
fn are_installed() -> Result<bool> {
    let mut command = Command::new("rustc");
    command.args(["--print", "sysroot"]);
    let root = run_ok(command, LIMIT)?;
    let libraries = Path::new(root.trim()).join("lib/rustlib");
    Ok(TARGETS.iter().all(|target| libraries.join(target).join("lib").exists()))
}

/// The names of the C libraries, by which cargo's configuration replaces the build scripts, and what they would tell.
fn c_libraries() -> Result<Vec<(String, &'static [&'static str])>> {
    let mut command = workspace::cargo();
    command.args(["metadata", "--locked", "--format-version", "1"]);
    let output = run_ok(command, LIMIT)?;
    let json = output.lines().find(|line| line.starts_with('{')).context("no metadata")?;
    let metadata: serde_json::Value = serde_json::from_str(json)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut found = Vec::new();
    for CLibrary { package, told } in C_LIBRARIES {
        let name = packages.iter().find(|other| other["name"] == package);
        let name = name.and_then(|package| package["links"].as_str());
        let name = name.with_context(|| format!("{package} is no dependency any more"))?;
        found.push((name.to_owned(), told));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_our_packages_fail_the_check() {
        let ours = "warning: unused import\nwarning: `lodewire-net` (lib) generated 1 warning\n";
        assert!(check_warnings(ours).is_err());
        let others = "warning: `aws-lc-sys` (lib) generated 2 warnings\n    Finished `dev`\n";
        assert!(check_warnings(others).is_ok());
    }

    #[test]
    fn what_compiles_c_is_named_as_cargo_links_it() {
        let names = c_libraries().unwrap();
        assert!(names.iter().any(|(name, _)| name.starts_with("aws_lc_")), "{names:?}");
    }

    #[test]
    fn every_target_of_the_builds_is_checked() {
        let builds = workspace::root().join(".github/workflows/builds.yml");
        let builds = std::fs::read_to_string(builds).unwrap();
        let lines = builds.lines().filter_map(|line| line.split_once("targets: "));
        let targets: Vec<_> = lines
            .flat_map(|(_, targets)| targets.trim_matches(['"', ' ', '}']).split(' '))
            .filter(|target| *target != "x86_64-unknown-linux-gnu")
            .collect();
        assert!(targets.len() > 5, "{targets:?}");
        for target in targets {
            assert!(TARGETS.contains(&target), "{target}");
        }
    }
}

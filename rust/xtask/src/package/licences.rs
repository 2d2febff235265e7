//! The licences of all that is in the library, by cargo-about.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cache::Cache;
use crate::process::run_ok;
use crate::report::note;
use crate::workspace;

const PACKAGE: &str = "cargo-about";
const VERSION: &str = "0.9.3";
const LIMIT: Duration = Duration::from_mins(30);

/// The text of THIRDPARTY.md.
pub(super) fn gather(cache: &Cache) -> Result<String> {
    let program = program(cache)?;
    let root = workspace::root();
    let output = root.join("target/package/THIRDPARTY.md");
    std::fs::create_dir_all(root.join("target/package"))?;
    let mut command = Command::new(program);
    command.args(["generate", "--locked", "--fail", "--manifest-path"]);
    command.arg(root.join("rust/extension/Cargo.toml"));
    command.arg("--config").arg(root.join("rust/about.toml"));
    command.arg("--output-file").arg(&output).arg(root.join("rust/about.hbs"));
    command.current_dir(&root);
    run_ok(command, LIMIT).context("cargo-about; what it may find is said in rust/about.toml")?;
    let text = std::fs::read_to_string(&output)?;
    check(&text)?;
    Ok(text)
}

/// Checks that it contains all packages of the library that cargo lists for this platform.
fn check(text: &str) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["tree", "--locked", "--package", "lodewire-extension", "--edges", "normal"]);
    command.args(["--prefix", "none", "--format", "{p}"]);
    let tree = run_ok(command, LIMIT)?;
    let mut count = 0;
    for line in tree.lines() {
        let Some((name, version)) = line.split_once(" v") else { continue };
        let version = version.split(' ').next().unwrap_or_default();
        let entry = format!("- {name} {version}");
        let is_there = text.lines().any(|line| {
            line.strip_prefix(&entry).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        ensure!(is_there, "{name} {version} has no licence in THIRDPARTY.md");
        count += 1;
    }
    ensure!(count > 50, "cargo names {count} packages");
    note(&format!("{count} packages"));
    Ok(())
}

/// cargo-about, which is installed into the cache.
fn program(cache: &Cache) -> Result<PathBuf> {
    let folder = cache.folder(PACKAGE, VERSION, |folder| {
        note(&format!("installing {PACKAGE} {VERSION} into the cache, once (some 2 minutes)"));
        let mut command = workspace::cargo();
        command.args(["install", PACKAGE, "--version", VERSION, "--locked"]);
        command.args(["--features", "cli", "--root"]).arg(folder);
        run_ok(command, LIMIT)?;
        Ok(())
    })?;
    Ok(folder.join("bin").join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX)))
}

//! The foreign peers that the Godot tests talk to: libraries of other languages, in
//! pinned versions, installed into the cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
#[cfg(unix)]
use crate::foreign_engines;
use crate::process::run_ok;
use crate::programs;
use crate::report::{note, step};

/// The Python packages, from `PyPI`, each in an environment of its own, since one may be there without the other.
const WEBSOCKETS: PythonPackage =
    PythonPackage { folder: "python", package: "websockets==17.4", module: "websockets" };
/// ENet itself, in C.
const PYENET: PythonPackage =
    PythonPackage { folder: "pyenet", package: "pyenet==1.3.17", module: "enet" };
/// mbedTLS 2.28.
const MBEDTLS: PythonPackage =
    PythonPackage { folder: "mbedtls", package: "python-mbedtls==2.10.1", module: "mbedtls" };
/// The Node.js package, from npm.
const NODE_PACKAGE: &str = "ws@8.23.0";

const INSTALL_LIMIT: Duration = Duration::from_mins(10);

/// A package of Python's.
struct PythonPackage {
    /// Its folder in the cache.
    folder: &'static str,
    /// Its name and version.
    package: &'static str,
    /// The name by which scripts import it.
    module: &'static str,
}

/// Installs what is available. Returns the variables with its paths for the tests, or
/// why it is not there: the tests that need it are then skipped for that reason.
pub(crate) fn set_up(cache: &Cache) -> Result<Vec<(String, OsString)>> {
    step("setting up the foreign peers", || {
        let mut variables = Vec::new();
        if cfg!(windows) {
            // tests/foreign_process.gd starts them through sh.
            let reason = "foreign peers are not tested on Windows";
            for peer in ["PYTHON", "PYENET", "MBEDTLS", "GNUTLS", "NODE", "HAPROXY", "NGINX"] {
                variables.push((format!("LODEWIRE_{peer}_MISSING"), reason.into()));
            }
            return Ok(variables);
        }
        for (variable, package) in [
            ("LODEWIRE_PYTHON", &WEBSOCKETS),
            ("LODEWIRE_PYENET", &PYENET),
            ("LODEWIRE_MBEDTLS", &MBEDTLS),
        ] {
            add(&mut variables, variable, package.package, python(cache, package));
        }
        let node = node(cache).map(|(program, modules)| {
            variables.push(("NODE_PATH".to_owned(), modules.into()));
            program
        });
        add(&mut variables, "LODEWIRE_NODE", NODE_PACKAGE, node);
        add_engines(&mut variables, cache);
        Ok(variables)
    })
}

#[cfg(unix)]
fn add_engines(variables: &mut Vec<(String, OsString)>, cache: &Cache) {
    add(variables, "LODEWIRE_GODOT3", "godot3-server", foreign_engines::godot_3(cache));
    add(variables, "LODEWIRE_GODOT3_2", "godot3-server 3.2", foreign_engines::godot_3_2(cache));
    add(variables, "LODEWIRE_GNUTLS", "gnutls-bin", foreign_engines::gnutls(cache));
    add(variables, "LODEWIRE_HAPROXY", "haproxy", foreign_engines::haproxy(cache));
    add(variables, "LODEWIRE_NGINX", "nginx", foreign_engines::nginx(cache));
    add(variables, "LODEWIRE_CHROMIUM", "chromium", foreign_engines::chromium(cache));
}

#[cfg(not(unix))]
fn add_engines(_: &mut Vec<(String, OsString)>, _: &Cache) {}

fn add(
    variables: &mut Vec<(String, OsString)>,
    variable: &str,
    package: &str,
    program: Result<PathBuf>,
) {
    match program {
        Ok(program) => {
            note(package);
            variables.push((variable.to_owned(), program.into()));
        }
        Err(error) => {
            let error = format!("{error:#}");
            note(&format!("{package} is unavailable: {error}"));
            let reason = format!("{package} is unavailable: {}", reason_in(&error));
            variables.push((format!("{variable}_MISSING"), reason.into()));
        }
    }
}

/// The line of an installer's output that says most: its first error, else its last line.
fn reason_in(error: &str) -> &str {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_error = |line: &&str| line.starts_with("ERROR") || line.starts_with("npm error");
    lines.clone().find(is_error).or_else(|| lines.next_back()).unwrap_or("no reason was given")
}

/// A Python with `websockets`.
pub(crate) fn websockets(cache: &Cache) -> Result<PathBuf> {
    python(cache, &WEBSOCKETS)
}

/// A Python with ENet itself.
#[cfg(target_os = "linux")]
pub(crate) fn pyenet(cache: &Cache) -> Result<PathBuf> {
    python(cache, &PYENET)
}

/// The Python of a virtual environment with the package in it.
fn python(cache: &Cache, wanted: &PythonPackage) -> Result<PathBuf> {
    let PythonPackage { folder: name, package, module } = *wanted;
    let system = programs::find("python3").context("python3 is not installed")?;
    // An environment breaks when the Python it was made with goes or changes.
    let mut identify = Command::new(&system);
    identify.args(["-c", "import sys; print(sys.executable, sys.version)"]);
    let stamp = format!("{package} in {}", run_ok(identify, INSTALL_LIMIT)?);
    let folder = cache.folder(name, &stamp, |folder| {
        let venv = folder.join("venv");
        let python = venv.join("bin/python");
        // Debian's python3 makes complete environments only with the package python3-venv.
        let complete = run_ok(python_command(&system, &["-m", "venv"], &venv), INSTALL_LIMIT);
        let installer = match complete {
            Ok(_) => python_command(&python, &["-m", "pip"], Path::new("install")),
            Err(reason) => {
                let bare = ["-m", "venv", "--clear", "--without-pip"];
                run_ok(python_command(&system, &bare, &venv), INSTALL_LIMIT).map_err(|_| reason)?;
                let mut pip = python_command(&system, &["-m", "pip", "--python"], &python);
                pip.arg("install");
                pip
            }
        };
        install(installer, &["--no-input", "--disable-pip-version-check", package])
            .context("pip (Debian has it in the package python3-venv)")?;
        let mut check = Command::new(&python);
        check.args(["-c", &format!("import {module}")]);
        run_ok(check, INSTALL_LIMIT)?;
        Ok(())
    })?;
    Ok(folder.join("venv/bin/python"))
}

fn python_command(python: &Path, arguments: &[&str], last: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(arguments).arg(last);
    command
}

/// Node.js, and the folder with the modules that it may load.
pub(crate) fn node(cache: &Cache) -> Result<(PathBuf, PathBuf)> {
    let node = programs::find("node").context("node is not installed")?;
    let npm = programs::find("npm").context("npm is not installed")?;
    let folder = cache.folder("node", NODE_PACKAGE, |folder| {
        let mut installer = Command::new(&npm);
        installer.arg("install").arg("--prefix").arg(folder);
        let arguments = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
        install(installer, &[&arguments[..], &[NODE_PACKAGE]].concat())?;
        if !folder.join("node_modules/ws").exists() {
            bail!("npm has installed nothing");
        }
        Ok(())
    })?;
    Ok((node, folder.join("node_modules")))
}

fn install(mut installer: Command, arguments: &[&str]) -> Result<()> {
    installer.args(arguments);
    run_ok(installer, INSTALL_LIMIT)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_one_telling_line() {
        let pip = "`pip` failed (exit status: 1):\nWARNING: Retrying\nERROR: No matching \
                   distribution found\n\n[notice] A new release\n";
        assert_eq!(reason_in(pip), "ERROR: No matching distribution found");
        assert_eq!(reason_in("python3 is not installed"), "python3 is not installed");
        assert_eq!(reason_in(""), "no reason was given");
    }

    #[test]
    fn a_missing_peer_is_told_with_its_reason() {
        let mut variables = Vec::new();
        add(&mut variables, "A", "ws", Err(anyhow::anyhow!("node is not installed")));
        add(&mut variables, "B", "ws", Ok(PathBuf::from("/node")));
        let reason = "ws is unavailable: node is not installed".into();
        assert_eq!(variables, [("A_MISSING".into(), reason), ("B".into(), "/node".into())]);
    }
}

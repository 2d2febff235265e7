//! The test programs that cargo has built for a platform.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use super::WITH_FOREIGN_PEERS;
use crate::process::run;
use crate::report::{note, step};
use crate::test::rust_results::{Counts, cargo_test_counts};
use crate::test::tally::Tally;

/// It only ends a hang.
const LIMIT: Duration = Duration::from_mins(20);

/// The server that a message of cargo's tells of.
pub(super) fn server_in_message(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_server = message["target"]["name"] == "echo_server";
    is_server.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
}

/// A test program.
pub(super) struct TestProgram {
    /// As cargo names it, such as `lodewire-net::reactor`.
    name: String,
    pub(super) path: PathBuf,
    /// The folder of its crate, in which it runs.
    folder: PathBuf,
}

impl TestProgram {
    /// The test program that a message of cargo's tells of.
    pub(super) fn in_message(line: &str) -> Option<Self> {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = PathBuf::from(message["executable"].as_str()?);
        if message["profile"]["test"] != true {
            return None;
        }
        let manifest = Path::new(message["manifest_path"].as_str()?);
        let folder = manifest.parent()?.to_owned();
        let package = format!("lodewire-{}", folder.file_name()?.to_str()?);
        let target = message["target"]["name"].as_str()?;
        let is_library = target.replace('_', "-") == package;
        let name = if is_library { package } else { format!("{package}::{target}") };
        Some(Self { name, path, folder })
    }

    /// Runs it by `command`, the start of an emulator with the program, and counts what it says.
    pub(super) fn run(
        &self,
        mut command: Command,
        emulator: &str,
        tally: &mut Tally,
        filter: Option<&str>,
    ) {
        let what = format!("{} in {emulator}", self.name);
        if WITH_FOREIGN_PEERS.contains(&self.name.as_str()) {
            return tally.skip(&what, "its peers are programs that the emulator does not have");
        }
        // Emulators are slow, and tests that run beside each other make each other slower.
        command.args(["--test-threads", "2"]).args(filter).current_dir(&self.folder);
        let mut counts = Counts::default();
        let result = step(&format!("running {what}"), || {
            let finished = run(command, LIMIT)?;
            counts = cargo_test_counts(&finished.output).unwrap_or_default();
            if counts.failed > 0 || !finished.status.success() {
                bail!("{}: {}", finished.status, finished.telling_output());
            }
            note(&format!("{} passed", counts.passed));
            Ok(())
        });
        tally.pass(counts.passed);
        for _ in 0..counts.ignored {
            tally.skip(&what, "a test is marked #[ignore]");
        }
        if let Err(error) = result {
            let told = format!("{error:#}");
            println!("{told}");
            let is_failed = |line: &&str| line.starts_with("test ") && line.ends_with(" FAILED");
            let tests: Vec<_> = told.lines().filter(is_failed).collect();
            tally.fail_many(counts.failed.max(1), &format!("{what}: {}", tests.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_in_what_cargo_says() {
        let message = |target: &str, test: bool| {
            format!(
                "{{\"executable\":\"/t/a.exe\",\"profile\":{{\"test\":{test}}},\
                 \"manifest_path\":\"/w/rust/net/Cargo.toml\",\"target\":{{\"name\":\"{target}\"}}}}"
            )
        };
        let name = |line: &str| TestProgram::in_message(line).map(|program| program.name);
        assert_eq!(name(&message("lodewire_net", true)).as_deref(), Some("lodewire-net"));
        assert_eq!(name(&message("dtls", true)).as_deref(), Some("lodewire-net::dtls"));
        assert_eq!(name(&message("dtls", false)), None);
        assert_eq!(name("Compiling"), None);
    }
}

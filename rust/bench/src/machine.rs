//! On what, when, and with which versions something was measured.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The lock file that this program was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Lines that describe the run: `versions` of the peers, and of crates that are among them or under them.
pub(crate) fn describe(
    crates: &[&str],
    versions: impl IntoIterator<Item = String>,
) -> Result<Vec<String>> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpu, "model name").unwrap_or("a processor without a name");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let crates =
        crates.iter().filter_map(|name| Some(format!("{name} {}", locked_version(LOCK, name)?)));
    let versions: Vec<_> = crates.chain(versions).collect();
    Ok(vec![
        format!(
            "{}, Lodewire {}{}",
            output("date", &["-u", "+%F %R UTC"])?,
            env!("CARGO_PKG_VERSION"),
            commit()
        ),
        format!("{} cores of {model}, Linux {}", process::cores()?, kernel.trim()),
        versions.join(", "),
    ])
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

/// The version of a package in a lock file.
fn locked_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0)
}

fn commit() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    let commit = output("git", &["-C", folder, "describe", "--always", "--dirty"]);
    commit.map_or_else(|_| String::new(), |commit| format!(" at {commit}"))
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    output.status.success().then_some(()).with_context(|| format!("{program} failed"))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_are_in_the_lock_file() {
        for name in ["tungstenite", "mio", "rusty_enet"] {
            assert!(locked_version(LOCK, name).is_some(), "{name}");
        }
        assert_eq!(field("a\t: 1\nb : 2\n", "b"), Some("2"));
    }
}

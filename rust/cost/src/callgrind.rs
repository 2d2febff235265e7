//! Instructions, counted by valgrind's callgrind.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The function in which it counts, and after which it writes. The same pattern for both would make it forget one.
const COUNTED: &str = "*lodewire_measured_work*";
const WRITTEN_AFTER: &str = "lodewire_cost::meter::lodewire_measured_work";

/// Runs this program again under callgrind, silently. Returns the instructions of each piece of work, in order.
pub(crate) fn count(valgrind: &Path, filter: Option<&str>) -> Result<Vec<u64>> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("out");
    let mut command = Command::new(valgrind);
    command.args(["--quiet", "--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", output.display()));
    // It counts in this function, and writes what it has counted when the function returns.
    command.arg(format!("--toggle-collect={COUNTED}"));
    command.arg(format!("--dump-after={WRITTEN_AFTER}"));
    command.arg(std::env::current_exe()?).arg("--silent").args(filter);
    let status =
        command.status().with_context(|| format!("{} does not start", valgrind.display()))?;
    if !status.success() {
        bail!("callgrind failed: {status}");
    }
    let mut counts = Vec::new();
    // The first file that is written has the number 1.
    while let Ok(text) = fs::read_to_string(format!("{}.{}", output.display(), counts.len() + 1)) {
        counts.push(instructions_in(&text)?);
    }
    Ok(counts)
}

/// The total of one file of callgrind's.
fn instructions_in(text: &str) -> Result<u64> {
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("summary:").or_else(|| line.strip_prefix("totals:")))
        .context("callgrind wrote no total")?;
    total.trim().parse().with_context(|| format!("callgrind wrote the total \"{total}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read() {
        assert_eq!(instructions_in("events: Ir\nsummary: 1234\nfn=(1) main\n").unwrap(), 1234);
        assert_eq!(instructions_in("events: Ir\ntotals: 56\n").unwrap(), 56);
        assert!(instructions_in("events: Ir\n").is_err());
    }
}

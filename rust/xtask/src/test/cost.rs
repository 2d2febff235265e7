//! The cost harness of rust/cost: what hostile input may cost.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{run, run_ok};
use crate::programs;
use crate::report::{note, step};
use crate::test::tally::Tally;
use crate::workspace;

/// The filter that selects it.
const NAME: &str = "cost";
const LIMIT: Duration = Duration::from_hours(1);

/// Returns true if a filter selects it: its rows are not separate tests.
pub(super) fn is_selected(filter: Option<&str>) -> bool {
    filter.is_none_or(|filter| filter == NAME)
}

/// Runs all rows, and prints the table.
pub(super) fn check(tally: &mut Tally) {
    let valgrind = programs::find("valgrind");
    if valgrind.is_none() {
        let why = "valgrind is not installed (Debian has it in the package valgrind)";
        tally.skip("the instructions of hostile input", why);
    }
    let harness = || {
        let mut command = workspace::cargo();
        let arguments = ["run", "--quiet", "--profile", "cost", "--package", "lodewire-cost"];
        command.args(arguments);
        command
    };
    let result = step("building the cost harness", || {
        let mut build: Command = workspace::cargo();
        build.args(["build", "--profile", "cost", "--package", "lodewire-cost"]);
        run_ok(build, LIMIT)
    })
    .and_then(|_| {
        step("measuring what hostile input costs", || {
            let mut command = harness();
            if let Some(valgrind) = &valgrind {
                command.args(["--", "--valgrind"]).arg(valgrind);
            }
            let finished = run(command, LIMIT)?;
            println!("{}", finished.output);
            settle(finished.status.success(), rows_in(&finished.output), tally)
        })
    });
    if let Err(error) = result {
        note(&format!("FAIL {NAME}: {error:#}"));
        tally.fail("what hostile input costs");
    }
}

fn settle(is_good: bool, rows: Option<(usize, usize)>, tally: &mut Tally) -> Result<()> {
    let Some((passed, failed)) = rows else { bail!("it has no table") };
    tally.pass(passed);
    if failed > 0 {
        bail!("{failed} rows do not keep to their limits");
    }
    if !is_good {
        bail!("it ends with an error");
    }
    Ok(())
}

/// Returns the numbers of passed and failed rows, from the table's last line.
fn rows_in(output: &str) -> Option<(usize, usize)> {
    let line = output.lines().rev().find(|line| line.contains(" rows passed, "))?;
    let (passed, failed) = line.split_once(" rows passed, ")?;
    Some((passed.trim().parse().ok()?, failed.split_once(' ')?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_table_is_read() {
        assert_eq!(rows_in("a table\n70 rows passed, 3 failed\n"), Some((70, 3)));
        assert_eq!(rows_in("error: could not compile"), None);
        let mut tally = Tally::default();
        assert!(settle(true, Some((3, 0)), &mut tally).is_ok());
        assert!(settle(false, Some((3, 1)), &mut tally).is_err());
        assert!(settle(false, Some((3, 0)), &mut tally).is_err());
    }
}

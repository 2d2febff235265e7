//! The cost harness: what hostile input may cost. `cargo xtask test cost` runs it.
//!
//! Each [row](rows) feeds a generated sequence to a parser, a host, a table or a server, at three sizes: 1, 10 and 100
//! times. The bytes that are allocated for each byte received, and the instructions that are executed for it, must stay
//! under the row's limits at each size, and the memory that is held at once under the row's bound.
//!
//! Instructions are counted by valgrind's callgrind, which makes the figures the same on each run.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "what is counted here is small, and numbers on the wire wrap"
)]
#![expect(clippy::expect_used, reason = "a row that cannot be set up fails the run")]

mod callgrind;
mod figures;
mod meter;
mod random;
mod row;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use lodewire_cost::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures what hostile input costs.
#[derive(Parser)]
struct Arguments {
    /// Run only rows whose name contains this
    filter: Option<String>,
    /// The program `valgrind`, to count instructions; without it, only allocations are counted
    #[arg(long)]
    valgrind: Option<PathBuf>,
    /// Run the rows and print nothing: what valgrind is started with
    #[arg(long, hide = true)]
    silent: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let rows = rows::matching(arguments.filter.as_deref().unwrap_or(""));
    let samples: Vec<_> = rows.iter().map(row::Row::measure).collect();
    if arguments.silent {
        return Ok(ExitCode::SUCCESS);
    }
    let instructions = match &arguments.valgrind {
        Some(valgrind) => Some(callgrind::count(valgrind, arguments.filter.as_deref())?),
        None => None,
    };
    let table = figures::Table::new(&rows, samples, instructions)?;
    print!("{table}");
    Ok(if table.has_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

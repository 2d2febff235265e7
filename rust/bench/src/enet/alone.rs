//! Measurements in memory, each in a process of its own: in a heap that others have used, the next one is slower.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use super::measure::{self, Part};
use super::subject::{Setup, Subject};
use crate::process::{CLIENT_CORE, Process};

/// The prefix of the line with the result.
const FIGURES: &str = "figures ";

/// For what is done before and after the time that is measured.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The measurement.
#[derive(Args)]
pub(crate) struct AloneOptions {
    /// Whom
    subject: Subject,
    /// What
    part: Part,
    /// Which of the part's cases
    case: usize,
    /// How many seconds it takes
    #[arg(long)]
    seconds: f64,
    /// The folder with the libraries of C ENet
    #[arg(long)]
    c_enet: Option<PathBuf>,
}

/// Measures a case in another process; `None` if the implementation is unavailable.
pub(crate) fn figures(
    subject: Subject,
    setup: &Setup,
    part: Part,
    case: usize,
) -> Result<Option<Vec<f64>>> {
    if !subject.is_there(setup) {
        return Ok(None);
    }
    let mut command = Command::new(&setup.program);
    command.arg("enet-alone").arg(argument(&subject)?).arg(argument(&part)?).arg(case.to_string());
    command.arg("--seconds").arg(setup.time.as_secs_f64().to_string());
    if let Some(folder) = &setup.c_enet {
        command.arg("--c-enet").arg(folder);
    }
    let process = Process::start(subject.name(), command, Some(CLIENT_CORE))?;
    let line = process.line_after(FIGURES, setup.time * 4 + TIMEOUT)?;
    let values: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
    Ok(Some(values?))
}

/// Measures here, and tells what came of it.
pub(crate) fn run(options: AloneOptions) -> Result<()> {
    let AloneOptions { subject, part, case, seconds, c_enet } = options;
    let setup = Setup {
        program: PathBuf::new(),
        subjects: vec![subject],
        c_enet,
        engine: None,
        time: Duration::from_secs_f64(seconds),
    };
    let values = measure::alone(subject, &setup, part, case)?;
    let values = values.with_context(|| format!("{} is not there", subject.name()))?;
    ensure!(values.iter().all(|value| value.is_finite()), "nothing was measured");
    let values: Vec<_> = values.iter().map(f64::to_string).collect();
    println!("{FIGURES}{}", values.join(" "));
    Ok(())
}

/// Returns the form of a value on the command line.
pub(crate) fn argument(value: &impl ValueEnum) -> Result<String> {
    let value = value.to_possible_value().context("no value of the command line")?;
    Ok(value.get_name().to_owned())
}

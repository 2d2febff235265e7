//! The project's own tasks: `cargo xtask setup | build | demo | test | package | conformance | bench | soak`.

mod bench;
mod busy;
mod c_enet;
mod cache;
mod conformance;
mod debian;
mod demo;
mod engine;
mod engine_debian;
#[cfg(unix)]
mod foreign_engines;
mod foreign_peers;
mod library;
mod log_lines;
mod package;
mod pictures;
#[cfg(target_os = "linux")]
mod platforms;
mod process;
mod process_group;
mod programs;
mod project;
mod report;
mod test;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::cache::Cache;
use crate::library::Kind;
use crate::report::note;

/// The tasks of the Lodewire project. Start with `cargo xtask demo`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = VARIABLES)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

const VARIABLES: &str = "Variables of the environment:
  GODOT           the engine to use, a path; else `godot4` or `godot` on PATH is used,
                  else, on Debian, one is unpacked into the cache
  LODEWIRE_CACHE  the folder for what is downloaded; else `lodewire` in your cache folder";

#[derive(Subcommand)]
enum Task {
    /// Find a Godot engine (4.3 or newer); on Debian, unpack one if there is none
    ///
    /// Nothing is installed: the unpacked engine lives in the cache folder. The other
    /// tasks do this by themselves.
    Setup,
    /// Build the extension, and put it into the addon and the two Godot projects
    Build {
        /// Build the library for the editor, and the games it starts, instead of the
        /// one for exported games; and import the projects if there is an engine
        #[arg(long)]
        debug: bool,
        /// Build for another platform: a target of Rust's, which is installed
        #[arg(long)]
        target: Option<String>,
    },
    /// Build all, then run a server and a client that talk to each other
    ///
    /// Ends with 0 only if messages went both ways.
    Demo {
        /// Show the two games, each in a window
        #[arg(long)]
        window: bool,
    },
    /// Regenerate the pictures of the README, by running the demos in a virtual screen
    Pictures,
    /// Check the formatting, the lints, the documentation and the workflows
    Check {
        /// Type-check what ships for Windows, macOS, iOS, Android and Linux on arm64 instead (Debian, or the targets installed)
        #[cfg(target_os = "linux")]
        #[arg(long)]
        platforms: bool,
    },
    /// Run every check and test
    ///
    /// Formatting, clippy, documentation, Rust tests, and tests in a real engine. The last
    /// line counts what passed, failed and was skipped.
    Test {
        /// Run only tests whose name contains this, and no checks
        filter: Option<String>,
        /// Run this many busy loops beside the tests, as a busy machine would
        #[arg(long, default_value_t = 0)]
        busy: usize,
        /// Build for another platform with Debian's tools, and run the Rust tests in an emulator instead (Debian)
        #[cfg(target_os = "linux")]
        #[arg(long, value_enum, conflicts_with_all = ["busy", "release"])]
        platform: Option<platforms::Platform>,
        /// Run everything, with what `--release` adds, the type check for every platform and the tests on each `--platform`
        /// (Debian; hours)
        #[cfg(target_os = "linux")]
        #[arg(long, conflicts_with_all = ["busy", "filter", "platform"])]
        all: bool,
        /// Also build and try what is released and measured: the packed addon with the release library, and the bench
        #[arg(long)]
        release: bool,
    },
    /// Build the release and the debug library, and pack the addon into target/package
    ///
    /// The zip has the licences of all that is in the libraries, gathered by cargo-about.
    Package {
        /// Pack the libraries that are in the addon already, of whatever platforms
        #[arg(long)]
        built: bool,
    },
    /// Run the Autobahn test suite through the Godot classes, as server and as client
    ///
    /// All 517 cases take some 20 minutes for each role. Ends with 0 only if every case is
    /// "OK" or "INFORMATIONAL". Needs Python 2.7; the report goes to target/conformance.
    Conformance {
        /// Be only this end
        #[arg(long, value_enum)]
        role: Option<conformance::Role>,
        /// Run only these cases, such as `1.*,9.1.*`
        #[arg(long, default_value = "*")]
        cases: String,
    },
    /// Hold 10,000 WebSocket clients, 1,000 ENet peers and 1,000 DTLS peers for ten minutes (Linux)
    ///
    /// One headless server in the engine, with traffic; the report and the plot go to docs/bench. Ends with 0 only if
    /// nothing was lost.
    Soak {
        /// Options of rust/bench, such as `--minutes 1` or `--websocket 1000`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
    /// Measure ours beside its peers, in one run (Linux)
    ///
    /// The table and the plot go to docs/bench. No figure makes it fail.
    Bench {
        /// What to measure
        #[arg(value_enum)]
        what: Bench,
        /// Options of rust/bench, such as `--rounds 3` or `--only memory`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    process_group::end_all_when_interrupted()?;
    match task {
        Task::Setup => {
            engine::set_up(&Cache::open()?)?;
        }
        Task::Build { debug, target } => build(debug, target.as_deref())?,
        Task::Pictures => pictures::run_all()?,
        #[cfg(target_os = "linux")]
        Task::Check { platforms: true } => return platforms::check(),
        Task::Check { .. } => return Ok(test::check()),
        Task::Demo { window } => demo::run(window)?,
        Task::Package { built } => {
            package::run(&Cache::open()?, built)?;
        }
        Task::Conformance { role, cases } => return conformance::run(role, &cases),
        Task::Bench { what, options } => return bench::run(what, &options),
        Task::Soak { options } => return bench::run(Bench::Soak, &options),
        #[cfg(target_os = "linux")]
        Task::Test { filter, platform: Some(platform), .. } => {
            return platforms::test(platform, filter.as_deref());
        }
        #[cfg(target_os = "linux")]
        Task::Test { all: true, .. } => return Ok(test::run_everywhere()),
        Task::Test { filter, busy, release, .. } => {
            return Ok(busy::beside(busy, || test::run(filter.as_deref(), release)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn build(debug: bool, target: Option<&str>) -> Result<()> {
    let kind = if debug { Kind::Debug } else { Kind::Release };
    if let Some(target) = target {
        library::build_for(kind, target)?;
        return Ok(());
    }
    library::build(kind)?;
    project::link_addon()?;
    if debug {
        // Only the debug library is loaded by the engine that imports.
        match engine::find(&Cache::open()?)? {
            Some(engine) => {
                project::import(&engine, &workspace::demo_project())?;
                project::import(&engine, &workspace::tests_project())?;
            }
            None => {
                note("no engine yet, so the projects are not imported: see `cargo xtask setup`");
            }
        }
    }
    Ok(())
}

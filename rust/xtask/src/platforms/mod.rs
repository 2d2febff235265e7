//! `cargo xtask test --platform`: what other platforms are given is built here, with Debian's own tools, and run in an
//! emulator.

mod arm64;
mod guest;
mod peers;
mod programs;
mod toolchain;
mod windows;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::cache::Cache;
use crate::test::tally::Tally;

/// A platform that is emulated.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Platform {
    /// Windows, by Wine 8 and 10
    Windows,
    /// Linux on arm64, by qemu
    Arm64,
}

/// The crates whose tests run on every platform.
const PACKAGES: [&str; 4] =
    ["lodewire-websocket", "lodewire-enet", "lodewire-dtls", "lodewire-net"];

/// Why the tests of the other crates do not.
const ELSEWHERE: &str = "they are about the machine that develops";

/// Builds for the platform and runs the tests.
pub(crate) fn test(platform: Platform, filter: Option<&str>) -> Result<ExitCode> {
    let cache = Cache::open()?;
    let mut tally = Tally::default();
    tally.skip("the tests of rust/xtask, rust/bench and rust/cost", ELSEWHERE);
    match platform {
        Platform::Windows => windows::test(&cache, &mut tally, filter)?,
        Platform::Arm64 => arm64::test(&cache, &mut tally, filter)?,
    }
    Ok(tally.finish())
}

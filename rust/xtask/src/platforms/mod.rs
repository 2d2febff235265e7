//! `cargo xtask test --platform`: builds for other platforms with Debian's own tools, and runs the tests in an emulator.
//! `cargo xtask check --platforms` only type-checks, for all of them.

mod arm64;
mod check;
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

/// The test programs whose peers are programs that an emulator does not have: they would pass without a test.
const WITH_FOREIGN_PEERS: [&str; 1] = ["lodewire-dtls::openssl"];

/// Type-checks what ships for every platform.
pub(crate) fn check() -> Result<ExitCode> {
    let mut tally = Tally::default();
    check::check(&mut tally)?;
    Ok(tally.finish())
}

/// Builds for the platform and runs the tests.
pub(crate) fn test(platform: Platform, filter: Option<&str>) -> Result<ExitCode> {
    let mut tally = Tally::default();
    test_on(platform, &mut tally, filter)?;
    Ok(tally.finish())
}

/// The type check for every platform, and the tests of all that are emulated. What cannot be set up is a failure.
pub(crate) fn run_all(tally: &mut Tally) {
    let results = [
        ("the type check for every platform", check::check(tally)),
        ("the tests on Windows", test_on(Platform::Windows, tally, None)),
        ("the tests on arm64", test_on(Platform::Arm64, tally, None)),
    ];
    for (what, result) in results {
        if let Err(error) = result {
            println!("{error:#}");
            tally.fail(what);
        }
    }
}

fn test_on(platform: Platform, tally: &mut Tally, filter: Option<&str>) -> Result<()> {
    let cache = Cache::open()?;
    let name = match platform {
        Platform::Windows => "Windows",
        Platform::Arm64 => "arm64",
    };
    tally.skip(&format!("the tests of rust/xtask, rust/bench and rust/cost on {name}"), ELSEWHERE);
    match platform {
        Platform::Windows => windows::test(&cache, tally, filter),
        Platform::Arm64 => arm64::test(&cache, tally, filter),
    }
}

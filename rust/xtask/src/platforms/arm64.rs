//! Linux on arm64, by qemu's user mode: the program is emulated, the kernel is this machine's.

use std::path::Path;

use anyhow::Result;

use super::peers;
use super::toolchain::{Target, Toolchain};
use crate::cache::Cache;
use crate::test::tally::Tally;

const TARGET: Target = Target {
    name: "aarch64-unknown-linux-gnu",
    compiler: "aarch64-linux-gnu-gcc",
    archiver: "aarch64-linux-gnu-ar",
};

const EMULATOR: &str = "/usr/bin/qemu-aarch64";
/// Where the cross compiler's C library is.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

pub(super) fn test(cache: &Cache, tally: &mut Tally, filter: Option<&str>) -> Result<()> {
    tally.skip("tests in an engine on arm64", "they are not run by this command yet");
    let toolchain = Toolchain::set_up(cache)?;
    let (programs, server) = toolchain.build_tests(TARGET)?;
    let emulate = |program: &Path| {
        let mut command = toolchain.guest.command(EMULATOR, &toolchain.folder);
        command.args(["-L", LIBRARIES]).arg(program);
        command
    };
    for program in programs {
        program.run(emulate(&program.path), "qemu", tally, filter);
    }
    if filter.is_none() {
        peers::talk(emulate(&server), "qemu", cache, tally);
    }
    Ok(())
}

//! Linux on arm64, by qemu's user mode: the program is emulated, the kernel is this machine's.

use anyhow::Result;

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
    for program in toolchain.build_tests(TARGET)? {
        let mut command = toolchain.guest.command(EMULATOR, &toolchain.folder);
        command.args(["-L", LIBRARIES]).arg(&program.path);
        program.run(command, "qemu", tally, filter);
    }
    Ok(())
}

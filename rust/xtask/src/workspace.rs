//! The folders of the project, and its cargo.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).unwrap_or(crate_folder).to_owned()
}

/// The addon as it is committed.
pub(crate) fn addon() -> PathBuf {
    root().join("addons").join("lodewire")
}

/// The project of the demo.
pub(crate) fn demo_project() -> PathBuf {
    root().join("godot-project")
}

/// The project of the headless tests.
pub(crate) fn tests_project() -> PathBuf {
    root().join("tests")
}

/// The project of the measurements in the engine.
pub(crate) fn bench_project() -> PathBuf {
    root().join("rust").join("bench").join("godot")
}

/// The cargo that runs us, in the root of the project.
pub(crate) fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    // The output is read by us before anyone else does.
    command.env("CARGO_TERM_COLOR", "never");
    command
}

//! Debian's compilers for other platforms. The standard library is built from its source.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::PACKAGES;
use super::guest::{self, Guest};
use super::programs::{self, TestProgram};
use crate::cache::Cache;
use crate::debian;
use crate::process::run_ok;
use crate::report::step;
use crate::workspace;

/// The compilers, and the emulators of the newer kind.
const WANTED: [&str; 15] = [
    "rustc",
    "cargo",
    "rust-src",
    "gcc",
    "libc6-dev",
    "make",
    "bash",
    "dash",
    "coreutils",
    "gcc-mingw-w64-x86-64-posix",
    "libz-mingw-w64",
    "wine64",
    "gcc-aarch64-linux-gnu",
    "g++-aarch64-linux-gnu",
    "qemu-user",
];
const STAMP: &str = "debian sid, recipe 1";

const BUILD_LIMIT: Duration = Duration::from_hours(3);

/// A target of Rust's, and the C compiler for it.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) compiler: &'static str,
    pub(super) archiver: &'static str,
}

/// The compilers, unpacked.
pub(super) struct Toolchain {
    pub(super) guest: Guest,
    /// Where it is.
    pub(super) folder: PathBuf,
}

impl Toolchain {
    /// Downloads and unpacks the compilers, some 700 MB and 4 GB, unless that was done before.
    pub(super) fn set_up(cache: &Cache) -> Result<Self> {
        step("setting up Debian's compilers for other platforms (4 GB in the cache)", || {
            if let Err(why) = debian::check_machine() {
                bail!("{why}");
            }
            guest::check_machine()?;
            let folder = cache.folder("toolchain", STAMP, |folder| {
                debian::unpack("sid", &WANTED, folder)?;
                let guest = Guest::new(folder);
                guest.merge_usr()?;
                // A link that the package's script makes.
                symlink("gcc", guest.path("usr/bin/cc"))?;
                let mut version = guest.command("rustc", folder);
                version.arg("--version");
                run_ok(version, BUILD_LIMIT)?;
                Ok(())
            })?;
            Ok(Self { guest: Guest::new(&folder), folder })
        })
    }

    /// Compiles a file of C.
    pub(super) fn compile(
        &self,
        target: Target,
        source: &str,
        to: &Path,
        options: &[&str],
    ) -> Result<()> {
        let file = to.with_extension("c");
        fs::write(&file, source)?;
        let mut command = self.guest.command(target.compiler, &self.folder);
        command.arg("-O1").arg("-o").args([to, &file]).args(options);
        run_ok(command, BUILD_LIMIT)?;
        Ok(())
    }

    /// A command of cargo's for the target, which builds the standard library too.
    pub(super) fn cargo(&self, target: &str, arguments: &[&str]) -> Result<Command> {
        let home = env::var_os("HOME").context("HOME is not set")?;
        let mut command = self.guest.command("cargo", Path::new(&home));
        command.current_dir(workspace::root());
        // How this machine reaches the registry.
        for (name, value) in env::vars_os() {
            let text = name.to_string_lossy().to_lowercase();
            if text.ends_with("_proxy") || text == "ssl_cert_file" || text == "cargo_home" {
                command.env(name, value);
            }
        }
        command
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", target_folder())
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.args(arguments);
        command.args(["-Zbuild-std=std,panic_unwind", "--target", target]);
        Ok(command)
    }

    /// The same with the target's C compiler. What is built is told as JSON.
    fn cargo_with_c(&self, target: Target, arguments: &[&str]) -> Result<Command> {
        let mut command = self.cargo(target.name, arguments)?;
        let (upper, lower) = (target.name.to_uppercase(), target.name.replace('-', "_"));
        command
            .env(format!("CARGO_TARGET_{}_LINKER", upper.replace('-', "_")), target.compiler)
            .env(format!("CC_{lower}"), target.compiler)
            .env(format!("AR_{lower}"), target.archiver);
        command.args(["--message-format", "json-render-diagnostics"]);
        Ok(command)
    }

    /// Builds the test programs, and the server that foreign peers talk to: an example, which cargo builds with them.
    pub(super) fn build_tests(&self, target: Target) -> Result<(Vec<TestProgram>, PathBuf)> {
        let what = format!("building the Rust tests for {} (10 minutes at first)", target.name);
        step(&what, || {
            fs::create_dir_all(target_folder().join("tmp"))?;
            let mut command = self.cargo_with_c(target, &["test", "--no-run"])?;
            for package in PACKAGES {
                command.args(["--package", package]);
            }
            let messages = run_ok(command, BUILD_LIMIT)?;
            let programs: Vec<_> = messages.lines().filter_map(TestProgram::in_message).collect();
            let server = messages.lines().find_map(programs::server_in_message);
            if programs.is_empty() {
                bail!("cargo tells of no test program");
            }
            Ok((programs, server.context("cargo tells of no server")?))
        })
    }

    /// Builds the extension's library.
    pub(super) fn build_library(&self, target: Target, ending: &str) -> Result<PathBuf> {
        let what = format!("building the library for {} (15 minutes at first)", target.name);
        step(&what, || {
            let command =
                self.cargo_with_c(target, &["build", "--package", "lodewire-extension"])?;
            let messages = run_ok(command, BUILD_LIMIT)?;
            crate::library::library_in_messages(&messages, ending)
                .context("cargo tells of no library")
        })
    }
}

/// Beside the machine's own: the compilers differ.
pub(super) fn target_folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from("target"));
    workspace::root().join(target).join("platforms")
}

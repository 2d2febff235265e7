//! Programs of another Debian, started with its `/usr` in place of the machine's.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::run_ok;

const COPY_LIMIT: Duration = Duration::from_mins(5);

/// In a mount namespace that ends with the program, and a process namespace in which nothing outlives it. No privilege is
/// needed where the system lets users make namespaces, as Debian does.
const ENTER: [&str; 7] =
    ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
const MOUNT: &str = r#"mount --rbind "$0/usr" /usr && exec "$@""#;

/// The folders that are links into `usr` on a machine, and are not in the packages of older suites.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// An unpacked Debian.
pub(super) struct Guest {
    root: PathBuf,
}

impl Guest {
    pub(super) fn new(folder: &Path) -> Self {
        Self { root: folder.join("root") }
    }

    /// A path in it, as the machine sees it.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// Moves everything into `usr`, for packages that have it beside.
    pub(super) fn merge_usr(&self) -> Result<()> {
        for name in MERGED {
            let (beside, inside) = (self.root.join(name), self.root.join("usr").join(name));
            if beside.is_symlink() || !beside.exists() {
                continue;
            }
            fs::create_dir_all(&inside)?;
            let mut copy = Command::new("cp");
            copy.args(["--archive", "--no-target-directory"]).args([&beside, &inside]);
            run_ok(copy, COPY_LIMIT)?;
            fs::remove_dir_all(&beside)?;
        }
        Ok(())
    }

    /// A command that runs in it: with nothing of the machine's environment, and the home folder given.
    pub(super) fn command(&self, program: impl AsRef<OsStr>, home: &Path) -> Command {
        let mut command = Command::new("unshare");
        command.args(ENTER).args(["sh", "-c", MOUNT]).arg(&self.root).arg(program);
        command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.env("RUST_BACKTRACE", "1");
        command
    }
}

/// Returns an error if the machine makes no namespaces, or has folders beside `/usr`.
pub(super) fn check_machine() -> Result<()> {
    let mut probe = Command::new("unshare");
    probe.args(ENTER).arg("true");
    run_ok(probe, COPY_LIMIT)
        .context("no namespaces: allow users to make them, or run this as root")?;
    for name in MERGED {
        let folder = Path::new("/").join(name);
        ensure!(folder.is_symlink() || !folder.exists(), "{} is no link", folder.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_usr_is_moved_into_it() {
        let folder = tempfile::tempdir().unwrap();
        let guest = Guest::new(folder.path());
        fs::create_dir_all(guest.path("lib/a")).unwrap();
        fs::create_dir_all(guest.path("usr/lib/a")).unwrap();
        fs::write(guest.path("lib/a/new"), "1").unwrap();
        fs::write(guest.path("usr/lib/a/old"), "2").unwrap();
        guest.merge_usr().unwrap();
        for name in ["new", "old"] {
            assert!(guest.path("usr/lib/a").join(name).exists());
        }
        assert!(!guest.path("lib").exists());
    }
}

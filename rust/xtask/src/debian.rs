//! Debian's packages, unpacked beside the system. Its archive has complete programs in suites that are newer than most
//! machines: so the packages, with all that they depend on down to the C library, are only unpacked. Nothing is installed.
//! apt verifies the downloads by the signatures of the archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{run, run_ok};
use crate::programs;
use crate::report::{Heartbeat, note};

/// The key that must have signed the archive.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

const DOWNLOAD_LIMIT: Duration = Duration::from_mins(30);
const UNPACK_LIMIT: Duration = Duration::from_mins(5);

/// Returns the reason why packages cannot be unpacked on this machine.
pub(crate) fn check_machine() -> Result<(), &'static str> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        Err("It can be unpacked by itself only on x86_64 Debian")
    } else if programs::find("apt-get").is_none() || programs::find("dpkg-deb").is_none() {
        Err("It can be unpacked by itself only where apt-get and dpkg-deb are")
    } else if !Path::new(KEYRING).exists() {
        Err("It can be unpacked by itself only on Debian: its archive's keys are missing")
    } else {
        Ok(())
    }
}

/// Downloads packages of a suite with all that they depend on, and unpacks them into `folder/root`.
pub(crate) fn unpack(suite: &str, packages: &[&str], folder: &Path) -> Result<PathBuf> {
    unpack_for("amd64", suite, packages, folder)
}

/// The same for an architecture, in Debian's name.
pub(crate) fn unpack_for(
    architecture: &'static str,
    suite: &str,
    packages: &[&str],
    folder: &Path,
) -> Result<PathBuf> {
    let apt = Apt::new(&folder.join("apt"), architecture)?;
    apt.update(suite)?;
    apt.download(packages)?;
    let root = folder.join("root");
    unpack_packages(&apt.packages()?, &root)?;
    fs::remove_dir_all(&apt.folder)?;
    Ok(root)
}

fn unpack_packages(packages: &[PathBuf], root: &Path) -> Result<()> {
    let mut heartbeat = Heartbeat::new();
    for (index, package) in packages.iter().enumerate() {
        heartbeat.beat(&format!("unpacking package {} of {}", index + 1, packages.len()));
        let mut command = Command::new("dpkg-deb");
        command.arg("-x").args([package, root]);
        run_ok(command, UNPACK_LIMIT)?;
    }
    Ok(())
}

/// An apt of our own: it knows one archive, and believes that nothing is installed.
struct Apt {
    folder: PathBuf,
    architecture: &'static str,
}

impl Apt {
    fn new(folder: &Path, architecture: &'static str) -> Result<Self> {
        fs::create_dir_all(folder.join("lists/partial"))?;
        fs::create_dir_all(folder.join("cache/archives/partial"))?;
        fs::write(folder.join("status"), "")?;
        Ok(Self { folder: folder.to_owned(), architecture })
    }

    /// Reads the suite's list of packages, from the first archive that has it with a
    /// signature of Debian's.
    fn update(&self, suite: &str) -> Result<()> {
        let mut failures = String::new();
        for archive in configured_archives()? {
            let options = format!("arch={} signed-by={KEYRING}", self.architecture);
            let source = format!("deb [{options}] {archive} {suite} main\n");
            fs::write(self.folder.join("sources.list"), source)?;
            let mut command = self.command();
            command.arg("update");
            let finished = run(command, DOWNLOAD_LIMIT)?;
            if finished.status.success() {
                return Ok(());
            }
            failures += &finished.output;
        }
        bail!("no archive that apt is configured for offers Debian's suite {suite}:\n{failures}")
    }

    fn download(&self, packages: &[&str]) -> Result<()> {
        let mut command = self.command();
        command.args(["install", "--yes", "--download-only"]).args(packages);
        run_ok(command, DOWNLOAD_LIMIT)?;
        Ok(())
    }

    fn packages(&self) -> Result<Vec<PathBuf>> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(self.folder.join("cache/archives"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                packages.push(path);
            }
        }
        note(&format!("{} packages downloaded", packages.len()));
        Ok(packages)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
        for (option, path) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::State::Lists", "lists"),
            ("Dir::Cache", "cache"),
            ("Dir::State::status", "status"),
        ] {
            command.arg(format!("-o{option}={}", self.folder.join(path).display()));
        }
        for option in ["APT::Architecture", "APT::Architectures"] {
            command.arg(format!("-o{option}={}", self.architecture));
        }
        for option in [
            "Dir::Etc::SourceParts=/dev/null",
            "APT::Install-Recommends=0",
            "APT::Sandbox::User=root",
            // A list that cannot be downloaded or verified is an error, whatever the machine's apt allows.
            "APT::Update::Error-Mode=any",
            "APT::Get::AllowUnauthenticated=0",
            "Acquire::AllowInsecureRepositories=0",
            "Acquire::AllowWeakRepositories=0",
        ] {
            command.arg(format!("-o{option}"));
        }
        command
    }
}

/// The addresses of the archives in the machine's own configuration of apt. Which of
/// them is Debian's main one shows when it is asked: the signature is the judge.
fn configured_archives() -> Result<Vec<String>> {
    let mut command = Command::new("apt-get");
    // Without `--no-release-info` a machine that has never read its lists tells nothing.
    command.args(["indextargets", "--no-release-info", "--format", "$(REPO_URI)"]);
    command.arg("Created-By: Packages");
    let archives = main_archives(&run_ok(command, DOWNLOAD_LIMIT)?);
    if archives.is_empty() {
        bail!("apt is configured for no archive; set GODOT to the path of an engine");
    }
    Ok(archives)
}

/// Each address once, in the order given, without the archives of security updates only.
fn main_archives(lines: &str) -> Vec<String> {
    let mut archives: Vec<String> = Vec::new();
    for address in lines.lines().map(str::trim).filter(|line| !line.contains("security")) {
        if !address.is_empty() && !archives.iter().any(|known| known == address) {
            archives.push(address.to_owned());
        }
    }
    archives
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_archive_but_those_for_security_is_asked_once() {
        let lines = "copy:/b/\ncopy:/a/debian/\ncopy:/a/debian/\ncopy:/a/debian-security/\n\n";
        assert_eq!(main_archives(lines), ["copy:/b/", "copy:/a/debian/"]);
    }
}

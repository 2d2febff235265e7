//! Foreign peers that are whole programs of Debian's: Godot 3, GnuTLS, load balancers, and a browser. Unpacked into the cache,
//! each with a script that starts it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::cache::Cache;
use crate::debian;
use crate::process::run;

const START_LIMIT: Duration = Duration::from_mins(5);

/// Godot 3's headless server, with the C library that it was built for.
const GODOT_3: Program = Program {
    name: "godot3",
    suite: Some("sid"),
    package: "godot3-server",
    file: "",
    stamp: "debian sid, recipe 1",
    version: "3.",
    start: r#"usr="$here/root/usr"
exec "$usr/lib64/ld-linux-x86-64.so.2" --library-path "$usr/lib/x86_64-linux-gnu" "$usr/bin/godot3-server" "$@""#,
};

/// The start command of programs of Debian's stable suites, with all unpacked libraries.
const WITH_LIBRARIES: &str = r#"root="$here/root"
libraries="$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu"
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/$program" "$@""#;

/// Godot 3.2, with the older ENet and mbedTLS.
const GODOT_3_2: Program = Program {
    name: "godot3.2",
    package: "godot3-server",
    file: "bin/godot3-server",
    version: "3.2",
    ..BOOKWORM
};

/// A load balancer.
const HAPROXY: Program = Program {
    name: "haproxy",
    package: "haproxy",
    file: "sbin/haproxy",
    version: "HAProxy version",
    ..BOOKWORM
};

/// Another, with the modules that are built in.
const NGINX: Program =
    Program { name: "nginx", package: "nginx", file: "sbin/nginx", version: "nginx: ", ..BOOKWORM };

/// The common parts of programs of that suite.
const BOOKWORM: Program = Program {
    name: "",
    suite: Some("bookworm"),
    package: "",
    file: "",
    stamp: "debian bookworm, recipe 2",
    version: "",
    start: WITH_LIBRARIES,
};

/// A browser starts itself again for each page, which no loader of another C library can follow: so it is the one that was
/// built for the machine's own.
const CHROMIUM: Program = Program {
    name: "chromium",
    suite: None,
    package: "chromium",
    file: "",
    stamp: "debian, recipe 1",
    version: "Chromium",
    start: r#"usr="$here/root/usr"
export LD_LIBRARY_PATH="$usr/lib/x86_64-linux-gnu:$usr/lib/x86_64-linux-gnu/pulseaudio"
exec "$usr/lib/chromium/chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync "$@" 2>/dev/null"#,
};

/// The tools of GnuTLS; which one is told by the first argument.
const GNUTLS: Program = Program {
    name: "gnutls",
    suite: Some("bookworm"),
    package: "gnutls-bin",
    file: "",
    stamp: "debian bookworm, recipe 1",
    version: "gnutls-cli 3.",
    start: r#"root="$here/root"
libraries="$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu"
tool="${1#--version}"
[ -n "$tool" ] && shift
exec "$root/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/bin/${tool:-gnutls-cli}" "$@""#,
};

/// A program of Debian's.
struct Program {
    name: &'static str,
    /// The suite that has it; none: that of the machine.
    suite: Option<&'static str>,
    package: &'static str,
    /// Its file below usr, for the script below.
    file: &'static str,
    stamp: &'static str,
    /// The expected output of its version.
    version: &'static str,
    /// The shell command that starts it, from the folder `$here`.
    start: &'static str,
}

/// The script that starts Godot 3.6 without a window.
pub(crate) fn godot_3(cache: &Cache) -> Result<PathBuf> {
    GODOT_3.set_up(cache)
}

/// The script that starts Godot 3.2 without a window.
pub(crate) fn godot_3_2(cache: &Cache) -> Result<PathBuf> {
    GODOT_3_2.set_up(cache)
}

/// The script that starts a tool of GnuTLS.
pub(crate) fn gnutls(cache: &Cache) -> Result<PathBuf> {
    GNUTLS.set_up(cache)
}

/// The script that starts HAProxy.
pub(crate) fn haproxy(cache: &Cache) -> Result<PathBuf> {
    HAPROXY.set_up(cache)
}

/// The script that starts nginx.
pub(crate) fn nginx(cache: &Cache) -> Result<PathBuf> {
    NGINX.set_up(cache)
}

/// The script that starts Chromium without a window.
pub(crate) fn chromium(cache: &Cache) -> Result<PathBuf> {
    CHROMIUM.set_up(cache)
}

impl Program {
    fn set_up(&self, cache: &Cache) -> Result<PathBuf> {
        let folder = cache.folder(self.name, self.stamp, |folder| {
            if let Err(why) = debian::check_machine() {
                bail!("{why}");
            }
            let suite = match self.suite {
                Some(suite) => suite.to_owned(),
                None => own_suite()?,
            };
            debian::unpack(&suite, &[self.package], folder)?;
            let script = folder.join("start");
            self.write_start(&script)?;
            let mut version = Command::new(&script);
            version.arg("--version").env("HOME", folder);
            // Godot 3.2 ends with an error after it has told.
            let finished = run(version, START_LIMIT)?;
            let tells = finished.output.contains(self.version);
            ensure!(tells, "it does not start: {}", finished.output);
            Ok(())
        })?;
        Ok(folder.join("start"))
    }

    fn write_start(&self, script: &Path) -> Result<()> {
        let (program, start) = (self.file, self.start);
        let here = "here=$(dirname \"$(realpath \"$0\")\")";
        let text = format!("#!/bin/sh\n{here}\nprogram={program}\n{start}\n");
        fs::write(script, text)?;
        fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }
}

/// The name of the suite that the machine runs.
fn own_suite() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release")?;
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    match name {
        Some(name) => Ok(name.trim_matches('"').to_owned()),
        None => bail!("this Debian does not tell which suite it is"),
    }
}

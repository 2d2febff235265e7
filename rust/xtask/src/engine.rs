//! The engine: which one is used, and how it is started.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::cache::Cache;
use crate::debian;
use crate::engine_debian;
use crate::process::run_ok;
use crate::programs;
use crate::report::{note, step};

/// The oldest engine that the extension loads in (`compatibility_minimum`).
const OLDEST: (u32, u32) = (4, 3);

const VERSION_LIMIT: Duration = Duration::from_mins(5);

/// An engine that can be started.
pub(crate) struct Engine {
    program: PathBuf,
    /// What stands before the engine's own arguments: an unpacked engine is the
    /// argument of its own loader.
    first_arguments: Vec<OsString>,
    /// The engine's HOME, so that nothing is written to the user's.
    home: PathBuf,
}

impl Engine {
    /// An engine that is started by `program` with `first_arguments` before its own.
    pub(crate) fn new(program: PathBuf, first_arguments: Vec<OsString>, home: PathBuf) -> Self {
        Self { program, first_arguments, home }
    }

    /// The command that starts it; arguments are to be added.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.first_arguments);
        // A window needs the user's display all the same.
        if let (None, Some(home)) = (env::var_os("XAUTHORITY"), env::home_dir()) {
            command.env("XAUTHORITY", home.join(".Xauthority"));
        }
        for variable in ["HOME", "APPDATA", "LOCALAPPDATA"] {
            command.env(variable, &self.home);
        }
        for (variable, folder) in
            [("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache")]
        {
            command.env(variable, self.home.join(folder));
        }
        command
    }

    /// Writes a script that starts it, for programs that know no more than a path.
    #[cfg(unix)]
    pub(crate) fn write_start(&self, script: &Path) -> Result<()> {
        use std::fmt::Write;
        use std::os::unix::fs::PermissionsExt;
        let command = self.command();
        let quoted =
            |text: &std::ffi::OsStr| format!("'{}'", text.to_string_lossy().replace('\'', "'\\''"));
        let mut text = "#!/bin/sh\n".to_owned();
        for (name, value) in command.get_envs() {
            let value = value.map(quoted).unwrap_or_default();
            writeln!(text, "export {}={value}", name.to_string_lossy())?;
        }
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(quoted).collect();
        writeln!(text, "exec {} \"$@\"", words.join(" "))?;
        std::fs::write(script, text)?;
        std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// The command that opens a project without a window.
    pub(crate) fn headless(&self, project: &Path) -> Command {
        let mut command = self.command();
        command.arg("--headless").arg("--path").arg(project);
        command
    }

    /// Its version as it says it; an error when it is older than the extension needs.
    pub(crate) fn check_version(&self) -> Result<String> {
        let mut command = self.command();
        command.args(["--headless", "--version"]);
        let output = run_ok(command, VERSION_LIMIT)?;
        let Some((text, version)) = output.lines().find_map(|line| Some((line, version_of(line)?)))
        else {
            bail!("it does not tell a version: {}", output.trim());
        };
        if version < OLDEST {
            bail!("it is {}, and {}.{} or newer is needed", text.trim(), OLDEST.0, OLDEST.1);
        }
        Ok(text.trim().to_owned())
    }
}

/// Finds the engine, and unpacks one where none is installed and that is possible.
pub(crate) fn set_up(cache: &Cache) -> Result<Engine> {
    step("finding the engine", || {
        if let Some(engine) = find(cache)? {
            return Ok(engine);
        }
        debian::check_machine().map_err(|reason| {
            anyhow!(
                "no engine: install Godot {}.{} or newer as `godot` on \
                 PATH, or set GODOT to its path. ({reason}.)",
                OLDEST.0,
                OLDEST.1
            )
        })?;
        note("none installed: unpacking Debian's (160 MB to download, once)");
        let engine = engine_debian::unpack(cache, &home(cache)?)?;
        note(&format!("Godot {}, unpacked in the cache", engine.check_version()?));
        Ok(engine)
    })
}

/// Finds an engine that is there: `GODOT`, then PATH, then the cache.
pub(crate) fn find(cache: &Cache) -> Result<Option<Engine>> {
    let home = home(cache)?;
    if let Some(path) = env::var_os("GODOT").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let program = if path.exists() { Some(std::path::absolute(&path)?) } else { None }
            .or_else(|| programs::find(path.to_str()?))
            .with_context(|| format!("GODOT is {}, which is not there", path.display()))?;
        let engine = Engine::new(program, Vec::new(), home);
        let version = engine.check_version();
        let version =
            version.with_context(|| format!("GODOT is {}, which is no use", path.display()))?;
        note(&format!("Godot {version}, from GODOT"));
        return Ok(Some(engine));
    }
    for program in ["godot4", "godot"].into_iter().filter_map(programs::find) {
        let engine = Engine::new(program.clone(), Vec::new(), home.clone());
        match engine.check_version() {
            Ok(version) => {
                note(&format!("Godot {version}, {}", program.display()));
                return Ok(Some(engine));
            }
            Err(reason) => note(&format!("{} is passed over: {reason}", program.display())),
        }
    }
    let Some(engine) = engine_debian::existing(cache, &home) else { return Ok(None) };
    note(&format!("Godot {}, from the cache", engine.check_version()?));
    Ok(Some(engine))
}

fn home(cache: &Cache) -> Result<PathBuf> {
    cache.scratch("engine-home")
}

/// The major and minor number in a line like `4.6.3.stable.debian`.
fn version_of(line: &str) -> Option<(u32, u32)> {
    let mut numbers = line.trim().split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version_of("4.6.3.stable.debian4.6.3+ds-2"), Some((4, 6)));
        assert_eq!(version_of("4.10.stable.official.0a1b2c"), Some((4, 10)));
        assert_eq!(version_of("3.2.3.stable.custom_build"), Some((3, 2)));
        assert_eq!(version_of("no such option"), None);
        assert!((4, 10) > OLDEST && (3, 6) < OLDEST);
    }
}

//! The engine, started with this crate's project.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::Process;

const STAT_LIMIT: Duration = Duration::from_secs(20);

/// The start command of the engine.
pub(crate) struct Engine {
    program: PathBuf,
    arguments: Vec<OsString>,
    /// Its version.
    pub(crate) version: String,
    /// A copy of this crate's project whose addon is the editor's library.
    editor_project: Option<PathBuf>,
}

/// The role of a process in the engine.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    /// Whose server: the beginning of its file's name.
    pub(crate) server: &'static str,
    pub(crate) work: &'static str,
    pub(crate) tls: bool,
    pub(crate) fps: u32,
    pub(crate) library: Library,
}

/// Which of the addon's libraries is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// That of exported games.
    Release,
    /// That of the editor, and of the games that it starts.
    Editor,
}

/// The counters of the scene since its start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stat {
    /// Microseconds of the game's thread in the server's calls.
    pub(crate) usec: f64,
    pub(crate) frames: f64,
    pub(crate) handshakes: f64,
    /// Packets that came; in an echo they went back.
    pub(crate) handled: f64,
    /// Microseconds of the longest frame since it was told last.
    pub(crate) worst: f64,
}

impl Stat {
    /// Returns the difference to `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            usec: self.usec - before.usec,
            frames: self.frames - before.frames,
            handshakes: self.handshakes - before.handshakes,
            handled: self.handled - before.handled,
            worst: self.worst,
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        let number = |name| value[name].as_f64().with_context(|| format!("no {name} in {text}"));
        Ok(Self {
            usec: number("usec")?,
            frames: number("frames")?,
            handshakes: number("handshakes")?,
            handled: number("handled")?,
            worst: number("worst")?,
        })
    }
}

impl Engine {
    /// The engine that is started by `command`: a program and the arguments that come first.
    pub(crate) fn new(command: &[OsString], version: String) -> Result<Self> {
        let (program, arguments) = command.split_first().context("no engine")?;
        Ok(Self {
            program: program.into(),
            arguments: arguments.to_vec(),
            version,
            editor_project: None,
        })
    }

    /// Starts the project with the editor's library.
    pub(crate) fn with_editor_project(self, editor_project: Option<PathBuf>) -> Self {
        Self { editor_project, ..self }
    }

    /// Returns true if there is a project with the library.
    pub(crate) fn has(&self, library: Library) -> bool {
        library == Library::Release || self.editor_project.is_some()
    }

    /// Starts a scene of its own, on all cores.
    pub(crate) fn start_scene(&self, path: &str) -> Result<Process> {
        self.start_scene_with(path, &[])
    }

    /// Starts a scene with arguments.
    pub(crate) fn start_scene_with(&self, path: &str, arguments: &[String]) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--headless").arg("--path");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/godot")).arg(path);
        command.args(arguments);
        Process::start("the engine", command, None)
    }

    /// Starts the scene, on one core if told so.
    pub(crate) fn start(&self, scene: Scene, core: Option<usize>) -> Result<Process> {
        let project = match (scene.library, &self.editor_project) {
            (Library::Release, _) => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/godot")),
            (Library::Editor, project) => {
                project.as_deref().context("no project with the editor's library")?
            }
        };
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg("--headless").arg("--path").arg(project);
        command.arg("--");
        command.arg(format!("--server={}", scene.server));
        command.arg(format!("--work={}", scene.work));
        command.arg(format!("--fps={}", scene.fps));
        if scene.tls {
            command.arg("--tls");
        }
        Process::start("the engine", command, core)
    }
}

/// Returns the next report of a scene that is not older than this call.
pub(crate) fn next_stat(process: &Process) -> Result<Stat> {
    process.forget_lines();
    // The next one may have been on its way already.
    process.line_after("stat ", STAT_LIMIT)?;
    Stat::parse(&process.line_after("stat ", STAT_LIMIT)?)
}

/// What a scene has told last, without waiting unless it has told nothing; and the longest of all frames that it has told.
pub(crate) fn last_stat(process: &Process) -> Result<Stat> {
    let mut last = Stat::parse(&process.line_after("stat ", STAT_LIMIT)?)?;
    while let Some(line) = process.line_now("stat ") {
        let worst = last.worst;
        last = Stat::parse(&line)?;
        last.worst = last.worst.max(worst);
    }
    Ok(last)
}

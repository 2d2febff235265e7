//! `cargo xtask pictures`: pictures of the demos for the README, made by running them in a virtual screen.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cache::Cache;
use crate::engine::{self, Engine};
use crate::library;
use crate::process::{Running, run};
use crate::programs;
use crate::project;
use crate::report::{note, step};
use crate::workspace;

const LIMIT: Duration = Duration::from_mins(2);

/// A picture: its scene with its arguments, and a scene without a window that runs beside it.
struct Picture {
    name: &'static str,
    scene: &'static str,
    arguments: &'static [&'static str],
    beside: Option<(&'static str, &'static [&'static str])>,
}

const PICTURES: [Picture; 4] = [
    Picture { name: "menu", scene: "menu.tscn", arguments: &["--after=2"], beside: None },
    Picture {
        name: "chat",
        scene: "chat/chat.tscn",
        arguments: &["--name=Ada", "--say=Hello! Is anybody there?", "--after=6"],
        beside: Some(("chat/chat.tscn", &["--name=Bob", "--say=Hi Ada, I am a headless one."])),
    },
    Picture {
        name: "arena",
        scene: "arena/arena.tscn",
        arguments: &["--watch", "--latency=20", "--loss=2", "--after=25"],
        beside: None,
    },
    Picture {
        name: "example",
        scene: "examples/dtls.tscn",
        arguments: &["--after=4"],
        beside: None,
    },
];

/// Makes all of them.
pub(crate) fn run_all() -> Result<()> {
    let screen = programs::find("xvfb-run").context("xvfb-run is not installed (Debian: xvfb)")?;
    let engine = engine::set_up(&Cache::open()?)?;
    library::build(library::Kind::Debug)?;
    project::link_addon()?;
    project::import(&engine, &workspace::demo_project())?;
    let folder = workspace::root().join("docs/pictures");
    fs::create_dir_all(&folder)?;
    for picture in PICTURES {
        step(&format!("taking a picture of {}", picture.scene), || {
            let file = folder.join(format!("{}.png", picture.name));
            let mut command = Command::new(&screen);
            command.args(["--auto-servernum", "--server-args", "-screen 0 1152x648x24"]);
            let start = engine.command();
            command.arg(start.get_program()).args(start.get_args());
            command.envs(start.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.arg("--path").arg(workspace::demo_project());
            command.args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy"]);
            command.arg(format!("res://{}", picture.scene)).arg("--").args(picture.arguments);
            command.arg(format!("--picture={}", file.display()));
            // Those beside it come when it listens.
            let beside = picture.beside.map(|(scene, arguments)| later(&engine, scene, arguments));
            let finished = run(command, LIMIT)?;
            drop(beside);
            ensure!(finished.status.success() && file.exists(), "{}", finished.output);
            note(&format!("docs/pictures/{}.png", picture.name));
            Ok(())
        })?;
    }
    Ok(())
}

/// Starts a scene without a window in a moment.
fn later(
    engine: &Engine,
    scene: &str,
    arguments: &[&str],
) -> std::sync::mpsc::Receiver<Result<Running>> {
    let mut command = engine.headless(&workspace::demo_project());
    command.arg(format!("res://{scene}")).arg("--").args(arguments);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        // Nobody is left to be told if the picture is taken already.
        let _ = sender.send(Running::start(command));
    });
    receiver
}

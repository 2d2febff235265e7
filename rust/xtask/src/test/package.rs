//! The zip as a user gets it: unpacked into an empty project, opened and run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use zip::ZipArchive;

use crate::cache::Cache;
use crate::engine::Engine;
use crate::log_lines;
use crate::package;
use crate::process::run;
use crate::test::guide;
use crate::test::tally::Tally;
use crate::workspace;

const LIMIT: Duration = Duration::from_mins(10);

/// A test in a project that has nothing but the addon.
type Test = fn(&Fresh<'_>) -> Result<()>;

/// The test that needs the release library, which takes minutes to build.
const RELEASE: &str = "package/release_library_talks";

/// The tests with the zip, each in its own empty project.
const TESTS: [(&str, Test); 8] = [
    ("package/first_import_of_a_fresh_project_ends_well", first_import),
    ("package/talks_over_all_three_families", talks),
    (RELEASE, release_library_talks),
    ("package/nothing_is_missing_and_nothing_is_too_much", contents),
    ("package/without_a_library_for_the_platform", without_library),
    ("package/moves_a_project", moves_a_project),
    ("docs/getting_started_step_by_step", guide::getting_started),
    ("docs/snippets_compile", guide::snippets),
];

/// The zip, unpacked into an empty project.
pub(crate) struct Fresh<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) project: PathBuf,
}

/// Runs all; each counts as one test. The zip has the release library, and that is tried, if `release` or the filter asks
/// for it.
pub(crate) fn run_tests(
    tally: &mut Tally,
    cache: &Cache,
    engine: &Engine,
    filter: Option<&str>,
    release: bool,
) -> Result<()> {
    let is_wanted = |name: &str| match filter {
        Some(text) => name.contains(text),
        None => release || name != RELEASE,
    };
    let wanted: Vec<_> = TESTS.iter().filter(|(name, _)| is_wanted(name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let zip =
        if is_wanted(RELEASE) { package::run(cache, false)? } else { package::for_tests(cache)? };
    for (name, test) in wanted {
        let _lock = cache.lock_ports()?;
        tally.run(name, || try_in_empty_project(engine, &zip, *test));
    }
    Ok(())
}

fn try_in_empty_project(engine: &Engine, zip: &Path, test: Test) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let project = folder.path().join("my-game");
    fs::create_dir(&project)?;
    fs::write(project.join("project.godot"), "config_version=5\n")?;
    ZipArchive::new(File::open(zip)?)?.extract(&project)?;
    test(&Fresh { engine, project })
}

impl Fresh<'_> {
    /// Opens the project in the editor once, without a window, as a user would: nothing is written into it before.
    pub(crate) fn import(&self) -> Result<()> {
        self.run(&["--import"]).map(drop)
    }

    /// Runs a scene or a script to its end, which must be a good one without an error in the log. Gives the log.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.engine.headless(&self.project);
        command.args(arguments);
        run_well(command)
    }
}

fn run_well(command: Command) -> Result<String> {
    let log = run(command, LIMIT)?.check()?;
    let problems: Vec<_> = log.lines().filter(|line| log_lines::is_problem(line)).collect();
    ensure!(problems.is_empty(), "errors are logged:\n{log}");
    Ok(log)
}

/// Each way to open a project without a window for the first time: the engine finds the extension while it runs, and must
/// not crash for it.
fn first_import(fresh: &Fresh<'_>) -> Result<()> {
    let script = "extends Node\n\nvar server := LodeWebSocketServer.new()\n";
    fs::write(fresh.project.join("game.gd"), script)?;
    let cache = fresh.project.join(".godot");
    let check_list = || -> Result<()> {
        let list = fs::read_to_string(cache.join("extension_list.cfg"))?;
        ensure!(list.contains("lodewire.gdextension"), "the extension was not found: {list}");
        Ok(())
    };
    fresh.import()?;
    check_list()?;
    fs::remove_dir_all(&cache)?;
    // This one may quit while it still scans, and warns then.
    let mut command = fresh.engine.headless(&fresh.project);
    command.args(["--editor", "--quit"]);
    run(command, LIMIT)?.check()?;
    check_list()
}

/// The debug library, which the editor and the games that it starts load.
fn talks(fresh: &Fresh<'_>) -> Result<()> {
    let talk = fs::read_to_string(workspace::tests_project().join("package/talk.gd"))?;
    fs::write(fresh.project.join("talk.gd"), talk)?;
    let scene = "[gd_scene load_steps=2 format=3]\n\n[ext_resource type=\"Script\" path=\"res://talk.gd\" id=\"1\"]\n\n\
                 [node name=\"Talk\" type=\"Node\"]\nscript = ExtResource(\"1\")\n";
    fs::write(fresh.project.join("talk.tscn"), scene)?;
    fresh.import()?;
    let log = fresh.run(&["res://talk.tscn"])?;
    ensure!(log.contains("all talk"), "{log}");
    Ok(())
}

/// The library of exported games. Their templates are not at hand, so it stands in for the other one.
fn release_library_talks(fresh: &Fresh<'_>) -> Result<()> {
    let bin = fresh.project.join("addons/lodewire/bin");
    let mut replaced = 0;
    for entry in fs::read_dir(&bin)? {
        let release = entry?.path();
        let name = release.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains(".release") {
            let debug = bin.join(name.replace(".release", ".debug"));
            fs::remove_dir_all(&debug)?;
            fs::rename(&release, &debug)?;
            replaced += 1;
        }
    }
    ensure!(replaced > 0, "there is no release library");
    talks(fresh)
}

fn contents(fresh: &Fresh<'_>) -> Result<()> {
    let top: Vec<_> = fs::read_dir(&fresh.project)?.filter_map(Result::ok).collect();
    ensure!(top.len() == 2, "beside the project's file there is more than addons");
    let addons: Vec<_> = fs::read_dir(fresh.project.join("addons"))?.collect();
    ensure!(addons.len() == 1, "there is more than one addon");
    let addon = fresh.project.join("addons/lodewire");
    let extension = fs::read_to_string(addon.join("lodewire.gdextension"))?;
    for file in ["lodewire.gdextension.uid", "LICENSE", "README.md", "THIRDPARTY.md"] {
        let size = fs::metadata(addon.join(file)).with_context(|| format!("no {file}"))?.len();
        ensure!(size > 0, "{file} is empty");
    }
    let mut icons = 0;
    for line in extension.lines().filter(|line| line.contains(".svg")) {
        let path = line.split('"').nth(1).context("a line of [icons] has no path")?;
        let import = fs::read_to_string(addon.join(format!("{path}.import")))?;
        for wanted in ["editor/convert_colors_with_editor_theme=true", "uid=\"uid://"] {
            ensure!(import.contains(wanted), "{path}.import has no {wanted}");
        }
        ensure!(addon.join(path).exists(), "{path} is missing");
        icons += 1;
    }
    ensure!(icons >= 10, "{icons} classes have an icon");
    let mut scripts = vec![addon.join("migrate.gd"), addon.join("migrate_in_editor.gd")];
    for entry in fs::read_dir(addon.join("migration")).context("no folder migration")? {
        scripts
            .extend(Some(entry?.path()).filter(|path| path.extension().is_some_and(|e| e == "gd")));
    }
    ensure!(scripts.len() >= 9, "{} scripts of the migration", scripts.len());
    for script in scripts {
        for path in [script.with_extension("gd.uid"), script] {
            ensure!(path.exists(), "{} is missing", path.display());
        }
    }
    ensure!(!extension.contains("res://"), "a path is not relative");
    Ok(())
}

/// The migration, as the README has it, before the project is imported: an old project may not even compile.
fn moves_a_project(fresh: &Fresh<'_>) -> Result<()> {
    let script = fresh.project.join("game.gd");
    let before = "extends Node\n\nvar host := ENetConnection.new()\n";
    fs::write(&script, before)?;
    let migrate = ["--script", "res://addons/lodewire/migrate.gd", "--"];
    for (option, wanted) in
        [("--apply", before.replace("ENet", "LodeENet")), ("--undo", before.to_owned())]
    {
        fresh.run(&[&migrate[..], &[option]].concat())?;
        let now = fs::read_to_string(&script)?;
        ensure!(now == wanted, "after {option} it is:\n{now}");
    }
    Ok(())
}

/// A project that is exported to where there is no library, such as the web: its scripts must load all the same if they are
/// written as docs/web-export.md says.
fn without_library(fresh: &Fresh<'_>) -> Result<()> {
    fs::remove_dir_all(fresh.project.join("addons/lodewire/bin"))?;
    let path = fresh.project.join("addons/lodewire/lodewire.gdextension");
    let extension = fs::read_to_string(&path)?;
    let head = extension.split("[libraries]").next().unwrap_or_default();
    fs::write(&path, format!("{head}[libraries]\n\nplaystation.release = \"bin/none.prx\"\n"))?;
    let web = guide::files_of("web-export.md")?;
    ensure!(web.len() >= 3, "docs/web-export.md has {} files", web.len());
    for (name, text) in web {
        fs::write(fresh.project.join(name), text)?;
    }
    // The engine says that there is no library for it, which is the point: so errors are told apart here.
    let mut command = fresh.engine.headless(&fresh.project);
    command.arg("--import");
    run(command, LIMIT)?.check()?;
    let mut command = fresh.engine.headless(&fresh.project);
    command.args(["res://main.tscn", "--quit-after", "30"]);
    let log = run(command, LIMIT)?.check()?;
    let is_ours = |line: &&str| {
        line.contains("SCRIPT ERROR")
            || line.contains("Parse Error")
            || line.contains("Failed to load script")
    };
    if let Some(line) = log.lines().find(is_ours) {
        bail!("{line}\n{log}");
    }
    ensure!(log.contains("playing as a client"), "{log}");
    Ok(())
}

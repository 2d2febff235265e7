//! The two Godot projects: the addon in them, and the import before the first scene.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::engine::Engine;
use crate::log_lines;
use crate::process::run;
use crate::report::{note, step};
use crate::workspace;

const IMPORT_LIMIT: Duration = Duration::from_mins(20);
/// The file that tells the engine of extensions, and the line in it for ours.
const EXTENSION_LIST: &str = ".godot/extension_list.cfg";
const EXTENSION: &str = "res://addons/lodewire/lodewire.gdextension\n";

/// Makes the addon appear in both projects.
pub(crate) fn link_addon() -> Result<()> {
    for project in [workspace::demo_project(), workspace::tests_project()] {
        let place = project.join("addons").join("lodewire");
        link_or_copy(&workspace::addon(), &place)
            .with_context(|| format!("the addon cannot be put at {}", place.display()))?;
    }
    Ok(())
}

/// Imports a project: without it, the names of extension classes are parse errors.
pub(crate) fn import(engine: &Engine, project: &Path) -> Result<()> {
    let name = project.file_name().unwrap_or_default().to_string_lossy();
    step(&format!("importing {name}"), || {
        list_extension(project)?;
        let mut command = engine.headless(project);
        command.arg("--import");
        let output = run(command, IMPORT_LIMIT)?.check()?;
        let problems: Vec<_> = output.lines().filter(|line| log_lines::is_problem(line)).collect();
        if !problems.is_empty() {
            bail!("the import of {name} logs errors:\n{}", output.trim_end());
        }
        Ok(())
    })
}

/// Tells the engine of the extension: it writes this file at the end of the first import, and needs it at the start.
pub(crate) fn list_extension(project: &Path) -> Result<()> {
    let list = project.join(EXTENSION_LIST);
    if !fs::read_to_string(&list).is_ok_and(|text| text.contains(EXTENSION.trim_end())) {
        fs::create_dir_all(project.join(".godot"))?;
        fs::write(list, EXTENSION)?;
    }
    Ok(())
}

fn link_or_copy(addon: &Path, place: &Path) -> Result<()> {
    fs::create_dir_all(place.parent().context("no folder to put it in")?)?;
    let found = fs::symlink_metadata(place);
    if found.as_ref().is_ok_and(fs::Metadata::is_symlink) {
        if fs::canonicalize(place).is_ok_and(|target| fs::canonicalize(addon).ok() == Some(target))
        {
            return Ok(());
        }
        fs::remove_file(place).or_else(|_| fs::remove_dir(place))?;
    } else if found.is_ok() {
        // An earlier copy of ours; anything else is not ours to remove.
        if !place.join("lodewire.gdextension").exists() {
            bail!("there is something else");
        }
        fs::remove_dir_all(place)?;
    }
    if symlink(addon, place).is_err() {
        note("no links on this system: the addon is copied");
        copy_folder(addon, place)?;
    }
    Ok(())
}

#[cfg(unix)]
fn symlink(addon: &Path, place: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(addon, place)
}

#[cfg(windows)]
fn symlink(addon: &Path, place: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(addon, place)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addon_in(folder: &Path) -> std::path::PathBuf {
        let addon = folder.join("addon");
        fs::create_dir_all(addon.join("bin")).unwrap();
        fs::write(addon.join("lodewire.gdextension"), "1").unwrap();
        fs::write(addon.join("bin/library"), "2").unwrap();
        addon
    }

    #[test]
    fn the_addon_appears_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let addon = addon_in(folder.path());
        let place = folder.path().join("project/addons/lodewire");
        for _ in 0..2 {
            link_or_copy(&addon, &place).unwrap();
            assert_eq!(fs::read_to_string(place.join("bin/library")).unwrap(), "2");
        }
    }

    #[test]
    fn an_old_copy_is_replaced_and_the_rest_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let addon = addon_in(folder.path());
        let place = folder.path().join("project/addons/lodewire");
        copy_folder(&addon, &place).unwrap();
        fs::write(addon.join("bin/library"), "3").unwrap();
        link_or_copy(&addon, &place).unwrap();
        assert_eq!(fs::read_to_string(place.join("bin/library")).unwrap(), "3");

        let other = folder.path().join("other");
        fs::create_dir_all(other.join("precious")).unwrap();
        assert!(link_or_copy(&addon, &other).is_err());
        assert!(other.join("precious").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_another_checkout_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let addon = addon_in(folder.path());
        let place = folder.path().join("lodewire");
        symlink(&folder.path().join("gone"), &place).unwrap();
        link_or_copy(&addon, &place).unwrap();
        assert!(place.join("lodewire.gdextension").exists());
    }
}

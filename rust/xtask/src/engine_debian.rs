//! Debian's engine, unpacked beside the system with its own C library, and started by the loader among its packages.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::debian;
use crate::engine::Engine;

/// The suite with the engine.
const SUITE: &str = "forky";
/// The folder in the cache, and what is in it: raise the number when the recipe changes.
const FOLDER: &str = "engine";
const STAMP: &str = "debian forky, recipe 1";

/// The engine that an earlier run unpacked.
pub(crate) fn existing(cache: &Cache, home: &Path) -> Option<Engine> {
    Some(engine_in(&cache.existing(FOLDER, STAMP)?, home))
}

/// Downloads and unpacks the engine into the cache.
pub(crate) fn unpack(cache: &Cache, home: &Path) -> Result<Engine> {
    let folder = cache.folder(FOLDER, STAMP, |folder| {
        debian::unpack(SUITE, &["godot"], folder)?;
        engine_in(folder, home).check_version().context("the engine does not start")?;
        Ok(())
    })?;
    Ok(engine_in(&folder, home))
}

fn engine_in(folder: &Path, home: &Path) -> Engine {
    let usr = folder.join("root").join("usr");
    let mut libraries = OsString::from(usr.join("lib/x86_64-linux-gnu"));
    libraries.push(":");
    libraries.push(usr.join("lib/x86_64-linux-gnu/pulseaudio"));
    let arguments = vec!["--library-path".into(), libraries, usr.join("bin/godot").into()];
    Engine::new(usr.join("lib64/ld-linux-x86-64.so.2"), arguments, home.to_owned())
}

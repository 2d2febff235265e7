//! The zip itself: the same bytes for the same files.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::workspace;

/// The addon's folder in a project.
const PLACE: &str = "addons/lodewire";

/// Writes the addon's files, and the licences of what is in the libraries.
pub(super) fn write(file: &Path, contents: &[PathBuf], licences: &str) -> Result<()> {
    let created = File::create(file).with_context(|| format!("no file {}", file.display()))?;
    let mut zip = ZipWriter::new(created);
    // The time of each file is the format's first, so that the archive does not depend on when it is made.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .unix_permissions(0o644);
    for path in contents {
        zip.start_file(name(path), options)?;
        zip.write_all(&fs::read(workspace::addon().join(path))?)?;
    }
    zip.start_file(name(Path::new("THIRDPARTY.md")), options)?;
    zip.write_all(licences.as_bytes())?;
    zip.finish()?;
    Ok(())
}

fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    format!("{PLACE}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_a_project() {
        let path: PathBuf = ["icons", "a.svg"].iter().collect();
        assert_eq!(name(&path), "addons/lodewire/icons/a.svg");
    }
}

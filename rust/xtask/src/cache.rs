//! The cache folder: what is unpacked or installed once, and used by every run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use etcetera::BaseStrategy;

use crate::report::note;

/// The folder of all that xtask keeps between runs.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `LODEWIRE_CACHE`, else `lodewire` in the user's cache folder.
    pub(crate) fn open() -> Result<Self> {
        let root = match std::env::var_os("LODEWIRE_CACHE").filter(|path| !path.is_empty()) {
            Some(path) => std::path::absolute(path)?,
            None => etcetera::choose_base_strategy()
                .context("no home folder: set LODEWIRE_CACHE to a folder to keep things in")?
                .cache_dir()
                .join("lodewire"),
        };
        Self::at(root)
    }

    fn at(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root).with_context(|| format!("no folder {}", root.display()))?;
        Ok(Self { root })
    }

    /// A folder that is filled once. `stamp` says what is in it, in one line: one with
    /// another stamp, or none, is made again. It appears under its name only when it is
    /// complete, so an interrupted run leaves nothing that looks like it.
    pub(crate) fn folder(
        &self,
        name: &str,
        stamp: &str,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.root.join(name);
        if has_stamp(&folder, stamp) {
            return Ok(folder);
        }
        let _lock = self.lock()?;
        if has_stamp(&folder, stamp) {
            return Ok(folder); // by another xtask, meanwhile
        }
        // Left by an interrupted run, if it is there: the lock is ours.
        let partial = self.root.join(format!("{name}.partial"));
        remove_folder(&partial)?;
        fs::create_dir(&partial)?;
        fill(&partial)?;
        fs::write(partial.join("stamp"), stamp)?;
        remove_folder(&folder)?;
        fs::rename(&partial, &folder)
            .with_context(|| format!("{} cannot be put in place", folder.display()))?;
        Ok(folder)
    }

    /// The folder if it has been filled, without filling it.
    pub(crate) fn existing(&self, name: &str, stamp: &str) -> Option<PathBuf> {
        let folder = self.root.join(name);
        has_stamp(&folder, stamp).then_some(folder)
    }

    /// A folder that programs may write to as they like.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Only one xtask at a time fills folders.
    fn lock(&self) -> Result<File> {
        self.lock_file("lock", "setting up")
    }

    /// Only one xtask at a time uses the ports that the demos and the documents have.
    pub(crate) fn lock_ports(&self) -> Result<File> {
        self.lock_file("ports", "using the ports of the demos")
    }

    /// The system lifts the lock when the process ends.
    fn lock_file(&self, name: &str, what: &str) -> Result<File> {
        let file = File::create(self.root.join(name))?;
        if file.try_lock().is_err() {
            note(&format!("waiting for another `cargo xtask` that is {what}"));
            file.lock()?;
        }
        Ok(file)
    }
}

fn has_stamp(folder: &Path, stamp: &str) -> bool {
    fs::read_to_string(folder.join("stamp")).is_ok_and(|found| found == stamp)
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_folder_is_filled_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().join("new")).unwrap();
        assert!(cache.existing("thing", "1").is_none());
        let folder = cache.folder("thing", "1", |new| Ok(fs::write(new.join("file"), "a")?));
        let folder = folder.unwrap();
        assert_eq!(cache.folder("thing", "1", |_| bail!("filled again")).unwrap(), folder);
        assert_eq!(cache.existing("thing", "1").unwrap(), folder);
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "a");
    }

    #[test]
    fn another_stamp_fills_the_folder_again() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().to_owned()).unwrap();
        cache.folder("thing", "1", |new| Ok(fs::write(new.join("old"), "")?)).unwrap();
        let folder = cache.folder("thing", "2", |_| Ok(())).unwrap();
        assert!(!folder.join("old").exists());
    }

    #[test]
    fn a_failed_filling_leaves_nothing_in_place() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().to_owned()).unwrap();
        let half = |new: &Path| {
            fs::write(new.join("half"), "")?;
            bail!("interrupted")
        };
        assert!(cache.folder("thing", "1", half).is_err());
        assert!(!root.path().join("thing").exists());
        let folder = cache.folder("thing", "1", |_| Ok(())).unwrap();
        assert!(!folder.join("half").exists());
    }
}

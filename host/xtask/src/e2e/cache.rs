//! Things that take long to make and are the same on every run, kept outside the repository.
//!
//! An entry is a directory named by kind and key; the key holds every version that went into it, so an entry
//! is never updated, only superseded. It is made in a directory beside it and renamed, under a lock: an
//! interrupted run leaves no half entry, and two runs at once make it only once.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The cache's root directory.
#[derive(Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$KUBEPHASE_CACHE`, else `kubephase/e2e` in the user's cache directory.
    pub fn open() -> Result<Self> {
        let root = match (env::var_os("KUBEPHASE_CACHE"), env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
            (Some(dir), _, _) => PathBuf::from(dir),
            (None, Some(dir), _) => PathBuf::from(dir).join("kubephase/e2e"),
            (None, None, home) => PathBuf::from(home.unwrap_or("/root".into())).join(".cache/kubephase/e2e"),
        };
        fs::create_dir_all(&root).with_context(|| format!("could not create the cache {}", root.display()))?;
        Ok(Self { root: root.canonicalize()? })
    }

    /// A plain directory of the cache, made when absent; its user looks after its contents.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("could not create {}", dir.display()))?;
        Ok(dir)
    }

    /// The directory of entry `kind/key`, made by `build` (which is handed an empty directory) when absent.
    pub fn entry(&self, kind: &str, key: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let parent = self.dir(kind)?;
        let entry = parent.join(key);
        if entry.is_dir() {
            return Ok(entry);
        }
        let lock_path = parent.join(format!(".{key}.lock"));
        let lock = File::create(&lock_path).with_context(|| format!("could not create {}", lock_path.display()))?;
        lock.lock().with_context(|| format!("could not lock {}", lock_path.display()))?;
        if entry.is_dir() {
            return Ok(entry); // another run made it while we waited
        }
        let partial = parent.join(format!(".{key}.partial"));
        if partial.exists() {
            fs::remove_dir_all(&partial).with_context(|| format!("could not clear {}", partial.display()))?;
        }
        fs::create_dir(&partial).with_context(|| format!("could not create {}", partial.display()))?;
        build(&partial)?;
        fs::rename(&partial, &entry).with_context(|| format!("could not finish cache entry {}", entry.display()))?;
        Ok(entry)
    }
}

//! The directory in which the machine's tree is: who uses it holds a lock, so that nobody else empties it. What is left of
//! rehearsals that were killed is removed by the next one.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kubephase_node::ScratchDir;

use super::RehearsalError;

/// Stands in a directory that a rehearsal made, and is locked while one uses it: the next one may take it over.
const MARK: &str = ".kubephase-rehearsal";
/// What temporary ones are called.
const PREFIX: &str = "kubephase-rehearsal-";

/// A directory that is ours alone until it is dropped.
pub struct Directory {
    place: Place,
    _lock: File,
}

enum Place {
    Temporary(ScratchDir),
    Kept(PathBuf),
}

impl Directory {
    /// A new one that goes when it is dropped.
    pub fn temporary() -> io::Result<Self> {
        let scratch = ScratchDir::new(PREFIX)?;
        sweep(scratch.path());
        let lock = mark(scratch.path())?;
        Ok(Self { place: Place::Temporary(scratch), _lock: lock })
    }

    /// An empty one that stays, or one that an earlier rehearsal filled, emptied.
    pub fn kept(path: &Path) -> Result<Self, RehearsalError> {
        let fail = |source| RehearsalError::Directory { path: path.to_owned(), source };
        let path = std::path::absolute(path).map_err(fail)?;
        std::fs::create_dir_all(&path).map_err(fail)?;
        let lock = match open_mark(&path).map_err(fail)? {
            None if std::fs::read_dir(&path).map_err(fail)?.next().is_some() => {
                return Err(RehearsalError::Foreign(path));
            }
            None => mark(&path).map_err(fail)?,
            Some(file) => match file.try_lock() {
                Ok(()) => file,
                Err(TryLockError::WouldBlock) => return Err(RehearsalError::InUse(path)),
                Err(TryLockError::Error(error)) => return Err(fail(error)),
            },
        };
        empty(&path).map_err(fail)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).map_err(fail)?;
        Ok(Self { place: Place::Kept(path), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Temporary(scratch) => scratch.path(),
            Place::Kept(path) => path,
        }
    }

    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        matches!(self.place, Place::Kept(_))
    }
}

/// The mark of a directory, if it has one.
fn open_mark(directory: &Path) -> io::Result<Option<File>> {
    let path = directory.join(MARK);
    match std::fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() => File::options().read(true).write(true).open(path).map(Some),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    }
}

/// Marks a directory and locks the mark. It gets its name when it is locked: nobody finds it free before.
fn mark(directory: &Path) -> io::Result<File> {
    use std::io::Write as _;

    let beside = directory.join(format!("{MARK}.new"));
    let mut file = File::options().write(true).create_new(true).open(&beside)?;
    file.write_all(b"The machine of a rehearsal: the next one may remove it.\n")?;
    file.try_lock()?;
    std::fs::rename(beside, directory.join(MARK))?;
    Ok(file)
}

/// Removes everything but the mark.
fn empty(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() == MARK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes temporary ones beside `own` that are this user's and that nobody uses. What cannot be removed is left.
fn sweep(own: &Path) {
    let Some(parent) = own.parent() else { return };
    let Ok(user) = std::fs::symlink_metadata(own).map(|found| found.uid()) else { return };
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
            && entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user);
        if !is_ours || entry.path() == own {
            continue;
        }
        let Ok(Some(mark)) = open_mark(&entry.path()) else { continue };
        if mark.try_lock().is_ok() {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_not_emptied() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("kept");
        let first = Directory::kept(&path).expect("free");
        std::fs::write(path.join("file"), "first").expect("a file");
        let error = Directory::kept(&path).map(drop).expect_err("in use");
        assert!(matches!(error, RehearsalError::InUse(_)), "{error}");
        assert!(path.join("file").exists());
        drop(first);
        let second = Directory::kept(&path).expect("free again");
        assert!(second.is_kept() && !path.join("file").exists());
    }

    #[test]
    fn what_is_left_of_killed_ones_is_removed() {
        let parent = tempfile::tempdir().expect("a directory");
        let made = |name: &str| {
            let path = parent.path().join(name);
            std::fs::create_dir_all(path.join("etc")).expect("a directory");
            path
        };
        let (own, dead, used, bare) = (
            made("kubephase-rehearsal-a"),
            made("kubephase-rehearsal-b"),
            made("kubephase-rehearsal-c"),
            made("other"),
        );
        drop(mark(&dead).expect("marked"));
        drop(mark(&bare).expect("marked"));
        let lock = mark(&used).expect("marked");
        sweep(&own);
        assert!(own.exists() && used.exists() && bare.exists() && !dead.exists());
        drop(lock);
    }
}

//! Files and directories of the node: reading them, and making wanted ones true. Every write is whole or not there:
//! a temporary file beside the target, synced, renamed over it. It never decides what a file should hold.

pub(crate) mod held;
pub(crate) mod original;
pub(crate) mod stream;
pub(crate) mod temporary;
pub(crate) mod tree;
pub(crate) mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kubephase_model::File;
use kubephase_model::layout::{ETCD_DATA_DIR, KUBELET_DIR, MANIFESTS_DIR, STATE_DIR, TMP_DIR};

use crate::change::{Before, Change, ChangeKind, compare};
use crate::node::{Found, Layer, Node, resolve};
use temporary::Temporary;

/// Directories that only root may enter when we make them (kubeadm 1.36); all others are 0755.
const PRIVATE_DIRS: [&str; 5] = [MANIFESTS_DIR, TMP_DIR, ETCD_DATA_DIR, KUBELET_DIR, STATE_DIR];

/// Something about a file did not work.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub struct FileError {
    action: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &str, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }

    /// The path on the node.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What kind of error it was.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        use io::ErrorKind::{
            IsADirectory, NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        match self.source.kind() {
            PermissionDenied => Some("run as root; if this is root, look for a mandatory access control denial"),
            StorageFull | QuotaExceeded => Some("free some space on that file system, then run the same command again"),
            ReadOnlyFilesystem => Some("remount that file system writable, or choose another directory"),
            IsADirectory => Some("a directory is where the file should be: move it away"),
            NotADirectory => Some("a file is where a directory should be: move it away"),
            _ => None,
        }
    }
}

impl Node {
    /// Whole contents; `None` if there is no such file.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let Found::At(place) = self.find(path) else { return Ok(None) };
        missing_is_none(std::fs::read(place)).map_err(|source| FileError::new("read", path, source))
    }

    /// Whole contents as text, bytes that are not UTF-8 replaced; `None` if there is no such file.
    pub fn read_text(&self, path: &str) -> Result<Option<String>, FileError> {
        Ok(self.read(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The last `limit` bytes; `None` if there is no such file. For logs, of which only the end matters.
    pub fn read_end(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
        use std::io::{Read, Seek, SeekFrom};

        let Found::At(place) = self.find(path) else { return Ok(None) };
        let end = || {
            let mut file = std::fs::File::open(place)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
            let mut bytes = Vec::new();
            file.take(limit).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        missing_is_none(end()).map_err(|source| FileError::new("read", path, source))
    }

    /// True if something is there, links followed. What cannot be looked at is not there, as for kubeadm.
    pub fn exists(&self, path: &str) -> bool {
        self.metadata(path).is_some()
    }

    /// True if a directory is there, links followed.
    pub fn is_dir(&self, path: &str) -> bool {
        self.metadata(path).is_some_and(|metadata| metadata.is_dir())
    }

    /// Permission bits, links followed; `None` if nothing is there.
    pub fn mode(&self, path: &str) -> Option<u32> {
        self.metadata(path).map(|metadata| metadata.permissions().mode() & 0o7777)
    }

    fn metadata(&self, path: &str) -> Option<std::fs::Metadata> {
        let Found::At(place) = self.find(path) else { return None };
        std::fs::metadata(place).ok()
    }

    /// Names in a directory, sorted; none if there is no such directory. Our own leftovers are not shown.
    pub fn list(&self, path: &str) -> Result<Vec<String>, FileError> {
        let fail = |source| FileError::new("list", path, source);
        let mut names = BTreeSet::new();
        let removed = self.scratch_layers().is_some_and(|s| s.layer(&self.normal(path)) == Some(Layer::Removed));
        if !removed {
            let place = resolve(self.read_root(), &self.normal(path));
            for entry in missing_is_none(std::fs::read_dir(place)).map_err(fail)?.into_iter().flatten() {
                names.insert(entry.map_err(fail)?.file_name().to_string_lossy().into_owned());
            }
        }
        if let Some(scratch) = self.scratch_layers() {
            for (name, layer) in scratch.children(&self.normal(path)) {
                match layer {
                    Layer::Written => names.insert(name),
                    Layer::Removed => names.remove(&name),
                };
            }
        }
        names.extend(self.held().children(&self.normal(path)));
        Ok(names.into_iter().filter(|name| !temporary::is_temporary(name)).collect())
    }

    /// Makes one file true. See [`Node::ensure_all`].
    pub fn ensure(&self, file: &File) -> Result<Change, FileError> {
        let mut changes = self.ensure_all(std::slice::from_ref(file))?;
        Ok(changes.remove(0))
    }

    /// Makes files true: same contents and mode are left alone, a wrong mode alone is set right, everything else is
    /// replaced atomically and belongs to the user who runs this. Missing directories are made. A link at the path is
    /// followed, as kubeadm does. Nothing is in place before all are on disk, and they get into place in the given
    /// order; a kill leaves each old or new, whole. Fewer disk flushes than file by file.
    pub fn ensure_all(&self, files: &[File]) -> Result<Vec<Change>, FileError> {
        self.make_true(files, false)
    }

    /// [`Node::ensure_all`] of files that go on belonging to whom they belong to now: a component that runs as a user of
    /// its own must be able to read its new key, too.
    pub fn replace_all(&self, files: &[File]) -> Result<Vec<Change>, FileError> {
        self.make_true(files, true)
    }

    fn make_true(&self, files: &[File], keep_owner: bool) -> Result<Vec<Change>, FileError> {
        let mut changes = Vec::with_capacity(files.len());
        let mut staged: Vec<(Option<Temporary>, usize)> = Vec::new();
        for (index, file) in files.iter().enumerate() {
            self.swept().sweep(self.target(&file.path).parent().unwrap_or(Path::new("/")));
            let before = self.before(&file.path)?;
            let change = compare(&before, file);
            let dry = self.is_dry_run();
            if change.kind == ChangeKind::Replaced {
                self.keep_original(&file.path, &before);
            }
            let fail = |source| FileError::new("write", &file.path, source);
            // A dry run's tree holds every file, so that it can be compared with what a real run leaves behind.
            if change.kind != ChangeKind::Unchanged || dry {
                let same = matches!(&before, Before::File { contents: Some(old), .. } if *old == file.contents);
                let is_held = self.held().place(&self.normal(&file.path)).is_some();
                if same && !dry && !is_held {
                    set_mode(&self.target(&file.path), file.mode).map_err(fail)?;
                } else {
                    let temporary = self.prepare(file).map_err(fail)?;
                    if keep_owner && !dry {
                        temporary.keep_owner().map_err(fail)?;
                    }
                    staged.push((Some(temporary), index));
                }
            }
            changes.push(change);
        }
        if self.held().is_on() {
            for (temporary, index) in staged {
                let Some(temporary) = temporary else { continue };
                self.held().push(self.normal(&files[index].path), temporary);
            }
            changes.iter().for_each(|change| self.record(change.clone()));
            return Ok(changes);
        }
        let done = self.put_in_place(&mut staged, files);
        // After a failure midway, what did get into place is still ours to report.
        let left: BTreeSet<usize> = staged.iter().filter(|(file, _)| file.is_some()).map(|(_, index)| *index).collect();
        for (_, change) in changes.iter().enumerate().filter(|(index, _)| !left.contains(index)) {
            self.record(change.clone());
        }
        done.map(|()| changes)
    }

    /// Tells what [`Node::ensure_all`] would do and writes nothing, not even into a dry run's scratch directory: for
    /// files that belong to the node and are only edited.
    pub(crate) fn tell(&self, files: &[File]) -> Result<(), FileError> {
        for file in files {
            self.record(compare(&self.before(&file.path)?, file));
        }
        Ok(())
    }

    fn put_in_place(&self, staged: &mut [(Option<Temporary>, usize)], files: &[File]) -> Result<(), FileError> {
        let fail = |index: usize| move |source| FileError::new("write", &files[index].path, source);
        let sync = !self.is_dry_run();
        if sync {
            sync_all(staged).map_err(|(index, source)| fail(index)(source))?;
        }
        let mut directories = BTreeMap::new();
        for (temporary, index) in staged {
            let Some(ready) = temporary else { continue };
            directories.insert(ready.directory().to_path_buf(), *index);
            ready.rename().map_err(fail(*index))?;
            *temporary = None;
            if let Some(scratch) = self.scratch_layers() {
                scratch.mark(self.normal(&files[*index].path), Layer::Written);
            }
        }
        if sync {
            for (directory, index) in directories {
                sync_dir(&directory).map_err(fail(index))?;
            }
        }
        Ok(())
    }

    /// Makes a directory with `mode`, and what is missing above it. One that exists keeps the mode it has: its
    /// packager or administrator chose it.
    pub fn ensure_dir(&self, path: &str, mode: u32) -> Result<Change, FileError> {
        let existed = self.is_dir(path);
        let fail = |source| FileError::new("make directory", path, source);
        if !existed && self.exists(path) {
            return Err(fail(io::ErrorKind::NotADirectory.into()));
        }
        self.make_dirs(&self.normal(path), Some(mode)).map_err(fail)?;
        let kind = if existed { ChangeKind::Unchanged } else { ChangeKind::Created };
        let change = Change::new(path, kind);
        self.record(change.clone());
        Ok(change)
    }

    /// Removes a file (a link, not what it points to) or an empty directory. Gone already is no error.
    pub fn remove(&self, path: &str) -> Result<Change, FileError> {
        self.settle()?;
        let fail = |source| FileError::new("remove", path, source);
        let normal = self.normal(path);
        let was_there = self.exists(path);
        let kind = if let Some(scratch) = self.scratch_layers() {
            if scratch.layer(&normal) == Some(Layer::Written) {
                unlink(&self.link(&normal)).map_err(fail)?;
            }
            scratch.mark(normal, Layer::Removed);
            if was_there { ChangeKind::Removed } else { ChangeKind::Unchanged }
        } else {
            let place = self.link(&normal);
            let removed = unlink(&place).map_err(fail)?;
            if removed && let Some(parent) = place.parent() {
                sync_dir(parent).map_err(fail)?;
            }
            if removed { ChangeKind::Removed } else { ChangeKind::Unchanged }
        };
        let change = Change::new(path, kind);
        self.record(change.clone());
        Ok(change)
    }

    fn before(&self, path: &str) -> Result<Before, FileError> {
        let fail = |source| FileError::new("read", path, source);
        let Found::At(place) = self.find(path) else { return Ok(Before::Nothing) };
        let metadata = match missing_is_none(std::fs::metadata(&place)) {
            Ok(None) => return Ok(Before::Nothing),
            Ok(Some(metadata)) => metadata,
            // An ordinary user's dry run may not look, and need not.
            Err(error) if self.is_dry_run() && error.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(Before::Nothing);
            }
            Err(error) => return Err(fail(error)),
        };
        if metadata.is_dir() {
            return Err(FileError::new("write", path, io::ErrorKind::IsADirectory.into()));
        }
        let contents = match std::fs::read(&place) {
            Ok(contents) => Some(contents),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(error) => return Err(fail(error)),
        };
        Ok(Before::File { mode: metadata.permissions().mode() & 0o7777, contents })
    }

    /// Writes the contents beside the target, ready to be renamed over it.
    fn prepare(&self, file: &File) -> io::Result<Temporary> {
        let normal = self.normal(&file.path);
        if let Some(parent) = normal.parent() {
            self.make_dirs(parent, None)?;
        }
        Temporary::write(&self.target(&file.path), file.mode, &file.contents)
    }

    /// Where a write to `path` goes, every link followed: renaming over a link would cut off what an administrator
    /// keeps elsewhere.
    pub(crate) fn target(&self, path: &str) -> PathBuf {
        resolve(self.write_root(), &self.normal(path))
    }

    /// Whether what is at `path` would be there only after this dry run. Its tree holds every file, those too that are as
    /// they were.
    pub fn made_by_dry_run(&self, path: &str) -> bool {
        let normal = self.normal(path);
        let scratch = self.scratch_layers();
        let is_written = scratch.is_some_and(|scratch| scratch.layer(&normal) == Some(Layer::Written))
            || (self.is_dry_run() && self.held().place(&normal).is_some());
        is_written && {
            let was = std::fs::read(resolve(self.read_root(), &normal)).ok();
            was.is_none() || was != self.read(path).ok().flatten()
        }
    }

    /// Where a path really is on the node, every link followed as far as there is one: what a write to it changes.
    pub fn real_path(&self, path: &str) -> String {
        let place = resolve(self.read_root(), &self.normal(path));
        let below = place.strip_prefix(self.read_root()).unwrap_or(&place);
        Path::new("/").join(below).to_string_lossy().into_owned()
    }

    /// A directory above a path without links in which others than root and this user could change what is there: one
    /// that they own, or that all may write to.
    pub fn open_to_others(&self, path: &str) -> Option<String> {
        use std::os::unix::fs::MetadataExt;

        let own = rustix::process::geteuid().as_raw();
        let path = self.normal(path);
        let found = path.ancestors().skip(1).find(|directory| {
            let metadata = std::fs::metadata(resolve(self.read_root(), directory));
            metadata.is_ok_and(|found| ![0, own].contains(&found.uid()) || found.mode() & 0o002 != 0)
        });
        found.map(|directory| directory.to_string_lossy().into_owned())
    }

    /// Like [`Node::target`], but a link at the end is not followed.
    pub(crate) fn link(&self, normal: &Path) -> PathBuf {
        match (normal.parent(), normal.file_name()) {
            (Some(parent), Some(name)) => resolve(self.write_root(), parent).join(name),
            _ => self.write_root().to_path_buf(),
        }
    }

    /// Makes `normal` and what is missing above it where writes land. Only what the node itself lacks is a change, and
    /// with a `mode` the last one is for the caller to report.
    pub(crate) fn make_dirs(&self, normal: &Path, mode: Option<u32>) -> io::Result<()> {
        // Nearly always all is there, and walking down costs several system calls for each step.
        let settled = self.scratch_layers().is_none_or(|scratch| scratch.layer(normal) == Some(Layer::Written));
        if settled && resolve(self.write_root(), normal).is_dir() {
            return Ok(());
        }
        let mut ancestors: Vec<&Path> = normal.ancestors().collect();
        ancestors.reverse();
        for (index, directory) in ancestors.iter().enumerate() {
            let name = directory.to_string_lossy();
            let known = self.is_dir(&name);
            let place = resolve(self.write_root(), directory);
            let last = index + 1 == ancestors.len();
            if !place.is_dir() {
                self.make_dir(&place, mode.filter(|_| last).unwrap_or_else(|| default_mode(&name)))?;
            }
            let reported = last && mode.is_some();
            if !known && !reported {
                self.record(Change::new(&name, ChangeKind::Created));
            }
            if let Some(scratch) = self.scratch_layers()
                && !known
            {
                scratch.mark(directory.to_path_buf(), Layer::Written);
            }
        }
        Ok(())
    }

    fn make_dir(&self, place: &Path, mode: u32) -> io::Result<()> {
        // The scratch directory itself may be missing, with what is above it.
        let mut builder = std::fs::DirBuilder::new();
        builder.mode(mode).recursive(place == self.write_root());
        match builder.create(place) {
            Ok(()) => {}
            // Another task was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && place.is_dir() => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            Err(error) => return Err(error),
        }
        // The umask has its say in mkdir.
        set_mode(place, mode)?;
        match place.parent() {
            Some(parent) if self.held().is_on() => {
                self.held().push_directory(parent.to_path_buf());
                Ok(())
            }
            Some(parent) if !self.is_dry_run() => sync_dir(parent),
            _ => Ok(()),
        }
    }
}

fn default_mode(path: &str) -> u32 {
    if PRIVATE_DIRS.contains(&path) { 0o700 } else { 0o755 }
}

fn set_mode(place: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode))
}

/// Makes the contents of files survive a power loss.
fn sync_all(staged: &[(Option<Temporary>, usize)]) -> Result<(), (usize, io::Error)> {
    at_once(staged, |(file, index)| file.iter().try_for_each(Temporary::sync).map_err(|source| (*index, source)))
}

/// [`sync_dir`] for several.
fn sync_dirs(directories: &BTreeSet<PathBuf>) -> Result<(), FileError> {
    let directories: Vec<&PathBuf> = directories.iter().collect();
    at_once(&directories, |directory| {
        sync_dir(directory).map_err(|source| FileError::new("write", &directory.to_string_lossy(), source))
    })
}

/// Flushes several at a time: the file system then commits them together, which on a busy disk halves the wait.
fn at_once<T: Sync, E: Send>(items: &[T], flush: impl Fn(&T) -> Result<(), E> + Sync) -> Result<(), E> {
    const AT_ONCE: usize = 8;

    // This thread flushes too.
    let share = items.len().div_ceil(AT_ONCE).max(1);
    let (first, others) = items.split_at(share.min(items.len()));
    std::thread::scope(|scope| {
        let flush = &flush;
        let threads: Vec<_> =
            others.chunks(share).map(|chunk| scope.spawn(move || chunk.iter().try_for_each(flush))).collect();
        let done = first.iter().try_for_each(flush);
        threads
            .into_iter()
            .fold(done, |done, thread| done.and(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
    })
}

/// Makes the names in a directory survive a power loss.
fn sync_dir(directory: &Path) -> io::Result<()> {
    std::fs::File::open(directory)?.sync_all()
}

fn unlink(place: &Path) -> io::Result<bool> {
    let Some(metadata) = missing_is_none(std::fs::symlink_metadata(place))? else { return Ok(false) };
    let removed = if metadata.is_dir() { std::fs::remove_dir(place) } else { std::fs::remove_file(place) };
    missing_is_none(removed).map(|removed| removed.is_some())
}

fn missing_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        // A file in the place of a directory means that what is below it is not there.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;

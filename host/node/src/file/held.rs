//! Files that are written but not in place yet, because several are to be flushed to disk together: a flush for each
//! would be most of the time that certificates take. Reads see them already.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kubephase_model::File;

use super::temporary::Temporary;
use super::{FileError, sync_all, sync_dirs};
use crate::{Change, Node};

/// What is held back.
#[derive(Debug, Default)]
pub(crate) struct Held {
    on: bool,
    /// In the order of writing, with their paths on the node.
    staged: Vec<(PathBuf, Temporary)>,
    /// Directories in which others were made.
    directories: BTreeSet<PathBuf>,
}

impl Held {
    /// Whether writes are to be held back.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Where a path of the node is read, if its newest contents are held back.
    pub(crate) fn place(&self, path: &Path) -> Option<PathBuf> {
        self.staged.iter().rev().find(|(held, _)| held == path).map(|(_, temporary)| temporary.place().to_path_buf())
    }

    /// Names directly below `directory` that are held back.
    pub(crate) fn children(&self, directory: &Path) -> Vec<String> {
        let below = self.staged.iter().filter(|(path, _)| path.parent() == Some(directory));
        below.filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }

    pub(crate) fn push(&mut self, path: PathBuf, temporary: Temporary) {
        self.staged.push((path, temporary));
    }

    pub(crate) fn push_directory(&mut self, directory: PathBuf) {
        self.directories.insert(directory);
    }
}

impl Node {
    /// From now on files are only prepared; [`Node::settle`] puts them in place. Dropped before that, they are gone. A
    /// dry run holds nothing back.
    pub fn hold(&self) {
        self.held().on = !self.is_dry_run();
    }

    /// [`Node::ensure_all`] that puts these files in place at once, before everything that is held back.
    pub fn ensure_now(&self, files: &[File]) -> Result<Vec<Change>, FileError> {
        let was_on = std::mem::replace(&mut self.held().on, false);
        let changes = self.ensure_all(files);
        self.held().on = was_on;
        changes
    }

    /// [`Node::settle`], if something at or below `path` is held back.
    pub(crate) fn settle_below(&self, path: &str) -> Result<(), FileError> {
        let normal = self.normal(path);
        let held = self.held().staged.iter().any(|(held, _)| held.starts_with(&normal));
        if held { self.settle() } else { Ok(()) }
    }

    /// Flushes everything that is held back and puts it in place, in the order of writing, then goes on holding.
    pub fn settle(&self) -> Result<(), FileError> {
        let Held { staged, mut directories, .. } = {
            let mut held = self.held();
            let on = held.on;
            std::mem::replace(&mut *held, Held { on, ..Held::default() })
        };
        let (paths, mut files): (Vec<PathBuf>, Vec<_>) =
            staged.into_iter().enumerate().map(|(index, (path, file))| (path, (Some(file), index))).unzip();
        let fail = |(index, source): (usize, std::io::Error)| {
            FileError::new("write", &paths.get(index).cloned().unwrap_or_default().to_string_lossy(), source)
        };
        sync_all(&files).map_err(fail)?;
        for (file, index) in &mut files {
            let Some(file) = file else { continue };
            directories.insert(file.directory().to_path_buf());
            file.rename().map_err(|source| fail((*index, source)))?;
        }
        sync_dirs(&directories)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChangeKind;

    #[test]
    fn held_files_are_read_but_not_in_place_until_settled() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.hold();
        let file = |text: &str| File::public("/etc/kubernetes/x", text);
        assert_eq!(node.ensure(&file("1")).expect("held").kind, ChangeKind::Created);
        assert_eq!(node.ensure(&file("1")).expect("held").kind, ChangeKind::Unchanged);
        assert_eq!(node.ensure(&file("2")).expect("held").kind, ChangeKind::Replaced);
        assert_eq!(node.read("/etc/kubernetes/x").expect("read").as_deref(), Some(&b"2"[..]));
        assert_eq!(node.list("/etc/kubernetes").expect("listed"), ["x"]);
        assert!(!root.path().join("etc/kubernetes/x").exists());
        node.settle().expect("settled");
        assert_eq!(std::fs::read(root.path().join("etc/kubernetes/x")).expect("in place"), b"2");
        assert_eq!(node.ensure(&file("2")).expect("there").kind, ChangeKind::Unchanged);
    }

    #[test]
    fn what_is_never_settled_leaves_nothing() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.hold();
        node.ensure(&File::secret("/etc/kubernetes/pki/ca.key", "k")).expect("held");
        drop(node);
        let left = std::fs::read_dir(root.path().join("etc/kubernetes/pki")).expect("the directory").count();
        assert_eq!(left, 0);
    }

    #[test]
    fn what_must_be_there_first_passes_what_is_held() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.hold();
        node.ensure(&File::public("/x", "1")).expect("held");
        node.ensure_now(&[File::public("/journal", "x is ours")]).expect("in place");
        assert!(root.path().join("journal").exists() && !root.path().join("x").exists());
        node.ensure(&File::public("/y", "2")).expect("held again");
        assert!(!root.path().join("y").exists());
        node.settle_below("/y").expect("settled");
        assert!(root.path().join("y").exists());
    }

    #[test]
    fn removing_settles_first() {
        let root = tempfile::tempdir().expect("a directory");
        let node = Node::at(root.path());
        node.hold();
        node.ensure(&File::public("/x", "1")).expect("held");
        assert_eq!(node.remove("/x").expect("removed").kind, ChangeKind::Removed);
        node.settle().expect("settled");
        assert!(!root.path().join("x").exists());
    }
}

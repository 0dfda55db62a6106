//! Files too large for memory: read at any place, or written bit by bit and in place only when whole.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::temporary::Temporary;
use super::{FileError, sync_dir};
use crate::change::{Change, ChangeKind};
use crate::node::{Found, Layer, Node};

/// A file that is open for reading.
#[derive(Debug)]
pub struct Source {
    file: File,
    path: String,
    length: u64,
}

/// A file that is being written. Dropped before [`Draft::finish`], it leaves no trace.
#[derive(Debug)]
pub struct Draft {
    node: Node,
    temporary: Temporary,
    path: String,
    kind: ChangeKind,
}

impl Node {
    /// Opens a regular file for reading; `None` if there is none.
    pub fn open(&self, path: &str) -> Result<Option<Source>, FileError> {
        let Found::At(place) = self.find(path) else { return Ok(None) };
        let open = || {
            // Otherwise a pipe that nobody writes to would never open.
            let at_once = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
            let file = File::options().read(true).custom_flags(at_once).open(place)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if !metadata.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
            }
            Ok(Source { file, path: path.to_owned(), length: metadata.len() })
        };
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(|source| FileError::new("read", path, source)),
        }
    }

    /// Begins a file that will replace what is at `path`, in a directory that must be there. Whoever reads `path`
    /// meanwhile sees what was there before. A link at the path is refused, not followed: a user names the path, often
    /// below /tmp, where somebody else's link may lead to any file; and putting a file in the place of /dev/stdout
    /// would be as bad.
    pub fn draft(&self, path: &str, mode: u32) -> Result<Draft, FileError> {
        let fail = |source| FileError::new("write", path, source);
        // Also if a link gets there after the look below: renaming replaces it.
        let target = self.link(&self.normal(path));
        let directory = target.parent().unwrap_or(Path::new("/"));
        if self.is_dry_run() {
            self.make_dirs(self.normal(path).parent().unwrap_or(Path::new("/")), None).map_err(fail)?;
        }
        self.swept().sweep(directory);
        let kind = match std::fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_file() => ChangeKind::Replaced,
            Ok(metadata) if metadata.is_symlink() => {
                let why = "it is a symbolic link: name the file itself, or remove the link";
                return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, why)));
            }
            // Renaming over it would fail, after all the work.
            Ok(metadata) if metadata.is_dir() => return Err(fail(io::ErrorKind::IsADirectory.into())),
            Ok(_) => return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))),
            Err(_) => ChangeKind::Created,
        };
        let temporary = Temporary::write(&target, mode, &[]).map_err(fail)?;
        Ok(Draft { node: self.clone(), temporary, path: path.to_owned(), kind })
    }
}

impl Source {
    /// The path on the node.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// In bytes, when it was opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Fills `bytes` from a place in the file.
    pub fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), FileError> {
        self.file.read_exact_at(bytes, offset).map_err(|source| FileError::new("read", &self.path, source))
    }
}

impl Read for &Source {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(bytes)
    }
}

impl Seek for &Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&self.file).seek(to)
    }
}

impl Draft {
    /// Appends.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.temporary.file().write_all(bytes);
        written.map_err(|source| FileError::new("write", &self.path, source))
    }

    /// Puts it in place, once its contents are on disk.
    pub fn finish(mut self) -> Result<Change, FileError> {
        let fail = |source| FileError::new("write", &self.path, source);
        if !self.node.is_dry_run() {
            self.temporary.sync().map_err(fail)?;
        }
        self.temporary.rename().map_err(fail)?;
        match self.node.scratch_layers() {
            Some(scratch) => scratch.mark(self.node.normal(&self.path), Layer::Written),
            None => sync_dir(self.temporary.directory()).map_err(fail)?,
        }
        let change = Change::new(&self.path, self.kind);
        self.node.record(change.clone());
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).expect("a directory").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_draft_is_in_place_when_finished_and_leaves_nothing_when_not() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        std::fs::write(root.path().join("out"), "old").expect("a file");
        let mut draft = node.draft("/out", 0o644).expect("begun");
        draft.append(b"new ").expect("written");
        drop(draft);
        assert_eq!(names(root.path()), ["out"]);
        assert_eq!(node.read_text("/out").expect("read").as_deref(), Some("old"));
        let mut draft = node.draft("/out", 0o644).expect("begun");
        draft.append(b"new ").expect("written");
        draft.append(b"text").expect("written");
        assert_eq!(node.read_text("/out").expect("read").as_deref(), Some("old"));
        assert_eq!(draft.finish().expect("in place").kind, ChangeKind::Replaced);
        assert_eq!(names(root.path()), ["out"]);
        let source = node.open("/out").expect("opened").expect("there");
        assert_eq!(source.length(), 8);
        let mut bytes = [0; 4];
        source.read_at(4, &mut bytes).expect("within");
        assert_eq!(&bytes, b"text");
        source.read_at(6, &mut bytes).expect_err("beyond the end");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        std::fs::create_dir(root.path().join("dir")).expect("a directory");
        assert_eq!(node.draft("/dir", 0o644).expect_err("a directory").kind(), io::ErrorKind::IsADirectory);
        assert_eq!(node.open("/dir").expect_err("a directory").kind(), io::ErrorKind::IsADirectory);
        let pipe = std::process::Command::new("mkfifo").arg(root.path().join("pipe")).status().expect("it runs");
        assert!(pipe.success());
        assert_eq!(node.open("/pipe").expect_err("a pipe").kind(), io::ErrorKind::InvalidInput);
        assert!(node.open("/none").expect("looked").is_none());
        assert_eq!(node.draft("/none/x", 0o644).expect_err("no directory").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_link_is_not_followed_whatever_it_leads_to() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let place = |name: &str| root.path().join(name);
        std::fs::write(place("admin.conf"), "precious").expect("a file");
        for (link, target) in [("x.tar", "/admin.conf"), ("y.tar", "/none"), ("z.tar", "/dev/null")] {
            std::os::unix::fs::symlink(target, place(link)).expect("a link");
            let error = node.draft(&format!("/{link}"), 0o644).expect_err("a link");
            assert_eq!((error.kind(), error.path()), (io::ErrorKind::InvalidInput, format!("/{link}").as_str()));
        }
        // A link that comes between is replaced.
        let mut draft = node.draft("/w.tar", 0o644).expect("begun");
        draft.append(b"new").expect("written");
        std::os::unix::fs::symlink("/admin.conf", place("w.tar")).expect("a link");
        draft.finish().expect("in place");
        assert!(!place("w.tar").is_symlink());
        assert_eq!(std::fs::read_to_string(place("admin.conf")).expect("there"), "precious");
        assert_eq!(names(root.path()), ["admin.conf", "w.tar", "x.tar", "y.tar", "z.tar"]);
        // Directories may be links.
        std::fs::create_dir(place("real")).expect("a directory");
        std::os::unix::fs::symlink("/real", place("dir")).expect("a link");
        node.draft("/dir/x.tar", 0o644).expect("begun").finish().expect("in place");
        assert!(place("real/x.tar").is_file());
    }

    #[test]
    fn a_dry_run_writes_to_its_scratch_directory() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let node = Node::dry_run_of(root.path(), scratch.path());
        let mut draft = node.draft("/var/out", 0o644).expect("begun");
        draft.append(b"x").expect("written");
        draft.finish().expect("in place");
        assert!(names(root.path()).is_empty());
        assert_eq!(node.read_text("/var/out").expect("read").as_deref(), Some("x"));
    }
}

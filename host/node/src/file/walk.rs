//! Looking at a file on somebody else's behalf: the path is walked part by part, links are read and not followed by the
//! kernel, and what was found is held open, so that who decides whether it may be read knows where it really is, and
//! nobody can put something else in its place meanwhile. Devices, pipes and sockets are never opened: that alone may do
//! something.

use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

use super::{FileError, temporary};
use crate::node::{Found, Layer, Node};

/// The kernel's own limit.
const LINKS: usize = 40;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A file with contents.
    File,
    /// A directory.
    Directory,
    /// A device, a pipe or a socket.
    Other,
}

/// Something that was found, held open.
#[derive(Debug)]
pub struct Place {
    path: String,
    private: bool,
    stat: Stat,
    handle: OwnedFd,
    /// The directory that holds it and its name there; `None` for `/`.
    at: Option<(OwnedFd, PathBuf)>,
    node: Node,
}

/// It cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is more of it than wanted.
    #[error("{path} is longer than {limit} bytes")]
    TooLarge {
        /// Its path.
        path: String,
        /// How much was wanted.
        limit: usize,
    },
    /// More names than wanted.
    #[error("{path} holds more than {limit} names")]
    TooMany {
        /// Its path.
        path: String,
        /// How many were wanted.
        limit: usize,
    },
    /// It is of another kind.
    #[error("{path} is no {wanted}")]
    Kind {
        /// Its path.
        path: String,
        /// `file` or `directory`.
        wanted: &'static str,
    },
}

impl Node {
    /// Walks to an absolute path; `None` if nothing is there. Blocks as long as the file systems do.
    pub fn walk(&self, path: &str) -> Result<Option<Place>, FileError> {
        let found = self.walk_to(&self.normal(path)).map_err(|source| FileError::new("look at", path, source));
        found.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        })
    }

    fn walk_to(&self, path: &Path) -> io::Result<Option<Place>> {
        if let Some(layered) = self.layered(path) {
            return self.open_layered(path, layered);
        }
        let mut walk = Walk::new(self.read_root())?;
        let mut rest = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == Path::new("..") {
                walk.up();
                continue;
            }
            let (handle, stat) = walk.look(&part)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                links += 1;
                if links > LINKS {
                    return Err(io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error()));
                }
                let target = readlinkat(&handle, c"", Vec::new())?;
                let target = Path::new(OsStr::from_bytes(target.to_bytes()));
                if target.is_absolute() {
                    walk.steps.clear();
                }
                rest.extend(parts(target));
                continue;
            }
            walk.steps.push(Step { name: part, handle, stat });
        }
        let (path, private) = (walk.path(), walk.is_private());
        if let Some(layered) = self.layered(&path) {
            return self.open_layered(&path, layered);
        }
        let Walk { root, mut steps } = walk;
        let Some(last) = steps.pop() else {
            let stat = fstat(&root)?;
            return Ok(Some(Place { path: "/".into(), private, stat, handle: root, at: None, node: self.clone() }));
        };
        let parent = steps.pop().map_or(root, |step| step.handle);
        let path = path.to_string_lossy().into_owned();
        let at = Some((parent, last.name));
        Ok(Some(Place { path, private, stat: last.stat, handle: last.handle, at, node: self.clone() }))
    }

    /// What this run has done to the path without the machine showing it, if anything.
    fn layered(&self, path: &Path) -> Option<Found> {
        let known = self.scratch_layers().and_then(|scratch| scratch.layer(path));
        if known.is_some() || self.held().place(path).is_some() {
            return Some(self.find(&path.to_string_lossy()));
        }
        None
    }

    fn open_layered(&self, path: &Path, layered: Found) -> io::Result<Option<Place>> {
        let Found::At(place) = layered else { return Ok(None) };
        let handle = openat(CWD, &place, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&handle)?;
        let directory = place.parent().unwrap_or(Path::new("/"));
        let parent = openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let name = place.file_name().map(PathBuf::from).unwrap_or_default();
        let path = path.to_string_lossy().into_owned();
        let private = !is_open(&stat);
        Ok(Some(Place { path, private, stat, handle, at: Some((parent, name)), node: self.clone() }))
    }
}

/// The directories from the root to where the walk is.
struct Walk {
    root: OwnedFd,
    steps: Vec<Step>,
}

struct Step {
    name: PathBuf,
    handle: OwnedFd,
    stat: Stat,
}

impl Walk {
    fn new(root: &Path) -> io::Result<Self> {
        let root = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root, steps: Vec::new() })
    }

    fn here(&self) -> &OwnedFd {
        self.steps.last().map_or(&self.root, |step| &step.handle)
    }

    fn up(&mut self) {
        self.steps.pop();
    }

    /// Opened to know it, not to read it: nothing happens by that, whatever it is.
    fn look(&self, name: &Path) -> io::Result<(OwnedFd, Stat)> {
        let handle = openat(self.here(), name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&handle)?;
        Ok((handle, stat))
    }

    fn path(&self) -> PathBuf {
        std::iter::once(Path::new("/")).chain(self.steps.iter().map(|step| &*step.name)).collect()
    }

    fn is_private(&self) -> bool {
        self.steps.iter().any(|step| !is_open(&step.stat))
    }
}

/// Whether everybody may read it, or pass through it.
fn is_open(stat: &Stat) -> bool {
    let needed = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory { 0o001 } else { 0o004 };
    stat.st_mode & needed == needed
}

/// In reverse, without `.`.
fn parts(path: &Path) -> Vec<PathBuf> {
    let kept = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut parts: Vec<PathBuf> = kept.map(|part| PathBuf::from(part.as_os_str())).collect();
    parts.reverse();
    parts
}

impl Place {
    /// Its real path on the node: no link is in it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether some users of the node may not read it: by its own mode or by that of a directory above it.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// What it is.
    pub fn kind(&self) -> Seen {
        match FileType::from_raw_mode(self.stat.st_mode) {
            FileType::RegularFile => Seen::File,
            FileType::Directory => Seen::Directory,
            _ => Seen::Other,
        }
    }

    /// In bytes. Files of `/proc` and `/sys` do not say.
    pub fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or_default()
    }

    /// Permission bits.
    pub fn mode(&self) -> u32 {
        self.stat.st_mode & 0o7777
    }

    /// Numeric ids of its owner and group.
    pub fn owner(&self) -> (u32, u32) {
        (self.stat.st_uid, self.stat.st_gid)
    }

    /// The whole contents of a file, if that is not more than `limit` bytes. Blocks.
    pub fn read(&self, limit: usize) -> Result<Vec<u8>, ReadError> {
        if self.kind() != Seen::File {
            return Err(ReadError::Kind { path: self.path.clone(), wanted: "file" });
        }
        let fail = |source| FileError::new("read", &self.path, source);
        let file = std::fs::File::from(self.open(OFlags::NONBLOCK | OFlags::NOCTTY).map_err(fail)?);
        let mut bytes = Vec::new();
        let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(more).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() > limit {
            return Err(ReadError::TooLarge { path: self.path.clone(), limit });
        }
        Ok(bytes)
    }

    /// Names in a directory, sorted, if there are not more than `limit`. Blocks.
    pub fn list(&self, limit: usize) -> Result<Vec<String>, ReadError> {
        if self.kind() != Seen::Directory {
            return Err(ReadError::Kind { path: self.path.clone(), wanted: "directory" });
        }
        let fail = |source: io::Error| FileError::new("list", &self.path, source);
        let mut names = BTreeSet::new();
        let entries = openat(&self.handle, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let entries = entries.and_then(rustix::fs::Dir::new).map_err(|errno| fail(errno.into()))?;
        for entry in entries {
            let name = text(entry.map_err(|errno| fail(errno.into()))?.file_name());
            if matches!(&*name, "." | "..") || temporary::is_temporary(&name) {
                continue;
            }
            names.insert(name);
            if names.len() > limit {
                return Err(ReadError::TooMany { path: self.path.clone(), limit });
            }
        }
        let path = Path::new(&self.path);
        for (name, layer) in self.node.scratch_layers().into_iter().flat_map(|scratch| scratch.children(path)) {
            match layer {
                Layer::Written => names.insert(name),
                Layer::Removed => names.remove(&name),
            };
        }
        names.extend(self.node.held().children(path));
        Ok(names.into_iter().filter(|name| !temporary::is_temporary(name)).collect())
    }

    /// A directory, to make something in it. It is the one that was looked at, whatever has its name now.
    pub(crate) fn directory(&self) -> io::Result<OwnedFd> {
        Ok(openat(&self.handle, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Opens what was looked at, and nothing that has taken its name since.
    fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let Some((parent, name)) = &self.at else { return Err(io::ErrorKind::IsADirectory.into()) };
        let same = |stat: &Stat| (stat.st_dev, stat.st_ino) == (self.stat.st_dev, self.stat.st_ino);
        let gone = || io::Error::new(io::ErrorKind::NotFound, "it was replaced while it was looked at");
        if !same(&statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?) {
            return Err(gone());
        }
        let opened = openat(parent, name, OFlags::NOFOLLOW | OFlags::CLOEXEC | flags, Mode::empty());
        // It was no link before.
        let handle = opened.map_err(|errno| if errno == rustix::io::Errno::LOOP { gone() } else { errno.into() })?;
        if same(&fstat(&handle)?) { Ok(handle) } else { Err(gone()) }
    }
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use kubephase_model::File;

    use super::*;

    fn machine() -> (tempfile::TempDir, Node) {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        node.ensure(&File::public("/etc/app/config", "hello\n")).expect("written");
        node.ensure(&File { path: "/etc/app/key".into(), mode: 0o600, contents: b"k".into(), secret: true })
            .expect("written");
        (root, node)
    }

    fn walk(node: &Node, path: &str) -> Option<Place> {
        node.walk(path).expect("it can be looked at")
    }

    #[test]
    fn links_are_told_by_what_they_lead_to() {
        let (root, node) = machine();
        let at = |path: &str| root.path().join(path);
        symlink("/etc/app", at("etc/link")).expect("a link");
        symlink("../../../../etc/app/key", at("etc/app/up")).expect("a link");
        symlink("loop", at("etc/loop")).expect("a link");
        let config = walk(&node, "/etc/link/config").expect("there");
        assert_eq!((config.path(), config.is_private(), config.kind()), ("/etc/app/config", false, Seen::File));
        assert_eq!(config.read(6).expect("readable"), b"hello\n");
        let key = walk(&node, "/etc/link/up").expect("there");
        assert_eq!((key.path(), key.is_private(), key.mode()), ("/etc/app/key", true, 0o600));
        assert!(node.walk("/etc/loop").is_err());
        assert!(walk(&node, "/etc/link/none").is_none() && walk(&node, "/etc/app/config/below").is_none());
        assert_eq!(walk(&node, "/").expect("there").path(), "/");
    }

    #[test]
    fn limits_hold() {
        let (_root, node) = machine();
        let error = walk(&node, "/etc/app/config").expect("there").read(5).expect_err("six bytes");
        assert!(matches!(error, ReadError::TooLarge { limit: 5, .. }), "{error}");
        let directory = walk(&node, "/etc/app").expect("there");
        assert_eq!(directory.list(2).expect("two"), ["config", "key"]);
        assert!(matches!(directory.list(1).expect_err("two"), ReadError::TooMany { .. }));
        assert!(matches!(directory.read(1).expect_err("no file"), ReadError::Kind { wanted: "file", .. }));
    }

    #[test]
    fn a_private_directory_makes_what_is_in_it_private() {
        let (root, node) = machine();
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(root.path().join("etc/app"), mode).expect("permissions");
        assert!(walk(&node, "/etc/app/config").expect("there").is_private());
    }

    #[test]
    fn pipes_and_sockets_are_not_opened() {
        let (root, node) = machine();
        let _socket = std::os::unix::net::UnixListener::bind(root.path().join("etc/s")).expect("bound");
        nix::unistd::mkfifo(&root.path().join("etc/p"), nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        for path in ["/etc/s", "/etc/p"] {
            let place = walk(&node, path).expect("there");
            assert_eq!(place.kind(), Seen::Other);
            assert!(matches!(place.read(1), Err(ReadError::Kind { .. })));
        }
    }

    #[test]
    fn what_took_the_name_meanwhile_is_not_read() {
        let (root, node) = machine();
        let place = walk(&node, "/etc/app/config").expect("there");
        std::fs::remove_file(root.path().join("etc/app/config")).expect("removed");
        symlink("key", root.path().join("etc/app/config")).expect("a link");
        assert!(place.read(100).is_err());
    }

    #[test]
    fn a_dry_run_sees_what_it_has_written() {
        let (root, _) = machine();
        let scratch = tempfile::tempdir().expect("a scratch");
        let dry = Node::dry_run_of(root.path(), scratch.path());
        dry.ensure(&File::public("/etc/app/new", "new")).expect("written");
        dry.remove("/etc/app/config").expect("as if");
        assert_eq!(walk(&dry, "/etc/app/new").expect("there").read(10).expect("readable"), b"new");
        assert!(walk(&dry, "/etc/app/config").is_none());
        assert_eq!(walk(&dry, "/etc/app").expect("there").list(9).expect("listed"), ["key", "new"]);
    }
}

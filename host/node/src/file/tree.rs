//! Removing directories with all that is in them: never through a mount and never through a link, whatever others do
//! meanwhile. What stays is told with the reason. It does not decide what should go.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::change::{Change, ChangeKind};
use crate::file::FileError;
use crate::node::{Found, Layer, Node};
use crate::probe;

/// What is not to be removed, although it is below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spare {
    /// Paths that stay, with what is below them.
    pub paths: BTreeSet<String>,
    /// Mount points that will have been unmounted before a real run comes here: a dry run takes them for empty.
    pub unmounted: BTreeSet<String>,
}

/// What stayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What became of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emptied {
    /// How many files, links and directories are gone.
    pub removed: usize,
    /// What is still there, but for what was to be spared.
    pub kept: Vec<Kept>,
}

/// A directory on the way down.
struct Level {
    name: OsString,
    /// Device and inode: the way up is only believed if it leads to where we came from.
    id: (u64, u64),
    /// What is still to be looked at.
    names: Vec<OsString>,
    /// Something in it stays.
    stays: bool,
}

impl Node {
    /// Removes everything in a directory, and not the directory itself. A link at its own path is followed, as kubeadm
    /// does; it may itself be where a file system is mounted. A directory that is not there is empty. What directly lies
    /// in it and is gone is recorded; a dry run only looks.
    pub fn empty_dir(&self, path: &str, spare: &Spare) -> Result<Emptied, FileError> {
        self.settle()?;
        let fail = |source: std::io::Error| FileError::new("empty", path, source);
        let Found::At(place) = self.find(path) else { return Ok(Emptied::default()) };
        let top = match fs::open(&place, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(top) => top,
            Err(Errno::NOENT) => return Ok(Emptied::default()),
            Err(errno) => return Err(fail(errno.into())),
        };
        let mounted = probe::mounts(self)?.into_iter().map(|mount| mount.target).collect();
        let base = path.trim_end_matches('/').to_owned();
        let mut walk = Walk { node: self, base, spare, mounted, done: Emptied::default() };
        walk.run(top).map_err(|errno| fail(errno.into()))?;
        Ok(walk.done)
    }
}

struct Walk<'a> {
    node: &'a Node,
    base: String,
    spare: &'a Spare,
    /// Everything that is a mount point, for kernels that cannot be asked while opening.
    mounted: BTreeSet<String>,
    done: Emptied,
}

impl Walk<'_> {
    /// Without recursion and with one descriptor: how deep a tree is was decided by whatever ran in some container.
    fn run(&mut self, top: OwnedFd) -> Result<(), Errno> {
        let mut at = top;
        let mut levels = vec![enter(at.as_fd(), OsString::new())?];
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.pop() else {
                let Some(done) = levels.pop() else { break };
                let depth = levels.len();
                let Some(above) = levels.last_mut() else { break };
                at = climb(at.as_fd(), above.id)?;
                let gone = !done.stays && {
                    let path = self.path(&levels, &done.name);
                    self.remove(at.as_fd(), &done.name, path, AtFlags::REMOVEDIR)
                };
                if let Some(above) = levels.last_mut() {
                    above.stays |= !gone;
                }
                if gone && depth == 1 {
                    self.record(&done.name);
                }
                continue;
            };
            let path = self.path(&levels, &name);
            if self.spare.paths.contains(&path) {
                stay(&mut levels);
                continue;
            }
            let kind = match fs::statat(at.as_fd(), &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => FileType::from_raw_mode(found.st_mode),
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            };
            let gone = if kind == FileType::Directory {
                match self.open(at.as_fd(), &name, &path) {
                    Ok(below) => {
                        at = below;
                        levels.push(enter(at.as_fd(), name)?);
                        continue;
                    }
                    Err(Errno::NOENT) => continue,
                    Err(Errno::XDEV) if self.node.is_dry_run() && self.spare.unmounted.contains(&path) => {
                        self.done.removed += 1;
                        true
                    }
                    Err(Errno::XDEV) => self.keep(path, "a file system is mounted there".into()),
                    Err(errno) => self.keep(path, std::io::Error::from(errno).to_string()),
                }
            } else {
                self.remove(at.as_fd(), &name, path, AtFlags::empty())
            };
            if !gone {
                stay(&mut levels);
            } else if levels.len() == 1 {
                self.record(&name);
            }
        }
        Ok(())
    }

    /// The path of something in the last level.
    fn path(&self, levels: &[Level], name: &OsString) -> String {
        let mut path = self.base.clone();
        for part in levels.iter().skip(1).map(|level| &level.name).chain([name]) {
            path.push('/');
            path.push_str(&part.to_string_lossy());
        }
        path
    }

    /// A directory of the same mount, not through a link. `XDEV` if something is mounted there.
    fn open(&self, at: BorrowedFd<'_>, name: &OsString, path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let within = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
        match fs::openat2(at, name, flags, Mode::empty(), within) {
            // Kernels before 5.6, and filters of system calls that do not know it.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
        if self.mounted.contains(path) {
            return Err(Errno::XDEV);
        }
        let below = fs::openat(at, name, flags, Mode::empty())?;
        if fs::fstat(&below)?.st_dev == fs::fstat(at)?.st_dev { Ok(below) } else { Err(Errno::XDEV) }
    }

    /// Whether it is gone.
    fn remove(&mut self, at: BorrowedFd<'_>, name: &OsString, path: String, flags: AtFlags) -> bool {
        let removed = if self.node.is_dry_run() { Ok(()) } else { fs::unlinkat(at, name, flags) };
        match removed {
            Ok(()) => {
                self.done.removed += 1;
                true
            }
            Err(Errno::NOENT) => true,
            Err(Errno::BUSY) => self.keep(path, "something is mounted there".into()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => self.keep(path, "somebody has put something there meanwhile".into()),
            Err(errno) => self.keep(path, std::io::Error::from(errno).to_string()),
        }
    }

    fn keep(&mut self, path: String, why: String) -> bool {
        self.done.kept.push(Kept { path, why });
        false
    }

    /// Something directly in the directory is gone.
    fn record(&self, name: &OsString) {
        let path = format!("{}/{}", self.base, name.to_string_lossy());
        if let Some(scratch) = self.node.scratch_layers() {
            scratch.mark(self.node.normal(&path), Layer::Removed);
        }
        self.node.record(Change::new(&path, ChangeKind::Removed));
    }
}

fn stay(levels: &mut [Level]) {
    if let Some(level) = levels.last_mut() {
        level.stays = true;
    }
}

fn enter(at: BorrowedFd<'_>, name: OsString) -> Result<Level, Errno> {
    let found = fs::fstat(at)?;
    let mut names = Vec::new();
    for entry in Dir::read_from(at)? {
        let bytes = entry?.file_name().to_bytes().to_vec();
        if !matches!(bytes.as_slice(), b"." | b"..") {
            names.push(OsString::from_vec(bytes));
        }
    }
    // From the end on: in the order of names.
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Level { name, id: (found.st_dev, found.st_ino), names, stays: false })
}

/// The directory above. Fails if somebody has moved us elsewhere meanwhile.
fn climb(at: BorrowedFd<'_>, id: (u64, u64)) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let above = fs::openat(at, "..", flags, Mode::empty())?;
    let found = fs::fstat(&above)?;
    if (found.st_dev, found.st_ino) == id { Ok(above) } else { Err(Errno::STALE) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, Node) {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        for path in ["/var/lib/kubelet/pods/a/volume/x", "/var/lib/kubelet/pods/b", "/elsewhere/data"] {
            std::fs::create_dir_all(root.path().join(&path[1..])).expect("made");
        }
        for path in ["var/lib/kubelet/config.yaml", "var/lib/kubelet/pods/a/file", "elsewhere/data/precious"] {
            std::fs::write(root.path().join(path), path).expect("written");
        }
        symlink("/elsewhere/data", root.path().join("var/lib/kubelet/pods/b/link")).expect("a link");
        (root, node)
    }

    #[test]
    fn everything_goes_but_what_links_lead_to() {
        let (root, node) = tree();
        let emptied = node.empty_dir("/var/lib/kubelet", &Spare::default()).expect("emptied");
        assert_eq!((emptied.removed, emptied.kept), (8, Vec::new()));
        assert_eq!(node.list("/var/lib/kubelet").expect("there"), Vec::<String>::new());
        assert!(root.path().join("elsewhere/data/precious").exists());
        let removed: Vec<String> = node.changes().into_iter().map(|change| change.path).collect();
        assert_eq!(removed, ["/var/lib/kubelet/config.yaml", "/var/lib/kubelet/pods"]);
        assert_eq!(node.empty_dir("/none", &Spare::default()).expect("nothing"), Emptied::default());
    }

    #[test]
    fn what_is_spared_stays_with_the_directories_above_it() {
        let (_root, node) = tree();
        let spare = Spare { paths: BTreeSet::from(["/var/lib/kubelet/pods/a/volume".into()]), ..Spare::default() };
        let emptied = node.empty_dir("/var/lib/kubelet", &spare).expect("emptied");
        assert_eq!((emptied.removed, emptied.kept), (4, Vec::new()));
        assert!(node.is_dir("/var/lib/kubelet/pods/a/volume/x"));
        assert_eq!(node.list("/var/lib/kubelet/pods").expect("there"), ["a"]);
    }

    #[test]
    fn a_dry_run_says_the_same_and_removes_nothing() {
        let (root, _) = tree();
        let scratch = tempfile::tempdir().expect("a scratch");
        let dry = Node::dry_run_of(root.path(), scratch.path());
        let emptied = dry.empty_dir("/var/lib/kubelet", &Spare::default()).expect("looked");
        assert_eq!(emptied.removed, 8);
        assert!(!dry.exists("/var/lib/kubelet/config.yaml") && dry.list("/var/lib/kubelet").expect("read").is_empty());
        assert!(root.path().join("var/lib/kubelet/pods/a/file").exists());
    }

    #[test]
    fn how_deep_it_is_does_not_matter() {
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        std::fs::create_dir(root.path().join("top")).expect("made");
        let mut at = fs::open(root.path().join("top"), OFlags::DIRECTORY, Mode::empty()).expect("open");
        for _ in 0..5000 {
            fs::mkdirat(&at, "deeper", Mode::RWXU).expect("made");
            at = fs::openat(&at, "deeper", OFlags::DIRECTORY, Mode::empty()).expect("open");
        }
        assert_eq!(node.empty_dir("/top", &Spare::default()).expect("emptied").removed, 5000);
        assert!(node.list("/top").expect("there").is_empty());
    }
}

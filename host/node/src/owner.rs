//! Who files and directories belong to. It does not know which user is for what.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};

use crate::change::{Change, ChangeKind};
use crate::file::FileError;
use crate::node::{Node, resolve};

/// A user ID and a group ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's.
    pub uid: u32,
    /// The group's.
    pub gid: u32,
}

/// What is made new belongs to root, who alone makes it for real.
const ROOT: Owner = Owner { uid: 0, gid: 0 };

impl Node {
    /// Gives an existing file or directory to `owner`, and sets its permission bits. A link is followed. A dry run sets
    /// the bits of what is in its scratch directory and tells the rest: an ordinary user cannot give anything away. Nor
    /// is anything given away on a pretended machine.
    pub fn own(&self, path: &str, owner: Owner, mode: u32) -> Result<Change, FileError> {
        self.settle_below(path)?;
        let fail = |source| FileError::new("change the owner of", path, source);
        let mut diff = String::new();
        if self.is_dry_run() || self.is_rehearsed() {
            tell_owner(&mut diff, self.owner_before(path), owner);
            if let Some(before) = self.mode(path) {
                tell_mode(&mut diff, before, mode);
                set_mode(&self.target(path), mode).map_err(fail)?;
            }
        } else {
            let place = self.host_path(path);
            let metadata = std::fs::metadata(&place).map_err(fail)?;
            let before = Owner { uid: metadata.uid(), gid: metadata.gid() };
            // In this order: bits that let the group read are meant for the new group.
            if tell_owner(&mut diff, before, owner) {
                std::os::unix::fs::chown(&place, Some(owner.uid), Some(owner.gid)).map_err(fail)?;
            }
            if tell_mode(&mut diff, metadata.permissions().mode() & 0o7777, mode) {
                set_mode(&place, mode).map_err(fail)?;
            }
        }
        Ok(self.owned(path, diff))
    }

    /// Gives a directory and everything below it to `owner`. A link at the path is followed, links below it are not:
    /// whoever owns the directory could have them point anywhere.
    pub fn own_all(&self, path: &str, owner: Owner) -> Result<Change, FileError> {
        self.settle_below(path)?;
        let fail = |source| FileError::new("change the owner of", path, source);
        let mut diff = String::new();
        if self.is_dry_run() || self.is_rehearsed() {
            tell_owner(&mut diff, self.owner_before(path), owner);
        } else {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let place = self.host_path(path);
            let directory = rustix::fs::open(place, flags, Mode::empty()).map_err(|e| fail(e.into()))?;
            let stat = rustix::fs::fstat(&directory).map_err(|e| fail(e.into()))?;
            let below = give_below(directory.as_fd(), owner).map_err(fail)?;
            if tell_owner(&mut diff, Owner { uid: stat.st_uid, gid: stat.st_gid }, owner) {
                let (uid, gid) = ids(owner);
                rustix::fs::fchown(&directory, uid, gid).map_err(|e| fail(e.into()))?;
            }
            if below > 0 {
                diff.push_str(&format!("and {below} below it\n"));
            }
        }
        Ok(self.owned(path, diff))
    }

    /// Whose a file or directory is, links followed; `None` if nothing is there.
    pub fn owner(&self, path: &str) -> Option<Owner> {
        let metadata = std::fs::metadata(self.host_path(path)).ok()?;
        Some(Owner { uid: metadata.uid(), gid: metadata.gid() })
    }

    fn owned(&self, path: &str, diff: String) -> Change {
        let kind = if diff.is_empty() { ChangeKind::Unchanged } else { ChangeKind::Replaced };
        let change = Change { diff: (!diff.is_empty()).then_some(diff), ..Change::new(path, kind) };
        self.record(change.clone());
        change
    }

    /// Whose it is on the machine, whatever a dry run has written meanwhile.
    fn owner_before(&self, path: &str) -> Owner {
        if self.is_rehearsed() {
            return ROOT;
        }
        let place = resolve(self.read_root(), &self.normal(path));
        let metadata = std::fs::metadata(place);
        metadata.map_or(ROOT, |metadata| Owner { uid: metadata.uid(), gid: metadata.gid() })
    }
}

fn set_mode(place: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode))
}

/// True if there is something to do.
fn tell_owner(diff: &mut String, before: Owner, wanted: Owner) -> bool {
    if before != wanted {
        diff.push_str(&format!("old owner {}:{}\nnew owner {}:{}\n", before.uid, before.gid, wanted.uid, wanted.gid));
    }
    before != wanted
}

/// True if there is something to do.
fn tell_mode(diff: &mut String, before: u32, wanted: u32) -> bool {
    if before != wanted {
        diff.push_str(&format!("old mode {before:04o}\nnew mode {wanted:04o}\n"));
    }
    before != wanted
}

fn ids(owner: Owner) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
}

/// How many had another owner.
fn give_below(directory: BorrowedFd<'_>, owner: Owner) -> io::Result<usize> {
    let mut given = 0;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Its owner, who may be running, has removed it.
            Err(rustix::io::Errno::NOENT) => continue,
            stat => stat?,
        };
        if (stat.st_uid, stat.st_gid) != (owner.uid, owner.gid) {
            let (uid, gid) = ids(owner);
            rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
            given += 1;
        }
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = rustix::fs::openat(directory, name, flags, Mode::empty())?;
            given += give_below(below.as_fd(), owner)?;
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use kubephase_model::File;

    use super::*;

    const SOMEBODY: Owner = Owner { uid: 101, gid: 102 };

    /// Who we are: the only owner that everybody may set.
    fn us() -> Owner {
        Owner { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }

    fn is_root() -> bool {
        us().uid == 0
    }

    /// Said to the terminal itself: the harness hides what passing tests print.
    fn skipped(test: &str) {
        use std::io::Write;
        let _ = writeln!(io::stderr(), "SKIPPED {test}: only root can give files away");
    }

    #[test]
    fn given_once_then_left_alone() {
        if !is_root() {
            return skipped("given_once_then_left_alone");
        }
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        node.hold();
        let key = File::secret("/pki/sa.key", "key");
        node.ensure(&key).expect("written");
        let change = node.own("/pki/sa.key", SOMEBODY, 0o640).expect("given");
        assert_eq!(change.kind, ChangeKind::Replaced);
        let told = "old owner 0:0\nnew owner 101:102\nold mode 0600\nnew mode 0640\n";
        assert_eq!(change.diff.as_deref(), Some(told));
        let metadata = std::fs::metadata(root.path().join("pki/sa.key")).expect("there");
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (101, 102, 0o640));
        assert_eq!(node.own("/pki/sa.key", SOMEBODY, 0o640).expect("fine").kind, ChangeKind::Unchanged);
        // Wanting the same contents again takes nothing away from its owner.
        assert_eq!(node.ensure(&File { mode: 0o640, ..key }).expect("fine").kind, ChangeKind::Unchanged);
        assert_eq!(std::fs::metadata(root.path().join("pki/sa.key")).expect("there").uid(), 101);
    }

    #[test]
    fn what_is_replaced_stays_whose_it_is_if_that_is_asked_for() {
        if !is_root() {
            return skipped("what_is_replaced_stays_whose_it_is_if_that_is_asked_for");
        }
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        let key = |text: &str| File { mode: 0o640, ..File::secret("/pki/x.key", text) };
        let owner = || std::fs::metadata(root.path().join("pki/x.key")).expect("there").uid();
        node.replace_all(&[key("first")]).expect("written");
        assert_eq!(owner(), 0);
        node.own("/pki/x.key", SOMEBODY, 0o640).expect("given");
        node.replace_all(&[key("second")]).expect("replaced");
        assert_eq!((owner(), node.mode("/pki/x.key")), (101, Some(0o640)));
        node.ensure_all(&[key("third")]).expect("replaced");
        assert_eq!(owner(), 0);
    }

    #[test]
    fn everything_below_is_given_but_nothing_behind_links() {
        if !is_root() {
            return skipped("everything_below_is_given_but_nothing_behind_links");
        }
        let root = tempfile::tempdir().expect("a root");
        let node = Node::at(root.path());
        node.ensure(&File::private("/etcd/member/wal/0.wal", "log")).expect("written");
        node.ensure(&File::private("/precious", "mine")).expect("written");
        std::os::unix::fs::symlink(root.path().join("precious"), root.path().join("etcd/link")).expect("a link");
        let change = node.own_all("/etcd", SOMEBODY).expect("given");
        assert_eq!(change.diff.as_deref(), Some("old owner 0:0\nnew owner 101:102\nand 4 below it\n"));
        let owner = |path: &str| std::fs::symlink_metadata(root.path().join(path)).expect("there").uid();
        for path in ["etcd", "etcd/member", "etcd/member/wal", "etcd/member/wal/0.wal", "etcd/link"] {
            assert_eq!(owner(path), 101, "{path}");
        }
        assert_eq!(owner("precious"), 0);
        assert_eq!(node.own_all("/etcd", SOMEBODY).expect("fine").kind, ChangeKind::Unchanged);
    }

    #[test]
    fn a_dry_run_tells_and_gives_nothing() {
        let (root, scratch) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("a scratch"));
        let node = Node::dry_run_of(root.path(), scratch.path());
        node.ensure(&File::secret("/pki/sa.key", "key")).expect("written");
        let change = node.own("/pki/sa.key", SOMEBODY, 0o640).expect("told");
        let told = "old owner 0:0\nnew owner 101:102\nold mode 0600\nnew mode 0640\n";
        assert_eq!(change.diff.as_deref(), Some(told));
        let metadata = std::fs::metadata(scratch.path().join("pki/sa.key")).expect("there");
        assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (us().uid, 0o640));
        assert_eq!(node.own_all("/var/lib/etcd", SOMEBODY).expect("told").kind, ChangeKind::Replaced);
    }

    #[test]
    fn what_is_not_there_cannot_be_given() {
        let root = tempfile::tempdir().expect("a root");
        let error = Node::at(root.path()).own("/pki/sa.key", us(), 0o600).expect_err("nothing is there");
        assert_eq!(error.to_string(), "cannot change the owner of /pki/sa.key");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

//! System users and groups: makes wanted ones exist by editing `/etc/passwd` and `/etc/group`, as kubeadm does where
//! components run as users of their own. It does not know which users those are, and it never changes or removes one
//! that exists.

mod plan;

use std::fs::File as OpenFile;
use std::io;
use std::time::{Duration, Instant};

use kubephase_model::File;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::Node;
use crate::file::FileError;

pub use plan::Accounts;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";
const LOGIN_DEFS: &str = "/etc/login.defs";
/// What `lckpwdf(3)` locks: useradd, groupadd and systemd-sysusers take it. kubeadm locks the two files instead.
const PWD_LOCK: &str = "/etc/.pwd.lock";
/// How long and how often somebody else's lock is waited for: as kubeadm does.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(200);

/// Which users and groups must exist.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Users, each with a group of its own that has its name and only it.
    pub users: &'a [&'a str],
    /// Further groups with their members.
    pub groups: &'a [(&'a str, &'a [&'a str])],
}

impl<'a> Wanted<'a> {
    fn all_groups(&self) -> impl Iterator<Item = (&'a str, Vec<&'a str>)> {
        let own = self.users.iter().map(|user| (*user, vec![*user]));
        own.chain(self.groups.iter().map(|(name, members)| (*name, members.to_vec())))
    }
}

/// The wanted users cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody else is changing the user database.
    #[error("cannot lock {path}: another program has held it for {} s", PATIENCE.as_secs())]
    Locked {
        /// The locked file.
        path: &'static str,
    },
    /// The lock cannot be taken at all.
    #[error("cannot lock {path}")]
    Lock {
        /// The file.
        path: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file does not read as it should.
    #[error("cannot read line {line} of {path}: {why}")]
    Malformed {
        /// The file.
        path: &'static str,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A user or group of that name is there, and it is not what is needed.
    #[error("cannot use the {kind} {name}: {why}")]
    Unfit {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Why it cannot be used.
        why: String,
    },
    /// The range of system IDs is used up, or empty.
    #[error("no free {kind} ID is left between {min} and {max}")]
    NoFreeId {
        /// `user` or `group`.
        kind: &'static str,
        /// Lowest ID.
        min: u32,
        /// Highest ID.
        max: u32,
    },
}

impl AccountsError {
    fn malformed(path: &'static str, line: usize, why: String) -> Self {
        Self::Malformed { path, line, why }
    }

    fn unfit(kind: &'static str, name: &str, why: String) -> Self {
        Self::Unfit { kind, name: name.to_owned(), why }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().map(str::to_owned),
            Self::Locked { .. } => Some("wait until it has ended, then run the same command again".into()),
            Self::Lock { source, .. } => {
                (source.kind() == io::ErrorKind::PermissionDenied).then(|| "run as root".to_owned())
            }
            Self::Malformed { path, .. } => Some(format!("mend {path} (`pwck`, `grpck`)")),
            Self::Unfit { kind, name, .. } => Some(format!("remove it (`{kind}del {name}`) to have it made anew")),
            Self::NoFreeId { .. } => Some(format!("widen the range of system IDs in {LOGIN_DEFS}")),
        }
    }
}

impl Node {
    /// Makes users and groups exist and returns their IDs. Lowest free system IDs, shell `/bin/false`, no home and no
    /// password. Other programs that change the user database are locked out meanwhile. A dry run tells what would be
    /// added and which IDs that would get, and writes nothing, not even into its scratch directory.
    pub async fn ensure_accounts(&self, wanted: &Wanted<'_>) -> Result<Accounts, AccountsError> {
        let _locks = self.lock_accounts().await?;
        let text = |path| Ok::<_, FileError>(self.read_text(path)?.unwrap_or_default());
        let plan = plan::plan(wanted, &text(PASSWD)?, &text(GROUP)?, &text(LOGIN_DEFS)?)?;
        // Groups first: a user whose group is missing would be refused by the next run.
        let new = [(GROUP, plan.group), (PASSWD, plan.passwd)];
        let files: Vec<File> = new.into_iter().filter_map(|(path, text)| Some(self.database(path, text?))).collect();
        if self.is_dry_run() {
            self.tell(&files)?;
        } else {
            // In place before the locks go.
            self.ensure_now(&files)?;
        }
        Ok(plan.accounts)
    }

    /// Removes users with their own groups, and further groups, by their names. What is not there is no error.
    pub async fn remove_accounts(&self, users: &[&str], groups: &[&str]) -> Result<(), AccountsError> {
        let _locks = self.lock_accounts().await?;
        let without = |path: &str, names: &[&str]| -> Result<Option<File>, FileError> {
            let Some(text) = self.read_text(path)? else { return Ok(None) };
            let stays = |line: &&str| !names.contains(&line.split(':').next().unwrap_or_default());
            let rest: String = text.split_inclusive('\n').filter(stays).collect();
            Ok((rest != text).then(|| self.database(path, rest)))
        };
        let all: Vec<&str> = users.iter().chain(groups).copied().collect();
        // Users first: one without its group would be refused by the next run.
        let files: Vec<File> = [without(PASSWD, users)?, without(GROUP, &all)?].into_iter().flatten().collect();
        if self.is_dry_run() {
            self.tell(&files)?;
        } else {
            self.ensure_now(&files)?;
        }
        Ok(())
    }

    fn database(&self, path: &str, text: String) -> File {
        File { mode: self.mode(path).unwrap_or(0o644), ..File::public(path, text) }
    }

    /// Open file description locks: unlike those of `F_SETLK` they outlive that this process reads and closes the
    /// same file. They exclude each other. In a minimal root directory some of the files may be missing; making them
    /// only to lock them would leave traces.
    async fn lock_accounts(&self) -> Result<Vec<OpenFile>, AccountsError> {
        let mut locks = Vec::new();
        for path in [PWD_LOCK, PASSWD, GROUP] {
            if self.is_dry_run() || !self.exists(path) {
                continue;
            }
            let file = OpenFile::options().read(true).write(true).open(self.host_path(path));
            let file = file.map_err(|source| AccountsError::Lock { path, source })?;
            let begun = Instant::now();
            while !try_lock(&file).map_err(|source| AccountsError::Lock { path, source })? {
                if begun.elapsed() >= PATIENCE {
                    return Err(AccountsError::Locked { path });
                }
                tokio::time::sleep(RETRY).await;
            }
            locks.push(file);
        }
        Ok(locks)
    }
}

fn try_lock(file: &OpenFile) -> io::Result<bool> {
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole)) {
        Ok(_) => Ok(true),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::ChangeKind;

    const WANTED: Wanted<'static> = Wanted { users: &["kubeadm-a"], groups: &[("kubeadm-readers", &["kubeadm-a"])] };

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a root");
        std::fs::create_dir(root.path().join("etc")).expect("a directory");
        for (file, text) in [("passwd", "root:x:0:0::/root:/bin/sh\n"), ("group", "root:x:0:\n"), (".pwd.lock", "")] {
            std::fs::write(root.path().join("etc").join(file), text).expect("a file");
        }
        root
    }

    #[tokio::test]
    async fn made_once_then_left_alone() {
        let root = root();
        let node = Node::at(root.path());
        std::fs::set_permissions(root.path().join("etc/group"), std::fs::Permissions::from_mode(0o664)).expect("chmod");
        let made = node.ensure_accounts(&WANTED).await.expect("made");
        let kinds: Vec<_> = node.changes().into_iter().map(|change| (change.path, change.kind)).collect();
        assert_eq!(kinds, [(GROUP.to_owned(), ChangeKind::Replaced), (PASSWD.to_owned(), ChangeKind::Replaced)]);
        assert_eq!(made.users["kubeadm-a"], (100, 100));
        assert_eq!(node.mode(GROUP), Some(0o664), "its mode is its packager's");
        let inode = || std::fs::metadata(root.path().join("etc/passwd")).expect("there").ino();
        let before = inode();
        assert_eq!(node.ensure_accounts(&WANTED).await.expect("there"), made);
        assert_eq!((node.changes(), inode()), (Vec::new(), before));
    }

    #[tokio::test]
    async fn removed_they_leave_what_was_there_before() {
        let root = root();
        let node = Node::at(root.path());
        node.ensure_accounts(&WANTED).await.expect("made");
        node.remove_accounts(WANTED.users, &["kubeadm-readers"]).await.expect("removed");
        assert_eq!(node.read_text(PASSWD).expect("read").as_deref(), Some("root:x:0:0::/root:/bin/sh\n"));
        assert_eq!(node.read_text(GROUP).expect("read").as_deref(), Some("root:x:0:\n"));
        node.changes();
        node.remove_accounts(WANTED.users, &["kubeadm-readers"]).await.expect("gone already");
        assert_eq!(node.changes(), []);
    }

    #[tokio::test]
    async fn a_dry_run_tells_and_touches_nothing() {
        let (root, scratch) = (root(), tempfile::tempdir().expect("a scratch"));
        let node = Node::dry_run_of(root.path(), scratch.path());
        let told = node.ensure_accounts(&WANTED).await.expect("planned");
        let changes = node.changes();
        assert!(changes[1].diff.as_deref().expect("a diff").contains("+kubeadm-a:x:100:100:::/bin/false"));
        assert_eq!(std::fs::read_dir(scratch.path()).expect("there").count(), 0);
        assert_eq!(Node::at(root.path()).ensure_accounts(&WANTED).await.expect("made"), told, "the same IDs");
    }

    #[tokio::test]
    async fn somebody_elses_lock_is_respected() {
        let root = root();
        for path in [PWD_LOCK, PASSWD, GROUP] {
            let held = OpenFile::options().write(true).open(root.path().join(&path[1..])).expect("there");
            assert!(try_lock(&held).expect("locked"));
            let node = Node::at(root.path());
            let waiting = tokio::time::timeout(RETRY * 2, node.ensure_accounts(&WANTED));
            assert!(waiting.await.is_err(), "{path} was locked");
            assert_eq!(node.changes(), []);
        }
        Node::at(root.path()).ensure_accounts(&WANTED).await.expect("free again");
    }
}
